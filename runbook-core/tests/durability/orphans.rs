//! Commands that outlive their engine are found again, and one run has one engine.

use std::time::Duration;

use runbook_core::drive::EngineError;
use runbook_core::port::{Store, StoreError};
use runbook_core::run::Outcome;

use crate::support::{Holder, Place, is_in_doubt, whoever_holds_it};

whoever_holds_it!(
    a_command_that_still_runs_is_waited_for,
    a_command_that_has_ended_meanwhile_is_not_repeated,
    a_command_that_is_found_again_can_be_interrupted,
    an_engine_that_lives_keeps_others_out,
    of_many_engines_that_go_on_at_once_one_gets_the_run,
);

const SLOW: &str = r"
steps:
  - id: slow
    effect: change
    run: sleep 2; echo slow >> effects; echo said
    outputs: {said: 'result.stdout | trim'}
  - id: next
    effect: change
    run: 'echo next ${{ steps.slow.outputs.said }} >> effects'
";

fn killed_while_slow_runs(holder: Holder) -> Place {
    Place::new(SLOW, holder)
}

async fn a_command_that_still_runs_is_waited_for(holder: Holder) {
    let place = killed_while_slow_runs(holder);
    let engine = place.engine(None);
    place.claimed("slow", 1).await;
    assert!(engine.kill());
    assert_eq!(place.effects(), Vec::<String>::new(), "the engine was to be killed before");
    let end = place.carry_out().await;
    assert_eq!(end.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["slow", "next said"]);
    assert!(!is_in_doubt(&place.log().await));
}

async fn a_command_that_has_ended_meanwhile_is_not_repeated(holder: Holder) {
    let place = killed_while_slow_runs(holder);
    let engine = place.engine(None);
    place.claimed("slow", 1).await;
    assert!(engine.kill());
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(place.effects(), ["slow"]);
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["slow", "next said"]);
}

async fn a_command_that_is_found_again_can_be_interrupted(holder: Holder) {
    let place =
        Place::new("steps: [{id: slow, effect: change, run: sleep 300; echo slow >> effects}]\n", holder);
    let engine = place.engine(None);
    let (_, command) = place.claimed("slow", 1).await;
    assert!(engine.kill());
    let engine = place.engine_here();
    let run = engine.resume(&place.run().await.unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    run.interrupt("ann");
    let end = tokio::time::timeout(Duration::from_secs(30), run.wait()).await.unwrap().unwrap();
    assert_eq!(end.outcome, Some(Outcome::Interrupted));
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", command.as_raw_nonzero())).unwrap_or_default();
    // Where nobody takes care of orphans, their entries stay.
    assert!(stat.is_empty() || stat.contains(") Z "), "it still runs: {stat}");
    assert_eq!(place.effects(), Vec::<String>::new());
}

async fn an_engine_that_lives_keeps_others_out(holder: Holder) {
    let place = killed_while_slow_runs(holder);
    let living = place.engine(None);
    place.claimed("slow", 1).await;
    let run = place.run().await.unwrap();
    let engine = place.engine_here();
    let error = engine.resume(&run).await.unwrap_err();
    assert!(matches!(error, EngineError::Store(StoreError::Busy { .. })), "{error}");
    assert!(place.store().list().await.unwrap()[0].alive);
    assert!(living.ends());
    assert_eq!(place.effects(), ["slow", "next said"]);
}

async fn of_many_engines_that_go_on_at_once_one_gets_the_run(holder: Holder) {
    let place = killed_while_slow_runs(holder);
    let engine = place.engine(None);
    place.claimed("slow", 1).await;
    assert!(engine.kill());
    let run = place.run().await.unwrap();
    let attempts = (0..8).map(|_| {
        let (run, engine) = (run.clone(), place.engine_here());
        tokio::spawn(async move { engine.resume(&run).await })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut taken = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(run) => taken.push(run),
            Err(EngineError::Store(StoreError::Busy { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(taken.len(), 1);
    for run in taken {
        assert_eq!(run.wait().await.unwrap().outcome, Some(Outcome::Succeeded));
    }
    assert_eq!(place.effects(), ["slow", "next said"]);
}
