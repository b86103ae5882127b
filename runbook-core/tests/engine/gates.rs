//! Gates: what may not happen without a person's yes, and for what exactly that yes is.

use runbook_core::drive::{APPROVAL_HOLDS, DecideError, Standing, decide, gate_token};
use runbook_core::port::{Ask, Reply};
use runbook_core::run::{Answerer, Decision, Entry, Event, NotEntitled, Phase};
use runbook_core::value::Duration;

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
        assert!(bench.leave(end.id(), gate_token("gated", 1, "of something else", 1), yes()).await);
        assert!(bench.leave(end.id(), gate_token("gated", 2, &digest(&end), 1), yes()).await);
        assert!(bench.leave(end.id(), gate_token("after", 1, &digest(&end), 1), yes()).await);
        assert_eq!(bench.resume(end.id()).await.outcome(), "waits", "answers to other questions");
        assert_eq!(bench.effects(), Vec::<String>::new());

        assert!(bench.leave(end.id(), gate_token("gated", 1, &digest(&end), 1), yes()).await);
        let no = Reply::Gate { decision: Decision::Deny };
        assert!(
            !bench.leave(end.id(), gate_token("gated", 1, &digest(&end), 1), no).await,
            "answered already"
        );
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
    assert!(bench.leave(run.id(), gate_token("gated", 1, &digest, 1), yes).await);
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

/// The log says yes to something else than what would run now.
#[tokio::test]
async fn a_yes_for_something_else_is_asked_for_again() {
    let bench = Bench::new();
    let first = bench.run(BOOK).await;
    let mut log = bench.log(first.id()).await;
    log.truncate(1 + log.iter().position(|entry| entry.event.name() == "gate_opened").unwrap());
    let seq = log.len() as u64;
    let opened = log.last_mut().unwrap();
    let Event::GateOpened { node, question } = &mut opened.event else { panic!() };
    question.digest = "of something else".into();
    let (node, other, by) = (*node, question.digest.clone(), Answerer::new("bob", "test"));
    let event = Event::GateDecided { node, decision: Decision::Approve, digest: other, by, expires: None };
    let at = opened.at;
    log.push(Entry { seq: seq + 1, at, event });

    let end = bench.resume(&bench.with_log(first.id(), &log).await).await;
    assert_eq!(end.outcome(), "waits");
    assert_eq!(digest(&end), digest(&first));
    assert_eq!(bench.effects(), Vec::<String>::new());
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

const FOUR_EYES: &str = "roles: {dba: [bob, eve]}
steps:
  - id: gated
    effect: change
    run: echo gated >> effects
    confirm: {message: Really?, roles: dba, approvers_min: 2}
";

/// Lets `who` decide at the gate of `gated`, as somebody on another terminal would.
async fn decide_as(
    bench: &Bench,
    run: &runbook_core::ids::RunId,
    who: &str,
    decision: Decision,
    holds: Duration,
) -> Result<Standing, DecideError> {
    let (_, machine) = bench.engine().inspect(run).await.unwrap();
    let node = machine.plan().find("gated").unwrap();
    let by = Answerer::new(who, "test");
    decide(&*bench.store, run, &machine, node, decision, by, jiff::Timestamp::now(), holds).await
}

#[tokio::test]
async fn two_people_are_two_identities_and_no_others() {
    let bench = Bench::new();
    let end = bench.run(FOUR_EYES).await;
    assert_eq!(end.outcome(), "waits");
    let yes = async |who: &str| decide_as(&bench, end.id(), who, Decision::Approve, APPROVAL_HOLDS).await;
    assert!(matches!(yes("mallory").await, Err(DecideError::NotEntitled(NotEntitled::Role))));
    assert_eq!(yes("bob").await.unwrap().needs, 1);
    assert!(matches!(yes("bob").await, Err(DecideError::NotEntitled(NotEntitled::Again))));

    // The engine takes the one that there is, keeps it, and goes on waiting; so does the next one.
    for _ in 0..2 {
        let again = bench.resume(end.id()).await;
        assert_eq!(again.outcome(), "waits");
        let agreed: Vec<String> =
            again.state("gated").asked.approvals.iter().map(|one| one.by.who.clone()).collect();
        assert_eq!(agreed, ["bob"]);
    }
    assert!(matches!(yes("bob").await, Err(DecideError::NotEntitled(NotEntitled::Again))));
    assert_eq!(yes("eve").await.unwrap().needs, 0);
    assert!(matches!(yes("eve").await, Err(DecideError::Answered { .. })), "nobody is needed any more");
    assert_eq!(bench.effects(), Vec::<String>::new());
    let end = bench.resume(end.id()).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.effects(), ["gated"]);
}

#[tokio::test]
async fn one_no_is_enough_also_after_a_yes() {
    let bench = Bench::new();
    let end = bench.run(FOUR_EYES).await;
    decide_as(&bench, end.id(), "bob", Decision::Approve, APPROVAL_HOLDS).await.unwrap();
    decide_as(&bench, end.id(), "eve", Decision::Deny, APPROVAL_HOLDS).await.unwrap();
    let late = decide_as(&bench, end.id(), "eve", Decision::Approve, APPROVAL_HOLDS).await;
    assert!(matches!(late, Err(DecideError::Answered { by }) if by.who == "eve"));
    let end = bench.resume(end.id()).await;
    assert_eq!(end.outcome(), "denied");
    assert_eq!(end.reason("gated"), "denied by eve (test)");
}

#[tokio::test]
async fn who_started_the_run_does_not_agree_to_what_destroys() {
    let destroys = "steps: [{id: gated, effect: destroy, run: 'echo gone >> effects', confirm: Really?}]\n";
    let forbids =
        "steps: [{id: gated, run: 'echo gone >> effects', confirm: {message: Really?, self: forbid}}]\n";
    for book in [destroys, forbids] {
        // Ann starts runs here, and whoever answers on her terminal is Ann.
        let bench = Bench::new().people(|_, _| approve());
        let end = bench.run(book).await;
        assert_eq!(end.outcome(), "waits", "her own yes does not count, and nobody asks her for ever");
        let yes = async |who: &str| decide_as(&bench, end.id(), who, Decision::Approve, APPROVAL_HOLDS).await;
        assert!(matches!(yes("ann").await, Err(DecideError::NotEntitled(NotEntitled::Requester))));
        yes("bob").await.unwrap();
        let end = bench.resume(end.id()).await;
        assert_eq!(end.outcome(), "succeeded");
        assert_eq!(end.state("gated").approved.as_ref().unwrap().1.who, "bob");
    }
    let allows = destroys.replace("confirm: Really?", "confirm: {message: Really?, self: allow}");
    let bench = Bench::new().people(|_, _| approve());
    assert_eq!(bench.run(&allows).await.outcome(), "succeeded");
}

#[tokio::test]
async fn a_yes_that_is_too_old_is_none() {
    let bench = Bench::new();
    let end = bench.run(BOOK).await;
    let soon = Duration::from_millis(1);
    decide_as(&bench, end.id(), "bob", Decision::Approve, soon).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(bench.resume(end.id()).await.outcome(), "waits");
    assert_eq!(bench.effects(), Vec::<String>::new());
    // The place of the old one is taken; there is another one.
    decide_as(&bench, end.id(), "bob", Decision::Approve, APPROVAL_HOLDS).await.unwrap();
    assert_eq!(bench.resume(end.id()).await.outcome(), "succeeded");
    assert_eq!(bench.effects(), ["gated"]);
}

#[tokio::test]
async fn a_yes_is_for_one_try_and_not_for_the_one_that_a_person_asks_for_later() {
    let book = "steps: [{id: gated, effect: change, run: 'echo tried >> effects; exit 1', confirm: Really?, on_failure: ask}]\n";
    let bench = Bench::new();
    let end = bench.run(book).await;
    decide_as(&bench, end.id(), "bob", Decision::Approve, APPROVAL_HOLDS).await.unwrap();
    let end = bench.resume(end.id()).await;
    assert_eq!(bench.effects(), ["tried"]);
    let retry = Reply::Failure { choice: runbook_core::run::Choice::Retry };
    assert!(bench.leave(end.id(), runbook_core::drive::failure_token("gated", 0), retry).await);
    let end = bench.resume(end.id()).await;
    assert_eq!(end.outcome(), "waits", "the same question, asked anew");
    assert_eq!(end.state("gated").asked.number, 2);
    assert_eq!(bench.effects(), ["tried"], "the answer that was left before is not used twice");
}

#[tokio::test]
async fn a_manual_step_is_for_its_roles_and_for_its_time() {
    let book = "roles: {dba: [bob]}
steps:
  - id: gated
    manual: {instructions: Do it, roles: [dba], timeout: 1h}
";
    let bench = Bench::new().people(|_, ask| {
        let Ask::Manual { manual, .. } = ask else { return None };
        assert!(!manual.may_answer("ann", &[]));
        crate::support::done(Default::default())
    });
    let end = bench.run(book).await;
    assert_eq!(end.outcome(), "waits", "ann says that it is done, and is not asked again");
    let token = runbook_core::drive::manual_token("gated", 1);
    assert!(bench.leave(end.id(), token, crate::support::done(Default::default()).unwrap()).await);
    assert_eq!(bench.resume(end.id()).await.outcome(), "succeeded");

    let bench = Bench::new();
    let end = bench.run(&book.replace("1h", "100ms")).await;
    assert_eq!(end.outcome(), "waits");
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let end = bench.resume(end.id()).await;
    assert_eq!(end.outcome(), "failed", "the time went on while no engine was there");
    assert_eq!(end.reason("gated"), "nobody answered within 100ms");
}
