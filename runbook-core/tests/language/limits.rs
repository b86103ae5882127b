//! Texts that are made to hurt: each is read in a process of its own, whose memory is measured.
//!
//! A test starts the test program again with its own name; the child reads the text and says what came of it.

use std::env;
use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runbook_core::diag::Code;
use runbook_core::read;

use crate::kinds::kinds;

const CASE: &str = "RUNBOOK_TEST_HOSTILE_TEXT";
const HEADER: &str = "apiVersion: runbook/v1\nkind: Runbook\nname: example\n";
/// The most memory the child may ever have had, in KiB.
const MEMORY: u64 = 200 * 1024;

/// What a good file of a hundred thousand steps may take, in KiB: all of it is kept, as a runbook.
const MEMORY_OF_A_HUGE_BOOK: u64 = 256 * 1024;
/// Far more than anything here takes; only a hang takes longer.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Reads `text` in another process, and compares the codes it reports, each once, with `expected`.
fn hostile(test: &str, expected: &[Code], text: fn() -> String) {
    if env::var(CASE).is_ok_and(|case| case == test) {
        child(&text());
        return;
    }
    let program = env::current_exe().unwrap();
    let mut child = Command::new(program)
        .args(["--exact", &format!("limits::{test}"), "--nocapture", "--test-threads=1"])
        .env(CASE, test)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > WATCHDOG {
            child.kill().unwrap();
            panic!("{test} takes longer than {WATCHDOG:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{test} ended with {}\n{said}", output.status);
    let field = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} from {test}:\n{said}")).trim().to_owned()
    };
    println!("{test}: {} ms, {} KiB, {} problems", field("millis:"), field("peak:"), field("problems:"));
    let mut codes: Vec<String> = expected.iter().map(Code::to_string).collect();
    codes.sort();
    assert_eq!(field("codes:"), codes.join(" "), "{test}");
    let peak: u64 = field("peak:").parse().unwrap();
    let most = if test == "hundred_thousand_steps" { MEMORY_OF_A_HUGE_BOOK } else { MEMORY };
    assert!(peak < most, "{test} took {peak} KiB");
}

/// The other process. It prints as little as the parent needs.
fn child(text: &str) {
    let started = Instant::now();
    let loaded = read::parse("hostile.yaml", text, &kinds());
    let millis = started.elapsed().as_millis();
    let mut codes: Vec<String> = loaded.diagnostics.iter().map(|d| d.code.to_string()).collect();
    codes.sort();
    codes.dedup();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("\ncodes: {}", codes.join(" "));
    println!("problems: {}", loaded.diagnostics.len());
    println!("peak: {}", peak.trim().trim_end_matches(" kB"));
    println!("millis: {millis}");
}

/// A file with `count` steps, each with an id and some with more.
fn steps(count: usize) -> String {
    let mut text = format!("{HEADER}steps:\n");
    for index in 0..count {
        writeln!(text, "  - id: s{index}\n    run: echo {index}\n    effect: read").unwrap();
        if index % 10 == 9 {
            writeln!(text, "    when: steps.s{}.exit_code == 0", index - 9).unwrap();
        }
    }
    text
}

macro_rules! hostile {
    ($($(#[$doc:meta])* $name:ident, [$($code:ident),*], $text:expr;)*) => {
        $($(#[$doc])* #[test] fn $name() {
            hostile(stringify!($name), &[$(Code::$code),*], || $text);
        })*
    };
}

hostile! {
    exponential_aliases, [ANCHOR_LIMIT], {
        let mut text = format!("{HEADER}vars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..30 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(text, "  a{level}: &a{level} [{aliases}]").unwrap();
        }
        text + "steps: [{run: uptime}]\n"
    };
    quadratic_aliases, [ANCHOR_LIMIT], {
        let long = "x".repeat(500_000);
        format!("{HEADER}vars:\n  a: &a {long}\n  b: [{}]\nsteps: [{{run: uptime}}]\n", "*a, ".repeat(50_000))
    };
    deep_flow_lists, [TOO_DEEP], format!("{HEADER}vars: {{a: {}", "[".repeat(100_000));
    deep_flow_maps, [TOO_DEEP], format!("{HEADER}vars: {}", "{a: ".repeat(100_000));
    deep_blocks, [TOO_DEEP], {
        let mut text = format!("{HEADER}vars:\n");
        for depth in 1..3_000 {
            writeln!(text, "{}a:", " ".repeat(depth)).unwrap();
        }
        text
    };
    deep_block_lists, [TOO_DEEP], format!("{HEADER}vars:\n  a:\n  {}", "- ".repeat(100_000));
    deep_expression, [BAD_EXPRESSION], {
        format!("{HEADER}steps: [{{run: uptime, when: \"{}1{}\"}}]\n", "(".repeat(100_000), ")".repeat(100_000))
    };
    deep_groups, [TOO_DEEP], {
        format!("{HEADER}steps: [{}{{run: uptime}}{}]\n", "{steps: [".repeat(60), "]}".repeat(60))
    };
    deep_rollbacks, [KEY_NOT_HERE], {
        let open = "{run: uptime, rollback: [";
        format!("{HEADER}steps: [{}{{run: uptime}}{}]\n", open.repeat(60), "]}".repeat(60))
    };
    scalar_of_50_megabytes, [TOO_LARGE], format!("{HEADER}title: {}\nsteps: [{{run: uptime}}]\n", "x".repeat(50 << 20));
    scalar_of_20_megabytes, [TOO_LARGE], format!("{HEADER}title: {}\nsteps: [{{run: uptime}}]\n", "x".repeat(20 << 20));
    nul_everywhere, [CONTROL_CHARACTER, WRONG_TYPE], "\0".repeat(1_000_000);
    one_nul, [CONTROL_CHARACTER], format!("{HEADER}title: a\0b\nsteps: [{{run: uptime}}]\n");
    keys_of_a_runbook, [UNKNOWN_KEY], {
        let mut text = format!("{HEADER}steps: [{{run: uptime}}]\n");
        for index in 0..100_000 {
            writeln!(text, "k{index}: x").unwrap();
        }
        text
    };
    keys_of_labels, [], {
        let mut text = format!("{HEADER}steps: [{{run: uptime}}]\nlabels:\n");
        for index in 0..100_000 {
            writeln!(text, "  k{index}: x").unwrap();
        }
        text
    };
    names_in_an_environment, [], {
        let mut text = format!("{HEADER}steps:\n- run: uptime\n  env:\n");
        for index in 0..100_000 {
            writeln!(text, "    K{index}: x").unwrap();
        }
        text
    };
    /// Every step would carry its own copy of a large environment.
    environment_for_every_step, [TOO_LARGE], {
        let mut text = format!("{HEADER}defaults:\n  env:\n");
        for index in 0..10_000 {
            writeln!(text, "    K{index}: {}", "x".repeat(50)).unwrap();
        }
        text + "steps:\n" + &"- run: uptime\n".repeat(50_000)
    };
    references_to_a_step_with_many_outputs, [UNKNOWN_OUTPUT], {
        let mut text = format!("{HEADER}steps:\n- id: a\n  run: uptime\n  outputs:\n");
        for index in 0..20_000 {
            writeln!(text, "    k{index}: result.stdout").unwrap();
        }
        text += "- run:\n  - echo\n";
        for index in 0..20_000 {
            writeln!(text, "  - ${{{{ steps.a.outputs.k{} }}}}", index * 2).unwrap();
        }
        text
    };
    unknown_names, [UNKNOWN_REFERENCE, UNKNOWN_STEP], {
        let mut text = format!("{HEADER}steps:\n");
        for index in 0..10_000 {
            writeln!(text, "- {{id: s{index}, needs: [t{index}], run: \"echo ${{{{ inputs.i{index} }}}}\"}}").unwrap();
        }
        text
    };
    ten_thousand_errors, [BAD_DURATION, UNKNOWN_KEY, WRONG_TYPE], {
        let mut text = format!("{HEADER}steps:\n");
        for index in 0..5_000 {
            writeln!(text, "- {{run: uptime, tiemout{index}: 5m}}\n- {{run: uptime, timeout: 5, effect: [a]}}").unwrap();
        }
        text
    };
    duplicate_ids, [DUPLICATE_ID], format!("{HEADER}steps:\n{}", "- {id: a, run: uptime}\n".repeat(10_000));
    one_large_cycle, [CYCLE], {
        let mut text = format!("{HEADER}steps:\n");
        for index in 0..50_000 {
            writeln!(text, "- {{id: s{index}, needs: [s{}], run: uptime}}", (index + 49_999) % 50_000).unwrap();
        }
        text
    };
    ten_thousand_steps, [], steps(10_000);
    hundred_thousand_steps, [], steps(100_000);
}
