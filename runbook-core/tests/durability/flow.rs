//! Kills inside of a loop, a rollout, a case, a remedy, a called procedure, and while they are undone.

use std::time::Duration;

use runbook_core::run::Outcome;
use runbook_core::value::Value;

use crate::support::{Holder, Place, is_in_doubt};

const FLOW: &str = r#"
targets: {t1: {local: {}}, t2: {local: {}}}
groups: {fleet: [t1, t2]}
procedures:
  stamp:
    inputs: {dir: {type: path}, word: {type: string}}
    steps:
      - {id: put, effect: change, run: "echo stamp_${{ inputs.word }} >> effects"}
      - {id: count, effect: read, run: [grep, -c, stamp, effects], outputs: {n: result.stdout | trim | int}}
    outputs: {n: steps.count.outputs.n, word: inputs.word}
steps:
  - {id: find, effect: read, run: [printf, 'x\ny\n'], outputs: {names: result.stdout | lines}}
  - id: loop
    for_each: {item: name, in: steps.find.outputs.names}
    effect: change
    run: echo loop_${{ name }} >> effects; echo out_${{ name }}
    outputs: {text: result.stdout | trim}
    rollback: [{effect: change, run: "echo undo_${{ steps.loop.outputs.text }} >> effects"}]
    cleanup: [{effect: change, run: "echo clean_${{ name }} >> effects"}]
  - id: fan
    target: fleet
    rollout: {batch: 1, pause: 5ms}
    steps:
      - {id: drain, effect: change, run: "echo drain_${{ target.name }} >> effects",
         cleanup: [{effect: change, run: "echo back_${{ target.name }} >> effects"}]}
      - id: pick
        choose:
          - {when: target.name == 't1', steps: [{effect: change, run: echo first >> effects}]}
          - {otherwise: true, steps: [{id: called, call: stamp, with: {dir: "${{ inputs.dir }}", word: "${{ target.name }}"}}]}
  - id: fix
    remedies:
      goal: {run: [grep, -qx, cured, effects]}
      rungs:
        - {id: pill, effect: change, run: echo pill >> effects; exit 1}
        - {id: cure, effect: change, run: echo cured >> effects}
        - {id: knife, effect: change, run: echo knife >> effects}
  - {id: call, call: stamp, with: {dir: "${{ inputs.dir }}", word: last}}
  - {id: fails, effect: change, run: echo fails >> effects; exit 3}
on_failure: {rollback: auto}
outputs: {items: steps.loop.items, n: steps.call.outputs.n, called: steps.call.outputs.word}
"#;

const EFFECTS: [&str; 15] = [
    "loop_x",
    "loop_y",
    "clean_y",
    "clean_x",
    "drain_t1",
    "first",
    "back_t1",
    "drain_t2",
    "stamp_t2",
    "back_t2",
    "pill",
    "cured",
    "stamp_last",
    "fails",
    "undo_out_y",
];

/// What the run does and returns, whatever happens to its engines.
async fn is_as_without_kills(place: &Place, name: &str) {
    let effects = place.effects();
    let expected: Vec<&str> = EFFECTS.into_iter().chain(["undo_out_x"]).collect();
    assert_eq!(effects, expected, "{name}");
    assert!(!is_in_doubt(&place.log().await), "{name}");
    let end = place.carried_out().await;
    assert_eq!(end.state().finished, Some(Outcome::RolledBack), "{name}");
    let outputs = &end.state().outputs;
    assert_eq!(outputs.get("n"), Some(&Value::from(2)), "{name}");
    assert_eq!(outputs.get("called"), Some(&Value::from("last")), "{name}");
    let texts: Vec<&Value> =
        outputs["items"].as_array().unwrap().iter().map(|item| &item["outputs"]["text"]).collect();
    assert_eq!(texts, ["out_x", "out_y"], "{name}");
    for (step, status) in [
        ("loop#1", "undone"),
        ("drain@t2", "succeeded"),
        ("pill", "failed"),
        ("knife", "skipped"),
        ("fix", "succeeded"),
    ] {
        assert_eq!(end.state().status(end.plan().find(step).unwrap()).name(), status, "{name}: {step}");
    }
}

/// Kills engines at `point` of their commits `at`, then lets one finish the run. `false`: the first was done before.
async fn killed_at(point: &str, at: &[u64]) -> bool {
    let place = Place::new(FLOW, Holder::Capsule);
    let name = format!("{point} {at:?}");
    let mut killed = false;
    for commit in at {
        killed |= !place.engine(Some((point, *commit))).ends();
        if place.is_over().await {
            is_as_without_kills(&place, &name).await;
            return killed;
        }
    }
    place.carry_out().await;
    is_as_without_kills(&place, &name).await;
    killed
}

async fn at_every_commit(point: &'static str, later: fn(u64) -> Vec<u64>) {
    let worker = |first: u64| async move {
        let mut killed = 0;
        for commit in (first..).step_by(2) {
            if !killed_at(point, &[vec![commit], later(commit)].concat()).await {
                return killed;
            }
            killed += 1;
        }
        killed
    };
    let (odd, even) = (tokio::spawn(worker(1)), tokio::spawn(worker(2)));
    let (odd, even) = (odd.await.unwrap(), even.await.unwrap());
    println!("{point}: killed at each of {} commits", odd + even);
    assert!(odd + even >= 25, "{odd} + {even}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_anywhere_in_loops_choices_remedies_and_calls_changes_nothing() {
    at_every_commit("after commit", |_| Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_kills_anywhere_in_loops_choices_remedies_and_calls_change_nothing() {
    at_every_commit("before commit", |commit| vec![1 + commit % 4]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_any_moment_in_loops_choices_remedies_and_calls_change_nothing() {
    let mut kills = 0;
    for round in 0..12_u64 {
        let place = Place::new(FLOW, Holder::Capsule);
        for nth in 0.. {
            let mut engine = place.engine(None);
            engine.is_ready();
            tokio::time::sleep(Duration::from_micros(7_000 * (1 + (round * 5 + nth * 3) % 12))).await;
            let killed = engine.kill();
            kills += u32::from(killed);
            if place.is_over().await {
                break;
            }
        }
        is_as_without_kills(&place, &format!("round {round}")).await;
    }
    assert!(kills >= 12, "{kills}");
}
