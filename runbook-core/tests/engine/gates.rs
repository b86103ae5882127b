//! Gates: what may not happen without a person's yes, and for what exactly that yes is.

use runbook_core::drive::gate_token;
use runbook_core::port::{Ask, Reply};
use runbook_core::run::{Decision, Phase};

use crate::support::{Bench, approve, deny};

const BOOK: &str = "steps:
  - {id: before, probe: ok}
  - id: gated
    effect: change
    run: echo gated >> effects
    confirm: {message: Really?, show: 'because ${{ steps.before.status }}'}
    rollback: [{title: take it back, probe: ok}]
  - {id: after, probe: ok}
";

#[tokio::test]
async fn a_yes_lets_the_step_act() {
    let bench = Bench::new().people(|_, ask| {
        let Ask::Gate { question, .. } = ask else { return None };
        assert_eq!(question.message, "Really?");
        assert!(question.action.ends_with("\necho gated >> effects"), "{question:?}");
        assert_eq!(question.show.as_deref(), Some("because succeeded"));
        assert_eq!(question.undo, ["take it back"]);
        approve()
    });
    let end = bench.run(BOOK).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.asked(), ["gate gated"]);
    assert_eq!(bench.effects(), ["gated"]);
}

#[tokio::test]
async fn a_no_ends_the_run_and_nothing_more_happens() {
    let bench = Bench::new().people(|_, ask| match ask {
        Ask::Gate { .. } => deny(),
        _ => None,
    });
    let end = bench.run(BOOK).await;
    assert_eq!(end.outcome(), "denied");
    assert_eq!(end.statuses(["gated", "after"]), ["denied", "pending"]);
    assert_eq!(end.reason("gated"), "denied by ann (terminal)");
    assert_eq!(bench.effects(), Vec::<String>::new());
    assert_eq!(bench.probe.calls(), ["before.1"]);
}

/// The digest of what is asked at `gated`.
fn digest(end: &crate::support::End) -> String {
    match &end.state("gated").phase {
        Phase::Gate { question, .. } => question.digest.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn silence_is_no_answer_and_an_answer_may_come_later() {
    for bench in [Bench::new(), Bench::new().people(|_, _| None)] {
        let end = bench.run(BOOK).await;
        assert_eq!(end.outcome(), "waits");
        assert_eq!(bench.store.list().await.unwrap()[0].status, "suspended");
        assert!(!bench.store.list().await.unwrap()[0].alive);
        let again = bench.resume(end.id()).await;
        assert_eq!(again.outcome(), "waits", "a second engine is no answer either");
        assert_eq!(digest(&end), digest(&again), "the same question");

        let yes = || Reply::Gate { decision: Decision::Approve };
        assert!(bench.leave(end.id(), gate_token("gated", "of something else"), yes()).await);
        assert!(bench.leave(end.id(), gate_token("after", &digest(&end)), yes()).await);
        assert_eq!(bench.resume(end.id()).await.outcome(), "waits", "answers to other questions");
        assert_eq!(bench.effects(), Vec::<String>::new());

        assert!(bench.leave(end.id(), gate_token("gated", &digest(&end)), yes()).await);
        let no = Reply::Gate { decision: Decision::Deny };
        assert!(!bench.leave(end.id(), gate_token("gated", &digest(&end)), no).await, "answered already");
        let end = bench.resume(end.id()).await;
        assert_eq!(end.outcome(), "succeeded");
        assert_eq!(bench.effects(), ["gated"]);
        assert_eq!(end.state("gated").approved.as_ref().unwrap().1.who, "bob");
        assert_eq!(bench.probe.calls(), ["before.1", "after.1"], "nothing is repeated");
    }
}

#[tokio::test]
async fn an_answer_that_is_left_while_somebody_is_asked_counts() {
    let bench = Bench::new();
    let engine = bench.builder().approver(std::sync::Arc::new(Undecided)).build().unwrap();
    let run = engine.start(bench.plan(BOOK), None).await.unwrap();
    let digest = loop {
        let (_, machine) = engine.inspect(run.id()).await.unwrap();
        let gated = machine.plan().find("gated").unwrap();
        if let Phase::Gate { question, .. } = &machine.state().node(gated).phase {
            break question.digest.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let yes = Reply::Gate { decision: Decision::Approve };
    assert!(bench.leave(run.id(), gate_token("gated", &digest), yes).await);
    let end = crate::support::ended(run).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.effects(), ["gated"]);
}

struct Undecided;

#[async_trait::async_trait]
impl runbook_core::port::Approver for Undecided {
    async fn ask(
        &self,
        _: &runbook_core::plan::Plan,
        _: &Ask,
    ) -> Option<(Reply, runbook_core::run::Answerer)> {
        std::future::pending().await
    }
}

/// Whoever is asked is slow, and meanwhile a parallel step changes what the gated one would do.
#[tokio::test]
async fn a_yes_for_values_that_have_changed_is_asked_for_again() {
    // The first plan is approved; then another engine goes on with a plan of the same steps that would do
    // something else. Plans are frozen, so this can only be a store that was tampered with.
    let bench = Bench::new();
    let end = bench.run(BOOK).await;
    let approved = gate_token("gated", &digest(&end));
    assert!(bench.leave(end.id(), approved.clone(), Reply::Gate { decision: Decision::Approve }).await);

    let other = Bench::new();
    let changed = other.run(&BOOK.replace("echo gated", "echo changed")).await;
    assert_ne!(digest(&end), digest(&changed), "what is asked is under the digest");
    other.leave(changed.id(), approved, Reply::Gate { decision: Decision::Approve }).await;
    assert_eq!(other.resume(changed.id()).await.outcome(), "waits");
    assert_eq!(other.effects(), Vec::<String>::new());
}

#[tokio::test]
async fn inputs_are_under_the_digest() {
    let book = "inputs: {dir: {type: path}, n: {type: int}}\n".to_owned() + BOOK;
    let mut digests = Vec::new();
    for n in [1, 2] {
        let bench = Bench::new().input("n", n).input("dir", "/tmp");
        digests.push(digest(&bench.run(&book).await));
    }
    assert_ne!(digests[0], digests[1]);
}

#[tokio::test]
async fn a_gate_that_waits_too_long_denies() {
    for (rule, outcome, status) in [("deny", "denied", "denied"), ("fail", "failed", "failed")] {
        let book = format!(
            "steps: [{{id: gated, probe: ok, confirm: {{message: Really?, timeout: 200ms, on_timeout: {rule}}}}}]\n"
        );
        let bench = Bench::new();
        let engine = bench.builder().approver(std::sync::Arc::new(Undecided)).build().unwrap();
        let end = crate::support::ended(engine.start(bench.plan(&book), None).await.unwrap()).await;
        assert_eq!(end.outcome(), outcome);
        assert_eq!(end.statuses(["gated"]), [status]);
        assert_eq!(bench.probe.calls(), Vec::<String>::new());
        // Also when no engine was there while the time passed.
        let bench = Bench::new();
        let end = bench.run(&book).await;
        assert_eq!(end.outcome(), "waits");
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        assert_eq!(bench.resume(end.id()).await.outcome(), outcome);
    }
}

#[tokio::test]
async fn what_else_can_go_on_does_before_the_run_waits() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - id: all
    parallel:
      - {id: gated, probe: ok, confirm: Really?}
      - {id: slow, steps: [{id: pause, wait: 200ms}, {id: then, probe: ok}]}
      - {id: again, idempotent: true, probe: flaky 2, retry: {attempts: 3, every: 200ms}}
      - {id: settles, probe: ok, settle: 200ms}
",
        )
        .await;
    assert_eq!(end.outcome(), "waits");
    assert_eq!(
        end.statuses(["gated", "then", "again", "settles"]),
        ["waiting", "succeeded", "succeeded", "succeeded"]
    );
}

#[tokio::test]
async fn a_gate_at_a_group_stands_before_all_that_is_in_it() {
    let bench = Bench::new().people(|_, ask| {
        let Ask::Gate { question, .. } = ask else { return None };
        assert!(question.action.contains("inner"), "{question:?}");
        deny()
    });
    let end = bench.run("steps: [{id: group, confirm: Really?, steps: [{id: inner, probe: ok}]}]\n").await;
    assert_eq!(end.outcome(), "denied");
    assert_eq!(bench.probe.calls(), Vec::<String>::new());
}
