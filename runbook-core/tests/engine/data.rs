//! Values stay data, whatever they look like, and output may be of any size.

use runbook_core::run::Captured;

use crate::support::Bench;

const HOSTILE: [&str; 12] = [
    "$(touch HIT)",
    "`touch HIT`",
    "; touch HIT;",
    "\" ; touch HIT ; \"",
    "' ; touch HIT ; '",
    "a\nb\n\n",
    "$HOME ${HOME} $((1+1))",
    "* ? [a-z] ~",
    "\\ \\n \\\\",
    "|| && > HIT",
    "${{ inputs.dir }}",
    "день \u{1F600} \u{202E}",
];

#[tokio::test]
async fn hostile_values_stay_data() {
    let book = "inputs: {dir: {type: path}, value: {type: string}}
steps:
  - id: echo
    effect: read
    run: [printf, '%s', '${{ inputs.value }}']
    outputs: {value: result.stdout}
  - id: bare
    run: printf '%s' ${{ steps.echo.outputs.value }} > bare
  - id: quoted
    run: printf '%s' \"${{ steps.echo.outputs.value }}\" > quoted; printf '%s' '${{ inputs.value }}' > single
  - id: argv
    run: [sh, -c, 'printf %s \"$1\" > argv', x, '${{ steps.echo.outputs.value }}']
  - id: env
    env: {VALUE: '${{ steps.echo.outputs.value }}'}
    stdin: ${{ steps.echo.outputs.value }}
    run: printf '%s' \"$VALUE\" > env; cat > stdin
";
    for value in HOSTILE {
        let bench = Bench::new().input("value", value);
        let end = bench.run(book).await;
        assert_eq!(end.outcome(), "succeeded", "{value:?}: {:?}", end.statuses(["echo", "bare", "argv"]));
        for name in ["bare", "quoted", "single", "argv", "env", "stdin"] {
            assert_eq!(std::fs::read_to_string(bench.path(name)).unwrap(), value, "{name}");
        }
        assert!(!bench.path("HIT").exists(), "{value:?} was executed");
    }
}

#[tokio::test]
async fn a_value_that_would_be_an_option_is_refused() {
    let book = |dashes: &str| {
        format!(
            "inputs: {{dir: {{type: path}}, value: {{type: string}}}}
steps: [{{id: a, effect: change, run: [touch, {dashes}'${{{{ inputs.value }}}}']}}, {{id: b, probe: ok}}]
"
        )
    };
    let bench = Bench::new().input("value", "-r");
    let end = bench.run(&book("")).await;
    assert_eq!(end.outcome(), "failed");
    assert!(end.reason("a").contains("`-r`"), "{}", end.reason("a"));
    assert_eq!(bench.probe.calls(), Vec::<String>::new());
    let bench = Bench::new().input("value", "-r");
    assert_eq!(bench.run(&book("--, ")).await.outcome(), "succeeded");
    assert!(bench.path("-r").exists());
}

#[tokio::test]
async fn output_that_is_too_large_for_the_log_is_kept_in_a_file() {
    let bench = Bench::new();
    let size = 3 * 1024 * 1024;
    let end = bench
        .run(&format!(
            "steps:
  - id: big
    effect: change
    run: head -c {size} /dev/zero | tr '\\0' x; echo end
  - {{id: small, effect: read, run: [printf, '%s', '${{{{ steps.big.exit_code }}}}']}}
  - {{id: uses, effect: read, run: [echo, '${{{{ steps.big.stdout }}}}']}}
  - {{id: after, probe: ok}}
"
        ))
        .await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(
        end.statuses(["big", "small", "uses", "after"]),
        ["succeeded", "succeeded", "failed", "pending"]
    );
    let reason = end.reason("uses");
    assert!(reason.contains("`steps.big.stdout`") && reason.contains("3145732 bytes"), "{reason}");
    assert!(reason.contains("steps/big.1/stdout"), "where it is: {reason}");

    let captured = &end.state("big").result.as_ref().unwrap().stdout;
    assert_eq!(captured.bytes, size + 4);
    assert_eq!(captured.head.len(), Captured::ENDS);
    assert!(captured.tail.as_ref().unwrap().ends_with("xend\n"));
    let kept = end.0.directory.join(captured.file.as_ref().unwrap());
    let kept = std::fs::read(&kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
    assert_eq!(kept.len() as u64, captured.bytes);
    assert!(kept.ends_with(b"xend\n"));
}

#[tokio::test]
async fn large_output_of_a_command_that_only_reads_is_kept_too() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: big, effect: read, run: [head, -c, '1200000', /dev/zero], outputs: {n: result.exit_code}}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded", "{}", end.reason("big"));
    let captured = &end.state("big").result.as_ref().unwrap().stdout;
    let kept = end.0.directory.join(captured.file.as_ref().unwrap());
    assert_eq!(std::fs::metadata(&kept).unwrap().len(), 1_200_000, "{}", kept.display());
}

#[tokio::test]
async fn an_output_over_a_result_that_is_too_large_says_so() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: big, effect: change, run: 'head -c 1200000 /dev/zero; echo x >> effects', outputs: {text: \"result.stdout | default('nothing')\"}}
",
        )
        .await;
    assert_eq!(end.outcome(), "failed");
    assert!(end.reason("big").contains("too large"), "{}", end.reason("big"));
    assert!(end.reason("big").contains("1200000 bytes"), "{}", end.reason("big"));
    assert_eq!(bench.effects(), ["x"]);
}

#[tokio::test]
async fn output_is_shown_while_it_is_written() {
    let bench = Bench::new();
    let end = bench.run("steps: [{id: a, effect: change, run: 'echo one; echo two >&2'}]\n").await;
    assert_eq!(end.outcome(), "succeeded");
    let mut seen: Vec<_> = bench.heard.output().lines().map(str::to_owned).collect();
    seen.sort();
    assert_eq!(seen, ["one", "two"]);
}

#[tokio::test]
async fn small_output_leaves_no_files_behind() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: a, effect: change, run: echo a}
  - {id: b, effect: read, run: [echo, b], verify: [{run: ['true']}]}
",
        )
        .await;
    let left: Vec<_> = std::fs::read_dir(end.0.directory.join("steps"))
        .map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect())
        .unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
}
