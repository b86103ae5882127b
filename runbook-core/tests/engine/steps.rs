//! The life of a step: conditions, checks, actions, attempts, values.

use serde_json::json;

use crate::support::Bench;

#[tokio::test]
async fn outputs_flow_from_step_to_step_and_out_of_the_run() {
    let bench = Bench::new();
    let end = bench
        .run(
            "vars: {greeting: hello}
steps:
  - id: who
    effect: read
    run: [printf, ' world \\n']
    outputs: {name: 'result.stdout | trim', length: 'result.stdout | length'}
  - {id: both, set: {text: '${{ vars.greeting }} ${{ steps.who.outputs.name }}', count: '${{ steps.who.outputs.length }}'}}
  - {id: right, assert: ['steps.both.outputs.count == 8']}
  - {id: say, effect: change, run: 'echo ${{ steps.both.outputs.text }} ${{ steps.who.exit_code }} >> effects'}
outputs: {said: steps.both.outputs.text}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.effects(), ["hello world 0"]);
    assert_eq!(end.output("both", "count"), json!(8));
    assert_eq!(end.0.machine.state().outputs.get("said"), Some(&json!("hello world")));
    let heard = bench.heard.entries.lock().unwrap().clone();
    assert_eq!(heard, bench.log(end.id()).await, "reporters are told everything, in order");
}

#[tokio::test]
async fn a_false_condition_skips_and_dependents_go_on() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: a, when: 1 > 2, probe: ok}
  - {id: b, when: 'steps.a.status == \"skipped\"', probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(end.statuses(["a", "b"]), ["skipped", "succeeded"]);
    assert_eq!(bench.probe.calls(), ["b.1"]);
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let bench = Bench::new();
    std::fs::write(bench.path("there"), "x").unwrap();
    let end = bench
        .run(
            "steps:
  - {id: a, done_when: [{file: {path: '${{ inputs.dir }}/there'}}, {run: [test, -s, there]}], probe: ok}
  - {id: b, done_when: [{file: {path: '${{ inputs.dir }}/there'}}, {run: [test, -e, absent]}], probe: ok}
",
        )
        .await;
    assert_eq!(end.statuses(["a", "b"]), ["skipped", "succeeded"]);
    assert_eq!(bench.probe.calls(), ["b.1"]);
}

#[tokio::test]
async fn a_file_is_looked_for_where_commands_of_the_target_start() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("host")).unwrap();
    std::fs::write(bench.path("host/there"), "x").unwrap();
    let end = bench
        .run(
            "targets: {host: {local: {}, cwd: '${{ inputs.dir }}/host'}}
steps:
  - {id: a, target: host, done_when: {file: there}, probe: ok}
  - {id: b, target: host, done_when: {file: {path: there, exists: false}}, probe: ok}
",
        )
        .await;
    assert_eq!(end.statuses(["a", "b"]), ["skipped", "succeeded"]);
}

#[tokio::test]
async fn a_step_whose_precondition_is_not_met_is_blocked() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: a, preconditions: ['1 == 1', {run: [test, -e, absent], message: it must be there}], probe: ok}
  - {id: b, probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "blocked");
    assert_eq!(end.statuses(["a", "b"]), ["blocked", "pending"]);
    assert!(end.reason("a").contains("it must be there"), "{}", end.reason("a"));
    assert_eq!(bench.probe.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn preconditions_of_the_book_block_before_anything_happens_and_all_are_told() {
    let bench = Bench::new();
    let end = bench
        .run(
            "preconditions:
  - {title: first, run: [test, -e, absent]}
  - {title: good, run: ['true']}
  - {title: warned, run: ['false'], severity: warn}
  - {title: second, run: ['false']}
steps: [{id: a, probe: ok}]
finally: [{id: z, probe: ok}]
",
        )
        .await;
    assert_eq!(end.outcome(), "blocked");
    assert_eq!(bench.probe.calls(), Vec::<String>::new());
    let book = &end.0.machine.state().book;
    let refused: Vec<_> = book.iter().filter(|c| c.refuses()).map(|c| c.title.as_str()).collect();
    assert_eq!(refused, ["first", "second"]);
}

#[tokio::test]
async fn verification_is_asked_again_until_it_is_good_in_a_row() {
    let bench = Bench::new();
    // Good, bad, then good for ever: two in a row come with the fourth question.
    let count = "n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n; test $n != 2";
    let end = bench
        .run(&format!(
            "steps:
  - id: a
    effect: change
    run: echo a >> effects
    verify: [{{run: '{count}', effect_because: it only counts, retry: {{every: 10ms, within: 20s, consecutive: 2}}}}]
"
        ))
        .await;
    assert_eq!(end.outcome(), "succeeded", "{}", end.reason("a"));
    assert_eq!(end.state("a").checks[0].tries, 4);
    assert_eq!(bench.effects(), ["a"], "the action is not repeated");
}

#[tokio::test]
async fn a_step_that_is_not_verified_has_failed() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: a, probe: ok, verify: [{run: ['false'], severity: warn}, '1 == 1']}
  - {id: b, probe: ok, settle: 20ms, verify: [{title: is up, run: ['false'], retry: {every: 5ms, attempts: 3}}]}
",
        )
        .await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(end.statuses(["a", "b"]), ["warned", "failed"]);
    assert_eq!(end.state("b").checks[0].tries, 3);
    assert!(end.reason("b").starts_with("not verified: is up"), "{}", end.reason("b"));
}

#[tokio::test]
async fn settling_delays_the_verification() {
    let bench = Bench::new();
    let end = bench.run("steps: [{id: a, probe: ok, settle: 300ms, verify: ['true']}]\n").await;
    assert_eq!(end.outcome(), "succeeded");
    let log = bench.log(end.id()).await;
    let at = |name: &str| log.iter().find(|entry| entry.event.name() == name).unwrap().at;
    let waited = at("checked").as_millisecond() - at("ended").as_millisecond();
    assert!(waited >= 300, "{waited} ms");
}

#[tokio::test]
async fn what_is_idempotent_is_tried_again() {
    let bench = Bench::new();
    let end = bench
        .run("steps: [{id: a, idempotent: true, probe: flaky 3, retry: {attempts: 4, every: 5ms}}]\n")
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.probe.calls(), ["a.1", "a.2", "a.3"]);
    let end = bench
        .run("steps: [{id: b, idempotent: true, probe: fail, retry: {attempts: 2, every: 5ms}}]\n")
        .await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(bench.probe.calls()[3..], ["b.1", "b.2"]);
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_ended_with_all_it_has_started() {
    let bench = Bench::new();
    let end =
        bench.run("steps: [{id: a, timeout: 300ms, run: 'sleep 297 & echo $! > pid; sleep 298'}]\n").await;
    assert_eq!(end.outcome(), "failed");
    assert!(end.reason("a").contains("timeout"), "{}", end.reason("a"));
    let child = std::fs::read_to_string(bench.path("pid")).unwrap();
    assert!(!is_alive(child.trim()), "process {child} was left behind");
}

#[tokio::test]
async fn a_group_that_takes_too_long_stops_what_is_in_it() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - id: group
    timeout: 300ms
    parallel:
      - {id: a, run: 'echo $$ > pid; sleep 297'}
      - {id: b, probe: hang}
      - {id: c, probe: ok}
  - {id: d, probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(
        end.statuses(["group", "a", "b", "c", "d"]),
        ["failed", "cancelled", "cancelled", "succeeded", "pending"]
    );
    assert!(end.reason("group").contains("300ms"), "{}", end.reason("group"));
    assert!(!is_alive(std::fs::read_to_string(bench.path("pid")).unwrap().trim()));
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

fn many(action: &str) -> String {
    let steps: String = (0..12).map(|n| format!("      - {{id: s{n}, {action}}}\n")).collect();
    format!("steps:\n  - id: all\n    parallel:\n{steps}")
}

#[tokio::test]
async fn no_more_actions_than_jobs_are_under_way() {
    for jobs in [1, 3] {
        let bench = Bench::new().jobs(jobs);
        let end = bench.run(&many("probe: pause")).await;
        assert_eq!(end.outcome(), "succeeded");
        assert_eq!(bench.probe.calls().len(), 12);
        assert_eq!(bench.probe.most(), jobs);
    }
}

#[tokio::test]
async fn checks_count_as_jobs_too() {
    let bench = Bench::new().jobs(2);
    // Each check counts those under way at the same time, itself included.
    let check = "run: 'touch now.$$; ls | grep -c now >> most; sleep 0.05; rm now.$$', effect_because: it leaves nothing behind";
    let end = bench.run(&many(&format!("probe: ok, preconditions: [{{{check}}}]"))).await;
    assert_eq!(end.outcome(), "succeeded", "{}", end.reason("s0"));
    let text = std::fs::read_to_string(bench.path("most")).unwrap();
    let most = text.lines().map(|line| line.parse::<u32>().unwrap()).max();
    assert!(most <= Some(2), "{text}");
}

#[tokio::test]
async fn parallel_steps_overlap_and_needs_order_them() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: a, probe: pause}
  - {id: b, needs: [], probe: pause}
  - {id: c, needs: [a, b], probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.probe.most(), 2);
    assert_eq!(bench.probe.calls()[2], "c.1");
}

#[tokio::test]
async fn an_assertion_that_does_not_hold_stops_with_its_message() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: a, set: {n: 3}}
  - id: b
    assert:
      - steps.a.outputs.n > 2
      - {that: steps.a.outputs.n > 5, message: 'only ${{ steps.a.outputs.n }}'}
  - {id: c, probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(end.reason("b"), "only 3");
    assert_eq!(bench.probe.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pause_lasts_as_long_as_it_says() {
    let bench = Bench::new();
    let end = bench.run("steps: [{id: a, wait: 200ms}]\n").await;
    let state = end.state("a");
    let waited = state.ended.unwrap().as_millisecond() - state.started.unwrap().as_millisecond();
    assert_eq!(end.outcome(), "succeeded");
    assert!(waited >= 200, "{waited}");
}

#[tokio::test]
async fn only_selected_steps_run() {
    let bench = Bench::new().only("b");
    let end = bench.run("steps: [{id: a, probe: ok}, {id: b, probe: ok}, {id: c, probe: ok}]\n").await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.probe.calls(), ["b.1"]);
}
