//! The test support, and the engine as it shows through it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use runbook_core::drive::{Engine, EngineBuilder, EventStream, RunEnd};
use runbook_core::model::Effect;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{Clock, Connector, Executor};
use runbook_core::read;
use runbook_core::run::{Choice, Decision, Ending, Outcome, Resolution, StepResult, Undoing};
use runbook_core::testing::{
    ForbiddenConnector, ForbiddenExecutor, ManualClock, Recorder, ScriptedApprover, ScriptedExecutor,
    action_context,
};
use runbook_core::value::Duration;
use serde_json::json;

async fn run(builder: EngineBuilder, steps: &str) -> RunEnd {
    let engine = builder.build().unwrap();
    let text = format!("apiVersion: runbook/v1\nkind: Runbook\nname: tried\n{steps}");
    let loaded = read::parse("tried.yaml", &text, &engine.kinds());
    let runbook = loaded.runbook.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let plan = Plan::build(&runbook, &PlanRequest::default()).unwrap();
    engine.start(plan, None).await.unwrap().wait().await.unwrap()
}

#[tokio::test]
async fn a_clock_wakes_sleepers_only_when_it_is_moved() {
    let clock = Arc::new(ManualClock::default());
    let start = clock.now();
    let after = move |seconds| start + jiff::SignedDuration::from_secs(seconds);
    let sleep = |seconds| {
        let clock = Arc::clone(&clock);
        tokio::spawn(async move { clock.sleep_until(after(seconds)).await })
    };
    let (early, late) = (sleep(10), sleep(20));
    assert_eq!(clock.next_wake().await, after(10));
    clock.advance(Duration::from_secs(9));
    tokio::task::yield_now().await;
    assert!(!early.is_finished(), "one second is left");
    clock.advance_to_next_wake().await;
    early.await.unwrap();
    assert_eq!(clock.now(), after(10));
    assert!(!late.is_finished());
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    let third = sleep(40);
    assert_eq!(clock.next_wake().await, after(40), "a sleeper that was dropped is not waited for");
    clock.advance(Duration::from_secs(3600));
    third.await.unwrap();
    clock.sleep_until(after(10)).await;
}

#[tokio::test]
async fn a_wait_of_an_hour_needs_no_hour() {
    let clock = Arc::new(ManualClock::default());
    let start = clock.now();
    let mover = tokio::spawn({
        let clock = Arc::clone(&clock);
        async move { clock.advance_to_next_wake().await }
    });
    let end = run(Engine::builder().clock(clock.clone()), "steps:\n  - wait: 1h\n").await;
    mover.await.unwrap();
    assert_eq!(end.outcome, Some(Outcome::Succeeded));
    assert_eq!(clock.now(), start + jiff::SignedDuration::from_hours(1));
}

#[tokio::test]
async fn an_executor_follows_its_script_and_remembers() {
    let failure = StepResult::failure(Ending::Completed, "no answer");
    let executor = Arc::new(
        ScriptedExecutor::new("page", Effect::Change)
            .answer("call", failure)
            .answer("call", StepResult::success()),
    );
    let steps = "steps:
  - {id: call, page: {who: '${{ 1 + 1 }}'}, idempotent: true, retry: {attempts: 2, every: 0s}}
  - {id: again, page: {}}
";
    let end = run(Engine::builder().executor(executor.clone()), steps).await;
    let calls: Vec<(String, u32)> =
        executor.calls().into_iter().map(|call| (call.key, call.attempt)).collect();
    assert_eq!(calls, [("call".into(), 1), ("call".into(), 2), ("again".into(), 1)]);
    assert_eq!(executor.calls()[0].params, json!({"who": 2}));
    let again = end.machine.state().node(end.machine.plan().find("again").unwrap());
    assert_eq!(again.reason.as_deref(), Some("the script has no answer for attempt 1 of `again`"));
}

#[tokio::test]
async fn an_executor_can_be_called_without_an_engine() {
    let executor = ScriptedExecutor::new("page", Effect::Change).otherwise(StepResult::success());
    let place = tempfile::tempdir().unwrap();
    let context = action_context(json!({"who": "oncall"}), place.path());
    assert!(executor.execute(&context).await.ok);
    assert_eq!(context.connections.get(&context.target).await.err().unwrap().kind, "not_available");
}

#[tokio::test]
async fn what_is_forbidden_does_nothing_and_counts() {
    let connector = Arc::new(ForbiddenConnector::new("local"));
    let executor = Arc::new(ForbiddenExecutor::new("page", Effect::Change));
    let place = tempfile::tempdir().unwrap();
    let marker = place.path().join("marker");
    let steps = format!(
        "steps:\n  - {{id: a, run: [touch, {:?}], on_failure: continue}}\n  - {{id: b, page: {{}}}}\n",
        marker.to_str().unwrap()
    );
    let builder = Engine::builder().connector(connector.clone()).executor(executor.clone());
    let end = run(builder, &steps).await;
    assert_ne!(end.outcome, Some(Outcome::Succeeded));
    assert_eq!((connector.calls(), executor.calls()), (1, 1));
    assert_eq!(connector.kind(), "local");
    assert!(!marker.exists());
}

#[tokio::test]
async fn people_follow_their_script_and_are_remembered() {
    let executor = Arc::new(
        ScriptedExecutor::new("page", Effect::Change)
            .answer("gated", StepResult::success())
            .answer("asked", StepResult::failure(Ending::Completed, "no"))
            .answer("lost", StepResult::failure(Ending::Unknown, "the line broke"))
            .answer("last", StepResult::failure(Ending::Completed, "no"))
            .answer("gated.rollback.1", StepResult::success()),
    );
    let Some(fields) = json!({"who": "anna"}).as_object().cloned() else { unreachable!() };
    let people = Arc::new(
        ScriptedApprover::new("tester")
            .gate("gated", Decision::Approve)
            .done("by_hand", fields)
            .failure("asked", Choice::Skip)
            .doubt("lost", Resolution::Done)
            .rollback(Undoing::Begin),
    );
    let steps = "steps:
  - {id: gated, page: {}, confirm: Go on?, rollback: [{page: {}}]}
  - {id: by_hand, manual: {instructions: Look, fields: {who: {type: string}}}}
  - {id: asked, page: {}, on_failure: ask}
  - {id: lost, page: {}}
  - {id: last, page: {}}
";
    let told = Arc::new(Recorder::default());
    let builder =
        Engine::builder().executor(executor.clone()).approver(people.clone()).reporter(told.clone());
    let end = run(builder, steps).await;
    assert_eq!(end.outcome, Some(Outcome::RolledBack), "{:#?}", told.events());
    let asked = people.asked();
    assert_eq!(asked, ["gate gated", "manual by_hand", "failure asked", "doubt lost", "rollback"]);
    let events = told.events();
    assert!(events.iter().any(|event| event == "ended gated.rollback.1 1 ok"), "{events:#?}");
    assert_eq!(events.last().map(String::as_str), Some("finished rolled_back"));
}

#[tokio::test]
async fn nobody_answers_what_is_not_scripted() {
    let people = Arc::new(ScriptedApprover::new("tester").gate("other", Decision::Approve));
    let steps = "steps:\n  - {id: gated, run: [echo, hello], confirm: Go on?}\n";
    let end = run(Engine::builder().approver(people.clone()), steps).await;
    assert_eq!(end.outcome, None);
    assert_eq!(end.machine.state().run_status(), "suspended");
    assert_eq!(people.asked(), ["gate gated"]);
}

#[tokio::test]
async fn a_recorder_keeps_log_and_output() {
    let told = Arc::new(Recorder::default());
    let steps = "steps:\n  - {id: greet, run: [printf, 'при%s', вет], effect: read}\n";
    let end = run(Engine::builder().reporter(told.clone()), steps).await;
    assert_eq!(end.outcome, Some(Outcome::Succeeded));
    assert_eq!(told.output("greet"), "привет");
    assert_eq!(told.output("absent"), "");
    assert_eq!(told.entries().len(), told.events().len());
    assert!(told.entries().iter().map(|entry| entry.seq).eq(1..=told.entries().len() as u64));
    assert_eq!(told.events(), ["attached", "started greet 1", "ended greet 1 ok", "finished succeeded"]);
}

#[tokio::test]
async fn a_stream_tells_the_log_in_order() {
    let (reporter, mut events) = EventStream::channel();
    let steps =
        "steps:\n  - {id: greet, run: [echo, hello], effect: read}\n  - {id: bad, run: [sh, -c, exit 3]}\n";
    let end = run(Engine::builder().reporter(reporter), steps).await;
    assert_eq!(end.machine.state().run_status(), "failed");
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        seen.push((event.entry.seq, event.entry.event.name(), event.step, event.step_status, event.status));
    }
    assert!(seen.iter().map(|event| event.0).eq(1..=seen.len() as u64));
    let bad: Vec<_> = seen.iter().filter(|event| event.2.as_deref() == Some("bad")).collect();
    assert_eq!(bad.first().map(|event| (event.1, event.3)), Some(("started", Some("running"))));
    assert_eq!(bad.last().map(|event| (event.1, event.3)), Some(("ended", Some("failed"))));
    assert_eq!(seen.last().map(|event| (event.1, event.4)), Some(("finished", "failed")));
}
