//! What happens after a failure: handlers, undo, cleanup, the steps at the end.

use runbook_core::drive::{EngineError, rollback_token};
use runbook_core::port::Ask;
use runbook_core::run::Undoing;

use crate::support::{Bench, End, approve, undo};

const BOOK: &str = "steps:
  - {id: a, probe: ok, rollback: [{id: undo_a, probe: ok}], cleanup: [{id: clean_a, probe: ok}]}
  - id: group
    steps:
      - {id: b, probe: ok, cleanup: [{id: clean_b, probe: ok}], rollback: [{id: undo_b, probe: ok}]}
      - {id: c, probe: ok, cleanup: [{id: clean_c, probe: ok}]}
  - {id: fails, probe: fail, rollback: [{id: undo_fails, probe: ok}], cleanup: [{id: clean_fails, probe: ok}]}
  - {id: unreached, probe: ok, rollback: [{id: undo_unreached, probe: ok}], cleanup: [{id: clean_unreached, probe: ok}]}
finally: [{id: last, probe: ok}]
on_failure: {rollback: MODE, steps: [{id: handler, probe: ok}]}
";

fn book(mode: &str) -> String {
    BOOK.replace("MODE", mode)
}

fn calls(bench: &Bench) -> String {
    bench.probe.calls().join(" ").replace(".1", "")
}

const BODY: &str = "a b c clean_c clean_b fails handler";

#[tokio::test]
async fn undo_and_cleanup_come_latest_first_then_the_end() {
    let bench = Bench::new();
    let end = bench.run(&book("auto")).await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!(calls(&bench), format!("{BODY} undo_fails clean_fails undo_b undo_a clean_a last"));
    assert_eq!(end.statuses(["a", "b", "fails", "unreached"]), ["undone", "undone", "undone", "pending"]);
}

#[tokio::test]
async fn never_means_that_nothing_is_undone() {
    let bench = Bench::new();
    let end = bench.run(&book("never")).await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(calls(&bench), format!("{BODY} clean_fails clean_a last"));
}

#[tokio::test]
async fn an_offer_may_be_taken_or_declined() {
    for (decision, outcome, rest) in [
        (Undoing::Begin, "rolled_back", "undo_fails clean_fails undo_b undo_a clean_a last"),
        (Undoing::Decline, "failed", "clean_fails clean_a last"),
    ] {
        let bench = Bench::new().people(move |_, _| undo(decision));
        let end = bench.run(&book("offer")).await;
        assert_eq!(bench.asked(), ["rollback fails b a"]);
        assert_eq!((end.outcome(), calls(&bench)), (outcome, format!("{BODY} {rest}")));
    }
}

async fn put_off(bench: &Bench) -> End {
    let end = bench.run(&book("offer")).await;
    assert_eq!(end.outcome(), "stuck");
    assert_eq!(bench.store.list().await.unwrap()[0].status, "rollback_pending");
    assert_eq!(calls(bench), format!("{BODY} clean_fails clean_a last"));
    end
}

#[tokio::test]
async fn an_offer_that_nobody_answers_is_put_off_and_can_be_taken_later() {
    for bench in [Bench::new(), Bench::new().people(|_, _| None)] {
        let end = put_off(&bench).await;
        let id = end.id().clone();
        assert!(matches!(bench.engine().resume(&id).await, Err(EngineError::NotNow { .. })));
        let run = bench.engine().rollback(&id).await.unwrap();
        let end = crate::support::ended(run).await;
        assert_eq!(end.outcome(), "rolled_back");
        assert_eq!(calls(&bench), format!("{BODY} clean_fails clean_a last undo_fails undo_b undo_a"));
        assert!(matches!(bench.engine().rollback(&id).await, Err(EngineError::NotNow { .. })), "once");
        assert!(!bench.store.list().await.unwrap()[0].alive, "a refusal gives the run up again");
    }
}

#[tokio::test]
async fn a_run_that_succeeded_can_be_rolled_back_later() {
    let bench = Bench::new();
    let end = bench.run(&book("auto").replace("probe: fail", "probe: ok")).await;
    assert_eq!(end.outcome(), "succeeded");
    let end = crate::support::ended(bench.engine().rollback(end.id()).await.unwrap()).await;
    assert_eq!(end.outcome(), "rolled_back");
    assert!(calls(&bench).ends_with("undo_unreached undo_fails undo_b undo_a"), "{}", calls(&bench));
}

#[tokio::test]
async fn an_answer_left_before_the_offer_is_taken() {
    for bench in [Bench::new(), Bench::new().people(|_, _| None)] {
        let run =
            bench.start(&book("offer").replace("id: handler, probe: ok", "id: handler, wait: 300ms")).await;
        assert!(bench.leave(run.id(), rollback_token(), undo(Undoing::Decline).unwrap()).await);
        assert_eq!(crate::support::ended(run).await.outcome(), "failed");
    }
}

#[tokio::test]
async fn an_undo_that_fails_does_not_stop_the_others() {
    let bench = Bench::new();
    let end = bench.run(&book("auto").replace("id: undo_b, probe: ok", "id: undo_b, probe: fail")).await;
    assert_eq!(end.outcome(), "stuck");
    assert_eq!(end.statuses(["a", "b", "fails"]), ["undone", "undo_failed", "undone"]);
    assert!(calls(&bench).ends_with("undo_b undo_a clean_a last"));
}

#[tokio::test]
async fn what_never_began_is_not_undone() {
    let bench = Bench::new();
    let end = bench.run(&book("auto").replace("probe: fail", "probe: not_started")).await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!(calls(&bench), format!("{BODY} undo_b undo_a clean_a last"));
}

#[tokio::test]
async fn nothing_before_a_point_of_no_return_is_undone() {
    let bench = Bench::new().people(|_, ask| match ask {
        Ask::Gate { question, .. } => {
            assert!(question.irreversible);
            approve()
        }
        _ => None,
    });
    let end = bench
        .run(
            "steps:
  - {id: a, probe: ok, rollback: [{id: undo_a, probe: ok}]}
  - {id: b, probe: ok, irreversible: true, confirm: Really?}
  - {id: c, probe: ok, rollback: [{id: undo_c, probe: ok}]}
  - {id: d, probe: fail}
on_failure: {rollback: auto}
",
        )
        .await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!(calls(&bench), "a b c d undo_c");
}

#[tokio::test]
async fn a_failure_that_a_group_survives_is_cleaned_up_where_the_group_ends() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - id: group
    on_failure: continue
    steps:
      - {id: a, probe: ok, cleanup: [{id: clean_a, probe: ok}]}
      - {id: b, probe: fail, cleanup: [{id: clean_b, probe: ok}]}
      - {id: c, probe: ok}
  - {id: d, probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(calls(&bench), "a b clean_b clean_a d");
}

#[tokio::test]
async fn handlers_and_the_end_see_what_happened_and_never_turn_it_into_a_success() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps: [{id: a, probe: fail}]
on_failure:
  rollback: never
  steps: [{id: tell, effect: change, run: 'echo ${{ steps.a.status }} ${{ steps.a.reason }} >> effects'}]
finally: [{id: last, effect: change, run: 'echo ${{ steps.a.status }} >> effects'}]
",
        )
        .await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(bench.effects(), ["failed on purpose", "failed"]);
}

#[tokio::test]
async fn the_end_comes_after_a_success_too_and_its_failure_counts() {
    let bench = Bench::new();
    let end = bench.run("steps: [{id: a, probe: ok}]\nfinally: [{id: last, probe: fail}]\n").await;
    assert_eq!((end.outcome(), calls(&bench)), ("failed", "a last".to_owned()));
}
