//! Repetitions, choices, remedies and calls, carried out.

use runbook_core::port::Ask;
use runbook_core::run::Choice;
use serde_json::json;

use crate::support::{Bench, End, approve, choose};

const FLEET: &str =
    "targets: {a: {local: {}, vars: {zone: eu}}, b: {local: {}, vars: {zone: us}}, c: {local: {}}}
groups: {ab: [a, b], all_of_them: [a, b, c]}
";

fn calls(bench: &Bench) -> Vec<String> {
    bench.probe.calls().iter().map(|call| call.trim_end_matches(".1").to_owned()).collect()
}

/// Where the step acts.
fn target(end: &End, key: &str) -> String {
    let plan = end.0.machine.plan();
    plan.node(plan.find(key).unwrap_or_else(|| panic!("no step `{key}`"))).spec.target.to_string()
}

#[tokio::test]
async fn a_loop_runs_one_after_the_other_and_its_results_are_a_list() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: list, set: {names: [x, y, z]}}
  - {id: loop, for_each: {item: name, in: steps.list.outputs.names}, run: [echo, '${{ name }}'],
     outputs: {text: result.stdout | trim}}
  - {id: sum, set: {texts: '${{ steps.loop.items }}', second: '${{ steps.loop.items[1].outputs.text }}'}}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded", "{}", end.reason("sum"));
    let items = end.output("sum", "texts");
    let expected = ["x", "y", "z"].map(|name| {
        json!({"item": name, "status": "succeeded", "reason": null, "stdout": format!("{name}\n"), "stderr": "",
               "exit_code": 0, "outputs": {"text": name}})
    });
    assert_eq!(items, json!(expected));
    assert_eq!(end.output("sum", "second"), json!("y"));
}

#[tokio::test]
async fn a_window_of_two_never_holds_three() {
    let bench = Bench::new().jobs(16);
    let end = bench
        .run("steps:\n  - {id: loop, for_each: {in: [1, 2, 3, 4, 5], parallel: 2}, probe: pause}\n")
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.probe.most(), 2);
    assert_eq!(bench.probe.calls().len(), 5);
}

#[tokio::test]
async fn a_loop_survives_as_many_failures_as_it_may() {
    let book = |most: &str| {
        format!(
            "steps:
  - {{id: loop, for_each: {{in: [ok, fail, ok, fail, ok], max_failures: {most}}}, probe: '${{{{ item }}}}'}}
  - {{id: after, when: steps.loop.status == 'warned', probe: ok}}
"
        )
    };
    let bench = Bench::new();
    let end = bench.run(&book("2")).await;
    assert_eq!((end.outcome(), end.reason("loop")), ("succeeded", "2 of 5 failed"));
    assert_eq!(end.statuses(["loop", "loop#2", "after"]), ["warned", "failed", "succeeded"]);
    let bench = Bench::new();
    let end = bench.run(&book("20%")).await;
    assert_eq!((end.outcome(), end.reason("loop")), ("failed", "step `loop#4` failed"));
    assert_eq!(calls(&bench), ["loop#1", "loop#2", "loop#3", "loop#4"]);
    assert_eq!(end.statuses(["loop#5", "after"]), ["pending", "pending"]);
}

#[tokio::test]
async fn pauses_are_no_members() {
    let bench = Bench::new();
    let end = bench
        .run(&format!(
            "{FLEET}steps:
  - {{id: fan, target: all_of_them, rollout: {{batch: 1, pause: 1ms, max_failures: 50%}},
     when: \"target.name != 'zzz'\", run: [test, '${{{{ target.name }}}}', '=', c]}}
"
        ))
        .await;
    assert_eq!((end.outcome(), end.reason("fan")), ("failed", "step `fan@b` failed"), "half of three is one");
}

#[tokio::test]
async fn each_member_acts_on_its_own_target() {
    let bench = Bench::new();
    let end = bench
        .run(&format!(
            "{FLEET}procedures:
  look:
    inputs: {{dir: {{type: path}}}}
    steps:
    - {{id: here, run: [echo, '${{{{ target.name }}}}']}}
    - {{id: fan, target: ab, run: [echo, '${{{{ target.name }}}}']}}
steps:
  - id: outer
    target: ab
    steps:
      - {{id: same, run: [echo, '${{{{ target.name }}}}'], verify: [\"target.name != 'c'\"], rollback: [{{run: 'true'}}]}}
      - {{id: inner, target: all_of_them, run: [echo, '${{{{ target.name }}}}']}}
      - {{id: call, call: look, with: {{dir: '${{{{ inputs.dir }}}}'}}}}
      - {{id: each, for_each: [1], when: \"target.name == 'a'\", run: [echo, '${{{{ target.vars.zone }}}}']}}
  - {{id: single, target: c, call: look, with: {{dir: '${{{{ inputs.dir }}}}'}}}}
"
        ))
        .await;
    assert_eq!(end.outcome(), "succeeded");
    for (key, expected) in [
        ("same@a", "a"),
        ("same@b", "b"),
        ("inner@a@c", "c"),
        ("inner@b@a", "a"),
        ("call:here@b", "b"),
        ("call:fan@b@a", "a"),
        ("call:fan@a@b", "b"),
        ("single:here", "c"),
        ("single:fan@a", "a"),
        ("single:fan@b", "b"),
    ] {
        assert_eq!(target(&end, key), expected, "{key}");
        let result = end.state(key).result.as_ref().unwrap();
        assert_eq!(result.stdout.head.trim(), expected, "what `{key}` sees as its target");
    }
    let undo = end.0.machine.plan().find("same@b").map(|id| end.0.machine.plan().node(id).rollback[0]);
    assert_eq!(end.0.machine.plan().node(undo.unwrap()).spec.target.name(), Some("b"));
    assert_eq!(end.statuses(["each@a", "each@b"]), ["succeeded", "skipped"]);
}

#[tokio::test]
async fn a_target_may_be_computed() {
    let bench = Bench::new();
    let book = |name: &str| {
        format!(
            "{FLEET}steps:
  - {{id: pick, set: {{name: {name}}}}}
  - {{id: there, target: '${{{{ steps.pick.outputs.name }}}}', run: [echo, '${{{{ target.name }}}}'],
     verify: [\"target.name == 'b'\"]}}
"
        )
    };
    let end = bench.run(&book("b")).await;
    assert_eq!(
        (end.outcome(), end.state("there").result.as_ref().unwrap().stdout.head.trim()),
        ("succeeded", "b")
    );
    let end = bench.run(&book("d")).await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(end.reason("there"), "the target would be `d`, which is none of `a`, `b`, `c`, `local`");
}

#[tokio::test]
async fn a_repeated_step_sees_its_own_repetition() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - id: make
    for_each: [x, y]
    run: [echo, 'made ${{ item }}']
    outputs: {name: result.stdout | trim}
    verify: [\"steps.make.outputs.name == 'made ' + item\"]
    rollback: [{run: [sh, -c, 'echo \"undo $1\" >> effects', s, '${{ steps.make.outputs.name }}']}]
    cleanup: [{run: [sh, -c, 'echo \"clean $1\" >> effects', s, '${{ steps.make.outputs.name }}']}]
  - {id: fails, probe: fail}
on_failure: {rollback: auto}
",
        )
        .await;
    assert_eq!(end.outcome(), "rolled_back", "{}", end.reason("make#1"));
    assert_eq!(bench.effects(), ["clean made y", "clean made x", "undo made y", "undo made x"]);
    assert_eq!(end.statuses(["make#1", "make#2"]), ["undone", "undone"]);
}

#[tokio::test]
async fn a_step_in_a_loop_may_need_one_that_ended_long_ago() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: first, probe: ok}
  - {id: second, probe: ok}
  - id: loop
    for_each: [1, 2]
    steps:
      - {id: inner, needs: [first], probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(calls(&bench), ["first", "second", "inner#1", "inner#2"]);
}

#[tokio::test]
async fn the_first_case_that_applies_runs() {
    let book = "inputs: {dir: {type: path}, kind: {type: string}}
steps:
  - id: pick
    choose:
      - {when: inputs.kind == 'x', steps: [{id: one, probe: ok}]}
      - {when: 'inputs.kind != \"z\"', steps: [{id: two, probe: ok}]}
      - {when: inputs.kind == 'y', steps: [{id: never, probe: ok}]}
  - {id: after, set: {status: '${{ steps.pick.status }}'}}
";
    for (kind, called, status) in
        [("x", vec!["one"], "succeeded"), ("y", vec!["two"], "succeeded"), ("z", Vec::new(), "skipped")]
    {
        let bench = Bench::new().input("kind", kind);
        let end = bench.run(book).await;
        assert_eq!(
            (end.outcome(), calls(&bench)),
            ("succeeded", called.iter().map(|c| (*c).to_owned()).collect())
        );
        assert_eq!(end.output("after", "status"), json!(status));
    }
}

const LADDER: &str = "steps:
  - id: fix
    remedies:
      goal: {run: [test, -e, up]}
      rungs:
        - {id: pill, probe: fail}
        - {id: cure, run: CURE}
        - {id: knife, probe: ok}
";

#[tokio::test]
async fn remedies_end_with_the_one_that_helps() {
    let bench = Bench::new();
    let end = bench.run(&LADDER.replace("CURE", "touch up")).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(
        end.statuses(["fix", "pill", "cure", "knife"]),
        ["succeeded", "failed", "succeeded", "skipped"]
    );
    assert_eq!(end.reason("knife"), "not needed any more");
    let end = bench.run(&LADDER.replace("CURE", "touch up")).await;
    assert_eq!(end.statuses(["fix", "pill", "cure", "knife"]), ["skipped"; 4], "the goal is reached already");
}

#[tokio::test]
async fn remedies_that_do_not_help_fail_or_have_a_last_resort() {
    let bench = Bench::new();
    let end = bench.run(&LADDER.replace("CURE", "'true'")).await;
    assert_eq!(end.outcome(), "failed");
    assert!(end.reason("fix").starts_with("no remedy has helped: "), "{}", end.reason("fix"));
    let last = "      on_exhausted: [{id: page, probe: ok}]\n";
    let end = bench.run(&format!("{}{last}", LADDER.replace("CURE", "'true'"))).await;
    assert_eq!(
        (end.outcome(), end.status("page").name()),
        ("failed", "succeeded"),
        "a last resort is no success"
    );
    let end = bench.run(&format!("{}      within: 1ms\n", LADDER.replace("CURE", "'true'"))).await;
    assert!(end.reason("fix").contains("helped"), "{}", end.reason("fix"));
}

const CALLED: &str = "inputs: {dir: {type: path}}
procedures:
  double:
    inputs: {dir: {type: path}, word: {type: string}, times: {type: int, default: 2}}
    vars: {text: '${{ inputs.word * inputs.times }}'}
    steps:
      - {id: say, run: [echo, '${{ vars.text }}'], outputs: {said: result.stdout | trim}}
    outputs: {said: steps.say.outputs.said}
";

#[tokio::test]
async fn a_call_returns_what_its_procedure_computes() {
    let bench = Bench::new();
    let end = bench
        .run(&format!(
            "{}steps:
  - {{id: one, call: double, with: {{dir: '${{{{ inputs.dir }}}}', word: ab}}}}
  - {{id: each, for_each: [x, y], call: double, with: {{dir: '${{{{ inputs.dir }}}}', word: '${{{{ item }}}}'}}}}
  - {{id: two, call: double, with: {{dir: '${{{{ inputs.dir }}}}', word: '${{{{ steps.one.outputs.said }}}}'}}}}
  - {{id: sum, set: {{all: '${{{{ steps.each.items }}}}', two: '${{{{ steps.two.outputs.said }}}}'}}}}
",
            CALLED.replace("inputs.word * inputs.times", "inputs.word + \"-\" + inputs.word")
        ))
        .await;
    assert_eq!(end.outcome(), "succeeded", "{} {}", end.reason("one"), end.reason("one:say"));
    assert_eq!(end.output("one", "said"), json!("ab-ab"));
    assert_eq!(end.output("sum", "two"), json!("ab-ab-ab-ab"));
    assert_eq!(end.output("sum", "all")[1]["outputs"], json!({"said": "y-y"}));
    assert_eq!(end.status("each:say#2").name(), "succeeded");
}

#[tokio::test]
async fn a_value_that_its_procedure_does_not_take_fails_the_call() {
    let bench = Bench::new();
    let end = bench
        .run(&format!(
            "{}steps:
  - {{id: text, set: {{n: many}}}}
  - {{id: one, call: double, with: {{dir: '${{{{ inputs.dir }}}}', word: ab, times: '${{{{ steps.text.outputs.n }}}}'}}}}
",
            CALLED.replace("inputs.word * inputs.times", "inputs.word")
        ))
        .await;
    assert_eq!(end.outcome(), "failed");
    let reason = "`times` of `double` does not fit: expected a whole number, found text `many`";
    assert_eq!(end.reason("one"), reason);
}

#[tokio::test]
async fn a_wait_ends_when_its_checks_pass_and_not_before() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - parallel:
      - {id: wait, wait: {for: [{run: [test, -e, up]}], every: 5ms, within: 30s}}
      - {id: bring, run: sleep 0.05; touch up}
  - {id: never, wait: {for: [{run: [test, -e, down]}], every: 5ms, within: 40ms}}
",
        )
        .await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(end.statuses(["wait", "bring", "never"]), ["succeeded", "succeeded", "failed"]);
}

#[tokio::test]
async fn a_gate_of_a_loop_is_asked_once_unless_it_mentions_the_item() {
    let ask = |confirm: &str| {
        format!("steps:\n  - {{id: loop, for_each: [x, y], probe: ok, confirm: '{confirm}'}}\n")
    };
    for (confirm, asked) in [("May it?", 1), ("May ${{ item }}?", 2)] {
        let bench = Bench::new().people(|_, _| approve());
        let end = bench.run(&ask(confirm)).await;
        assert_eq!((end.outcome(), bench.asked().len()), ("succeeded", asked), "{:?}", bench.asked());
    }
}

#[tokio::test]
async fn a_person_decides_about_a_loop_as_a_whole() {
    let bench = Bench::new().people(|_, ask| match ask {
        Ask::Failure { .. } => choose(Choice::Skip),
        _ => None,
    });
    let end = bench
        .run("steps:\n  - {id: loop, for_each: [ok, fail, ok], on_failure: ask, probe: '${{ item }}'}\n  - {id: after, probe: ok}\n")
        .await;
    assert_eq!(bench.asked(), ["failure loop"]);
    assert_eq!((end.outcome(), end.statuses(["loop", "after"])), ("succeeded", ["failed", "succeeded"]));
}

#[tokio::test]
async fn every_prefix_of_a_run_with_everything_can_be_gone_on_from() {
    let book = format!(
        "{FLEET}procedures:
  tell: {{inputs: {{word: {{type: string}}}}, steps: [{{id: say, probe: ok}}], outputs: {{word: inputs.word}}}}
steps:
  - {{id: loop, for_each: [x, y], probe: ok, cleanup: [{{id: clean, probe: ok}}]}}
  - id: fan
    target: ab
    rollout: {{batch: 1, pause: 1ms}}
    steps:
      - id: pick
        choose:
          - {{when: \"target.name == 'a'\", steps: [{{id: called, call: tell, with: {{word: '${{{{ target.name }}}}'}}}}]}}
          - {{otherwise: true, steps: [{{id: other, probe: ok}}]}}
  - id: fix
    remedies: {{goal: [\"steps.loop.status == 'failed'\"], rungs: [{{id: pill, probe: ok}}], on_exhausted: [{{id: page, probe: ok}}]}}
    on_failure: continue
  - {{id: last, set: {{items: '${{{{ steps.loop.items }}}}'}}}}
"
    );
    let bench = Bench::new();
    let whole = bench.run(&book).await;
    assert_eq!(whole.outcome(), "succeeded");
    let log = bench.log(whole.id()).await;
    for end in 1..log.len() {
        let run = bench.with_log(whole.id(), &log[..end]).await;
        let resumed = bench.resume(&run).await;
        let in_doubt = resumed.outcome() == "waits";
        assert!(in_doubt || resumed.outcome() == "succeeded", "after {end} entries: {}", resumed.outcome());
        if !in_doubt {
            assert_eq!(resumed.output("last", "items"), whole.output("last", "items"), "after {end} entries");
            assert_eq!(resumed.output("called@a", "word"), json!("a"));
            // A stored plan has no places in the text.
            let same =
                resumed.0.machine.plan().to_json().unwrap() == whole.0.machine.plan().to_json().unwrap();
            assert!(same, "after {end} entries: another plan");
        }
    }
}
