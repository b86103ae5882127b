//! Whole-book rules: every reference resolved, every wait possible.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::civil::date;
use runbook_core::check::{Unread, check, is_allowed_env, overdue};
use runbook_core::diag::{Diagnostic, Diagnostics};
use runbook_core::kind::Kinds;
use runbook_core::model::Runbook;
use runbook_core::read;
use runbook_core::source::Sources;

fn book(rest: &str) -> (Runbook, Sources) {
    let text = format!("apiVersion: runbook/v1\nkind: Runbook\nname: test\n{rest}");
    let loaded = read::parse("test.yaml", &text, &Kinds::default());
    let runbook = loaded.runbook.unwrap_or_else(|| panic!("not read: {:#?}", loaded.diagnostics));
    (runbook, loaded.sources)
}

fn problems(rest: &str) -> (Vec<Diagnostic>, Sources) {
    // Reading ends with the checks of the whole.
    let text = format!("apiVersion: runbook/v1\nkind: Runbook\nname: test\n{rest}");
    let loaded = read::parse("test.yaml", &text, &Kinds::default());
    (loaded.diagnostics, loaded.sources)
}

/// One line a problem: code, the text it points at, the message, and everything else it says.
fn said(rest: &str) -> Vec<String> {
    let (found, sources) = problems(rest);
    let line = |d: &Diagnostic| {
        let mut line = format!("{} «{}» {}", d.code, sources.text(d.primary.span), d.message);
        if !d.primary.text.is_empty() {
            line += &format!(" ({})", d.primary.text);
        }
        for label in &d.secondary {
            line += &format!(" / «{}» {}", sources.text(label.span), label.text);
        }
        for help in &d.help {
            line += &format!(" ? {help}");
        }
        line
    };
    found.iter().map(line).collect()
}

fn clean(rest: &str) {
    assert_eq!(said(rest), Vec::<String>::new(), "in\n{rest}");
}

/// Asserts that there is one problem, that it has `code` and points at `at`, and returns what it says.
fn one(rest: &str, code: &str, at: &str) -> String {
    let said = said(rest);
    assert_eq!(said.len(), 1, "in\n{rest}\n{said:#?}");
    assert!(said[0].starts_with(&format!("{code} «{at}»")), "{}", said[0]);
    said[0].clone()
}

fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "`{part}` is not in: {text}");
}

#[test]
fn a_book_that_uses_everything_is_clean() {
    clean(
        r#"
inputs:
  branch: {type: string, default: main}
vars:
  user: ${{ env.USER | default('nobody') }}
  path: /srv/${{ vars.user }}/${{ inputs.branch }}
lock: deploy-${{ inputs.branch }}
preconditions:
  - inputs.branch != 'wip' and run.runbook == 'test'
steps:
  - {id: look, effect: read, run: ls, outputs: {files: result.stdout | lines}}
  - {id: ask, manual: {instructions: How many?, fields: {count: {type: int}}}}
  - {id: sum, set: {total: "${{ steps.ask.outputs.count + 1 }}"}}
  - id: group
    parallel:
      - {id: one, run: 'echo "${{ steps.look.outputs.files | length }}"', outputs: {num: result.stdout | int}}
      - {id: two, run: [echo, "${{ steps.sum.outputs.total | string }}", "${{ target.name }}", "${{ run.id }}"]}
  - id: last
    when: steps.one.outputs.num > 0 and steps.group.status == 'succeeded'
    run: [deploy, "${{ vars.path }}"]
    expect: result.exit_code == 0
    verify:
      - steps.last.stdout != ''
      - {run: systemctl is-active app, expect: result.stdout == 'active'}
    rollback:
      - {id: undo, run: [undo, "${{ steps.last.stdout }}", "${{ steps.look.stdout }}"]}
      - run: [note, "${{ steps.undo.stdout }}"]
on_failure:
  steps:
    - run: [tell, "${{ steps.one.status }}"]
finally:
  - run: [log, "${{ steps.last.status }}"]
outputs:
  num: steps.one.outputs.num
"#,
    );
}

#[test]
fn names_that_do_not_exist() {
    let steps = |expr: &str| {
        format!(
            "inputs: {{branch: {{type: string}}}}\nvars: {{path: /srv}}\nsteps:\n  - {{id: build, run: make}}\n  - {{id: next, run: make, when: {expr}}}\n"
        )
    };
    let say = one(&steps("inputs.brnch == ''"), "RB0201", "brnch");
    contains(&say, "? did you mean `branch`?");
    contains(&one(&steps("vars.pth == ''"), "RB0201", "pth"), "did you mean `path`?");
    contains(&one(&steps("steps.biuld.status == ''"), "RB0201", "biuld"), "did you mean `build`?");
    contains(&one(&steps("run.ident == ''"), "RB0201", "ident"), "it offers `id`, `started`, `runbook`");
    contains(&one(&steps("branch == ''"), "RB0201", "branch"), "did you mean `inputs.branch`?");
    contains(&one(&steps("build.stdout == ''"), "RB0201", "build"), "did you mean `steps.build`?");
    contains(&one(&steps("input.branch == ''"), "RB0201", "input"), "did you mean `inputs`?");
    contains(&one(&steps("steps.build.stdot == ''"), "RB0209", "stdot"), "did you mean `stdout`?");
    one(&steps("item.name == ''"), "RB0201", "item");
    one(&steps("secrets.token == ''"), "RB0201", "token");
    let declared = |expr: &str| format!("secrets: {{token: {{env: T}}}}\n{}", steps(expr));
    one(&declared("secrets.token == ''"), "RB0610", "secrets");
    one(&steps("steps | length > 0"), "RB0207", "steps");
    one(&steps("env | length > 0"), "RB0207", "env");
}

#[test]
fn environment_variables_are_a_closed_list() {
    let steps = |name: &str| format!("steps:\n  - run: make\n    when: env.{name} == 'x'\n");
    for name in ["HOME", "CI", "RUNBOOK_MODE", "XDG_DATA_HOME"] {
        assert!(is_allowed_env(name));
        clean(&steps(name));
    }
    let say = one(&steps("AWS_SECRET_ACCESS_KEY"), "RB0201", "AWS_SECRET_ACCESS_KEY");
    contains(&say, "declare an input for it");
    contains(&one(&steps("HOSTNAM"), "RB0201", "HOSTNAM"), "did you mean `HOSTNAME`?");
    assert!(!is_allowed_env("GITHUB_TOKEN"));
}

#[test]
fn outputs_are_declared_by_their_step() {
    let steps = |declared: &str, expr: &str| {
        format!(
            "steps:\n  - {{id: disk, run: df, outputs: {{{declared}}}}}\n  - {{run: make, when: {expr}}}\n"
        )
    };
    let say = one(&steps("used: result.stdout | int", "steps.disk.outputs.usd > 1"), "RB0210", "usd");
    contains(&say, "did you mean `used`?");
    contains(&say, "it declares `used`");
    let say = one(&steps("used: result.stdout | int", "steps.disk.used > 1"), "RB0209", "used");
    contains(&say, "write `steps.disk.outputs.used`");
    let none = "steps:\n  - {id: disk, run: df}\n  - {run: make, when: steps.disk.outputs.used > 1}\n";
    contains(&one(none, "RB0210", "used"), "declares no outputs at all");
}

#[test]
fn a_result_is_known_only_after_its_step() {
    let later = "steps:\n  - {id: a, run: 'true', when: steps.b.exit_code == 0}\n  - {id: b, run: 'true'}\n";
    let say = one(later, "RB0202", "b");
    contains(&say, "step `b` does not come before step `a`");
    contains(&say, "add `b` to the `needs` of `a`");

    let beside = "steps:\n  - parallel:\n    - {id: a, run: 'true'}\n    - {id: b, run: 'true', when: steps.a.exit_code == 0}\n";
    one(beside, "RB0202", "a");
    let needed = beside.replace("{id: b,", "{id: b, needs: [a],");
    clean(&needed);

    let cut = "steps:\n  - {id: a, run: 'true'}\n  - {id: b, needs: [], run: 'true'}\n  - {id: c, run: 'true', when: steps.a.exit_code == 0}\n";
    one(cut, "RB0202", "a");

    let own = "steps:\n  - {id: a, run: 'true', when: steps.a.exit_code == 0}\n";
    contains(&one(own, "RB0202", "a"), "refers to its own result");
    let in_outputs = "steps:\n  - {id: a, run: 'true', outputs: {x: steps.a.stdout}}\n";
    contains(&one(in_outputs, "RB0202", "a"), "it is called `result`");

    let around = "steps:\n  - id: g\n    steps:\n    - {id: a, run: 'true', when: steps.g.status == 'x'}\n";
    contains(&one(around, "RB0202", "g"), "the group that holds this step");

    let early = "preconditions: [steps.a.exit_code == 0]\nsteps:\n  - {id: a, run: 'true'}\n";
    contains(&one(early, "RB0202", "steps"), "no step has run");
}

#[test]
fn a_group_verifies_what_its_steps_did() {
    clean(
        "steps:\n  - id: g\n    verify: [steps.a.exit_code == 0]\n    steps:\n    - {id: a, run: 'true'}\n",
    );
    let before =
        "steps:\n  - id: g\n    when: steps.a.exit_code == 0\n    steps:\n    - {id: a, run: 'true'}\n";
    one(before, "RB0202", "a");
}

#[test]
fn handlers_know_their_step_and_what_came_before() {
    let undo = |expr: &str| {
        format!(
            "steps:\n  - {{id: first, run: 'true'}}\n  - id: work\n    run: 'true'\n    rollback:\n    - {{id: undo_one, run: [x, '${{{{ {expr} }}}}']}}\n    - {{id: undo_two, run: 'true'}}\n    cleanup:\n    - {{id: tidy, run: 'true'}}\n  - {{id: after, run: 'true'}}\n"
        )
    };
    clean(&undo("steps.work.stdout"));
    clean(&undo("steps.first.stdout"));
    one(&undo("steps.after.stdout"), "RB0202", "after");
    one(&undo("steps.undo_two.stdout"), "RB0202", "undo_two");
    contains(&one(&undo("steps.tidy.stdout"), "RB0202", "tidy"), "belongs to a cleanup");
    let body = "steps:\n  - id: work\n    run: 'true'\n    rollback: [{id: undo, run: 'true'}]\n  - {run: [x, '${{ steps.undo.stdout }}']}\n";
    contains(&one(body, "RB0202", "undo"), "belongs to a rollback");
    let outputs = "steps:\n  - {id: work, run: 'true'}\nfinally:\n  - {id: log, run: 'true'}\noutputs: {x: steps.log.stdout}\n";
    contains(&one(outputs, "RB0202", "log"), "belongs to `finally`");
}

#[test]
fn result_belongs_to_its_step() {
    let steps = |key: &str| format!("steps:\n  - run: 'true'\n    {key}\n");
    for fits in [
        "expect: result.exit_code == 0",
        "outputs: {x: result.stdout}",
        "verify: [{run: ls, expect: result.exit_code == 0}]",
        "done_when: [{run: ls, expect: result.exit_code == 0}]",
    ] {
        clean(&steps(fits));
    }
    clean(
        "steps:\n  - {run: 'true', idempotent: true, retry: {attempts: 2, every: 1s, when: result.exit_code == 7}}\n",
    );
    one(&steps("when: result.exit_code == 0"), "RB0208", "result");
    one(&steps("verify: [result.exit_code == 0]"), "RB0208", "result");
    one(&steps("title: ${{ result.stdout }}"), "RB0208", "result");
}

#[test]
fn variables_are_computed_in_order() {
    let say = one("vars: {a: '${{ vars.b }}', b: x}\nsteps:\n  - run: 'true'\n", "RB0201", "b");
    contains(&say, "the variable `b` is computed later");
    contains(&one("vars: {a: '${{ vars.a }}'}\nsteps:\n  - run: 'true'\n", "RB0201", "a"), "from itself");
    one("vars: {a: '${{ run.id }}'}\nsteps:\n  - run: 'true'\n", "RB0201", "run");
    one("lock: x-${{ steps.a.stdout }}\nsteps:\n  - {id: a, run: 'true'}\n", "RB0201", "steps");
}

#[test]
fn an_id_names_one_step_in_the_whole_file() {
    let twice =
        "steps:\n  - {id: a, run: 'true'}\n  - {id: b, run: 'true', rollback: [{id: a, run: 'true'}]}\n";
    let say = one(twice, "RB0113", "a");
    contains(&say, "(again here) / «a» first here");
}

#[test]
fn needs_lead_where_they_can() {
    let say =
        one("steps:\n  - {id: alpha, run: 'true'}\n  - {needs: [alhpa], run: 'true'}\n", "RB0401", "alhpa");
    contains(&say, "did you mean `alpha`?");
    let holder = "steps:\n  - id: g\n    steps:\n    - {needs: [g], run: 'true'}\n";
    contains(&one(holder, "RB0403", "g"), "a group that holds this step");
    let child = "steps:\n  - id: g\n    needs: [a]\n    steps:\n    - {id: a, run: 'true'}\n";
    contains(&one(child, "RB0403", "a"), "a step of this group");
    let undo =
        "steps:\n  - {id: a, run: 'true', rollback: [{id: u, run: 'true'}]}\n  - {needs: [u], run: 'true'}\n";
    contains(&one(undo, "RB0403", "u"), "step `u` belongs to a rollback, this step belongs to the body");
    let end = "steps:\n  - {id: a, run: 'true'}\nfinally:\n  - {needs: [a], run: 'true'}\n";
    contains(&one(end, "RB0403", "a"), "this step belongs to `finally`");
    clean("steps:\n  - parallel:\n    - {id: a, run: 'true'}\n  - {needs: [a], run: 'true'}\n");
    clean("steps:\n  - {id: b, needs: [a], run: 'true'}\n  - {id: a, needs: [], run: 'true'}\n");
}

#[test]
fn cycles_are_written_out() {
    let two = "steps:\n  - {id: a, needs: [b], run: 'true'}\n  - {id: b, needs: [a], run: 'true'}\n";
    let say = one(two, "RB0402", "b");
    contains(&say, "steps wait for each other: a → b → a");
    contains(&say, "(`a` waits for `b`) / «a» `b` waits for `a`");
    contains(&one("steps:\n  - {id: a, needs: [a], run: 'true'}\n", "RB0402", "a"), "a → a");
    let list =
        "steps:\n  - {id: a, needs: [c], run: 'true'}\n  - {id: b, run: 'true'}\n  - {id: c, run: 'true'}\n";
    let say = one(list, "RB0402", "c");
    contains(&say, "a → c → b → a");
    contains(&say, "`c` comes after `b` in its list");
}

#[test]
fn cycles_go_through_groups() {
    let ends = "steps:\n  - id: g\n    parallel:\n    - {id: x, needs: [w], run: 'true'}\n  - {id: w, run: 'true'}\n";
    let say = one(ends, "RB0402", "w");
    contains(&say, "g → x → w → g");
    contains(&say, "the group `g` ends after its step `x`");
    let starts = "steps:\n  - id: g\n    needs: [w]\n    parallel:\n    - {id: x, run: 'true'}\n  - {id: w, needs: [x], run: 'true'}\n";
    contains(&one(starts, "RB0402", "w"), "`x` starts after its group `g` has started");
}

#[test]
fn several_cycles_are_several_problems() {
    let say = said(
        "steps:\n  - {id: a, needs: [b], run: 'true'}\n  - {id: b, needs: [a], run: 'true'}\n  - {id: c, needs: [d], run: 'true'}\n  - {id: d, needs: [c], run: 'true'}\n",
    );
    assert_eq!(say.len(), 2);
    contains(&say[0], "a → b → a");
    contains(&say[1], "c → d → c");
}

#[test]
fn a_long_cycle_is_shortened_and_does_not_overflow() {
    let steps = 50_000;
    let mut text = String::from("steps:\n  - {id: s0, needs: [s49999], run: 'true'}\n");
    for i in 1..steps {
        text += &format!("  - {{id: s{i}, run: 'true'}}\n");
    }
    let say = one(&text, "RB0402", "s49999");
    contains(&say, " → … → ");
    assert!(say.len() < 3000, "{}", say.len());
}

#[test]
fn rules_about_steps() {
    one(
        "steps:\n  - {id: a, run: 'true', effect: change, retry: {attempts: 3, every: 1s}}\n",
        "RB0404",
        "retry",
    );
    clean("steps:\n  - {id: a, run: 'true', effect: read, retry: {attempts: 3, every: 1s}}\n");
    clean("steps:\n  - {id: a, run: 'true', idempotent: true, retry: {attempts: 3, every: 1s}}\n");
    one("steps:\n  - {id: a, run: 'true', irreversible: true}\n", "RB0405", "irreversible");
    clean("steps:\n  - {id: a, run: 'true', irreversible: true, confirm: Sure?}\n");
    one("steps:\n  - {run: 'true', when: 1 + 1}\n", "RB0211", "1 + 1");
    one("steps:\n  - {run: 'true', when: \"'yes'\"}\n", "RB0211", "'yes'");
    one("steps:\n  - {run: 'true', preconditions: [\"'x' | length\"]}\n", "RB0211", "'x' | length");
    clean("steps:\n  - {run: 'true', when: 'false'}\n");
}

#[test]
fn a_target_must_exist() {
    let (mut runbook, _) = book("steps:\n  - {id: a, run: 'true', verify: [{run: ls}]}\n");
    runbook.steps[0].spec.target = "lokal".into();
    runbook.steps[0].spec.verify[0].target = "web".into();
    let mut found = Diagnostics::default();
    check(&runbook, &Unread::default(), &mut found);
    let found = found.into_sorted();
    let messages: Vec<_> = found.iter().map(|d| d.message.as_str()).collect();
    assert!(messages.contains(&"there is no target `lokal`"), "{messages:?}");
    assert!(messages.contains(&"there is no target `web`"), "{messages:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn a_verification_can_fail() {
    for useless in ["'true'", "1 == 1", "{run: ls, expect: 'true'}"] {
        let (found, _) = problems(&format!("steps:\n  - {{run: 'true', verify: [{useless}]}}\n"));
        assert_eq!(found.len(), 1, "{useless}: {found:?}");
        assert_eq!(found[0].code.to_string(), "RB0410");
        assert_eq!(found[0].severity, runbook_core::diag::Severity::Warning);
    }
    clean("inputs: {x: {type: int}}\nsteps:\n  - {run: 'true', verify: [inputs.x == inputs.x]}\n");
}

#[test]
fn scripts_take_values_only_where_they_stay_values() {
    let script = |text: &str| format!("inputs: {{x: {{type: string}}}}\nsteps:\n  - run: {text}\n");
    clean(&script("echo ${{ inputs.x }}"));
    one(&script("sh -c \"echo ${{ inputs.x }}\""), "RB0301", "inputs.x");
    one(&script("${{ inputs.x }} --help"), "RB0301", "inputs.x");
    let raw = script("echo ${{ inputs.x | raw }}");
    one(&raw, "RB0303", "inputs.x | raw");
    let open = said(
        "inputs: {x: {type: string}}\nsteps:\n  - id: a\n    run: |\n      echo ${{ inputs.x }}\n      echo \"open\n",
    );
    assert_eq!(open.len(), 1, "{open:?}");
    contains(&open[0], "RB0302");
    contains(&open[0], "does not end");
    let check = "inputs: {x: {type: string}}\nsteps:\n  - run: 'true'\n    verify: [{run: 'sh -c \"${{ inputs.x }}\"', effect_because: it only looks}]\n";
    one(check, "RB0301", "inputs.x");
}

#[test]
fn many_unknown_names_do_not_take_quadratic_time() {
    let mut text = String::from("steps:\n");
    for i in 0..5_000 {
        text += &format!("  - {{id: s{i}, needs: [nothing_like_it_{i}], run: 'true'}}\n");
    }
    assert_eq!(said(&text).len(), 5_000);
}

#[test]
fn an_overdue_review_is_a_warning() {
    let (runbook, _) = book("review_by: 2026-05-01\nowner: team-a\nsteps:\n  - run: 'true'\n");
    assert!(overdue(&runbook, date(2026, 5, 1)).is_none());
    let problem = overdue(&runbook, date(2026, 5, 2)).unwrap();
    assert_eq!(problem.code.to_string(), "RB0407");
    assert_eq!(problem.message, "this runbook was to be reviewed by team-a by 2026-05-01");
    let (runbook, _) = book("steps:\n  - run: 'true'\n");
    assert!(overdue(&runbook, date(2099, 1, 1)).is_none());
}
