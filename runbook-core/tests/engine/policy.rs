//! Policies over runs: what is forbidden does not run, whatever the values are, and what must be confirmed is asked.

use runbook_core::model::Policy;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{Ask, Reply};
use runbook_core::read;
use runbook_core::run::{Decision, Event};

use crate::support::{Bench, ended};

fn policy(name: &str, rest: &str) -> Policy {
    let text = format!("apiVersion: runbook/v1\nkind: Policy\nname: {name}\n{rest}");
    let loaded = Policy::parse("policy.yaml", &text);
    loaded.policy.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

const NO_RM: &str =
    "forbid: [{id: no_rm, command: \"(rm|git)\", effect: destroy, reason: nothing is deleted here}]\n";

/// What nobody knows before it runs: the word after `git` comes from an earlier step.
const LATE: &str = "steps:
  - {id: word, set: {verb: status, flag: '--hard'}}
  - {id: look, probe: ok}
  - id: act
    effect: destroy
    confirm: Do it?
    run: [git, \"${{ steps.word.outputs.verb }}\"]
    rollback: [{id: undo_act, probe: ok}]
";

#[tokio::test]
async fn a_value_can_make_an_action_a_forbidden_one() {
    for (verb, outcome, status) in [("clean", "blocked", "blocked"), ("--version", "failed", "failed")] {
        let bench = Bench::new()
            .people(|_, ask| matches!(ask, Ask::Gate { .. }).then_some(Reply::Gate { decision: Decision::Approve }))
            .under(policy("house", "forbid: [{id: no_clean, command: git clean, reason: nothing is deleted here}]\nunreadable: confirm\n"));
        let end = bench.run(&LATE.replace("verb: status", &format!("verb: '{verb}'"))).await;
        assert_eq!(
            (end.outcome(), end.statuses(["look", "act"])),
            (outcome, ["succeeded", status]),
            "{verb}"
        );
        let log = bench.log(end.id()).await;
        let asked = log.iter().any(|entry| matches!(entry.event, Event::GateOpened { .. }));
        let refused = log.iter().find_map(|entry| match &entry.event {
            Event::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        if verb == "clean" {
            assert!(!asked, "nobody is asked about what is forbidden");
            let reason = refused.unwrap();
            assert!(
                reason.contains("`git clean`") && reason.contains("`no_clean` of the policy `house`"),
                "{reason}"
            );
        }
    }
}

#[tokio::test]
async fn what_must_be_confirmed_gets_a_gate_and_what_only_looks_does_not() {
    let book = "steps:
  - {id: look, run: uptime}
  - {id: own, run: touch own, confirm: May I?}
  - {id: other, title: Mark it, run: touch other}
  - {id: group, confirm: All of it?, steps: [{id: inner, run: touch inner}]}
  - {id: kind, probe: ok}
finally: [{id: last, run: touch last}]
";
    let bench = Bench::new().under(policy("house", "confirm: {effects: [change]}\n"));
    let plan = bench.plan(book);
    let gates = |plan: &Plan| -> Vec<String> {
        plan.iter()
            .filter(|(_, node)| node.spec.confirm.is_some())
            .map(|(_, node)| node.key.clone())
            .collect()
    };
    assert_eq!(gates(&plan), ["own", "other", "group", "kind", "last"]);
    let asked_by = |key: &str| plan.node(plan.find(key).unwrap()).asked_by.clone();
    assert_eq!(asked_by("look"), Vec::<String>::new());
    assert_eq!(
        (asked_by("own"), asked_by("group"), asked_by("inner")),
        (vec!["house".into()], vec!["house".into()], vec!["house".into()])
    );
    let end = bench.run(book).await;
    assert_eq!(end.outcome(), "waits");
    let question = bench.log(end.id()).await.into_iter().find_map(|entry| match entry.event {
        Event::GateOpened { question, .. } => Some(question),
        _ => None,
    });
    assert_eq!(question.unwrap().asked_by, ["house"]);
    assert_ne!(Bench::new().plan(book).digest(), plan.digest(), "who is asked is under the digest");
}

#[tokio::test]
async fn an_exception_is_for_the_rules_that_allow_it() {
    let rules = "forbid:
  - {id: soft, command: touch, reason: ask first, overridable: true}
  - {id: hard, command: touch hard, reason: never}
";
    let book = |file: &str| {
        format!(
            "steps: [{{id: a, run: touch {file}, policy_exception: {{rule: soft, reason: asked for}}}}]\n"
        )
    };
    let end = Bench::new().under(policy("house", rules)).run(&book("x")).await;
    assert_eq!(end.outcome(), "succeeded");
    let refused = Bench::new().under(policy("house", rules)).refused(&book("hard"));
    assert!(refused.contains("`hard` of the policy `house`: never"), "{refused}");
    let refused = Bench::new().under(policy("house", rules)).refused("steps: [{id: a, run: touch x}]\n");
    assert!(refused.contains("`soft`"), "{refused}");
}

#[tokio::test]
async fn plans_are_refused_for_what_inputs_make_of_them_and_for_every_part() {
    let house = || policy("house", NO_RM);
    let parts = [
        "steps: [{id: a, run: [rm, -rf, x]}]",
        "steps: [{id: a, run: touch x, rollback: [{run: rm -rf x}]}]",
        "steps: [{id: a, run: touch x, cleanup: [{run: rm -rf x}]}]",
        "steps: [{id: a, run: touch x, verify: [{run: rm x, effect_because: it is gone anyway}]}]",
        "steps: [{id: a, run: touch x, done_when: [{run: rm x, effect_because: it is gone anyway}]}]",
        "steps: [{id: a, run: touch x}]\npreconditions: [{run: rm x, effect_because: it is gone anyway}]",
        "steps: [{id: a, run: touch x}]\nfinally: [{run: rm x}]",
        "steps: [{id: a, run: touch x}]\non_failure: {steps: [{run: rm x}]}",
        "steps: [{id: a, for_each: [x, y], run: [rm, \"${{ item }}\"]}]",
        "procedures: {p: [{cwd: /tmp, run: rm x}]}\nsteps: [{id: a, call: p}]",
        "vars: {verb: clean}\nsteps: [{id: a, run: [git, \"${{ vars.verb }}\", -fd], effect: destroy}]",
    ];
    for part in parts {
        let refused = Bench::new().under(house()).refused(&format!("{part}\n"));
        assert!(refused.contains("`no_rm` of the policy `house`"), "{part}: {refused}");
    }
}

#[tokio::test]
async fn the_policy_of_an_engine_holds_for_plans_that_were_made_without_it() {
    let book = "steps: [{id: gate, probe: ok, confirm: Go on?}, {id: act, run: rm -rf x}]\n";
    for (rest, reason) in
        [(NO_RM, "`no_rm` of the policy `house`"), ("confirm: {effects: [destroy]}\n", "has no gate for it")]
    {
        let bench = Bench::new();
        let id = bench.run(book).await.id().clone();
        let yes = |_: &Plan, _: &Ask| Some(Reply::Gate { decision: Decision::Approve });
        let engine = bench.people(yes).builder().policy(policy("house", rest)).build().unwrap();
        let end = ended(engine.resume(&id).await.unwrap()).await;
        assert_eq!(end.statuses(["gate", "act"]), ["succeeded", "blocked"]);
        assert!(end.state("act").reason.as_ref().unwrap().contains(reason), "{:?}", end.state("act").reason);
    }
}

#[test]
fn a_policy_from_outside_is_reported_where_the_text_breaks_it() {
    let text = "apiVersion: runbook/v1\nkind: Runbook\nname: x\nsteps:\n  - run: |\n      uptime\n      sudo rm -rf /data\n";
    let outside = [policy("house", NO_RM)];
    let kinds = runbook_core::kind::Kinds::default();
    let loaded = read::parse_under("x.yaml", text, &kinds, &read::NoFiles, &outside);
    let problem = &loaded.diagnostics[0];
    assert_eq!(loaded.sources.text(problem.primary.span), "sudo rm -rf /data".strip_prefix("sudo ").unwrap());
    // It stays outside: whoever makes the plan gives it again.
    let loaded = read::parse_under("x.yaml", &text.replace("rm -rf", "ls"), &kinds, &read::NoFiles, &outside);
    assert!(Plan::build(&loaded.runbook.unwrap(), &PlanRequest::default()).unwrap().policies.is_empty());
}

#[test]
fn a_reason_for_a_lower_effect_counts_where_nothing_can_be_seen() {
    let asked = |rest: &str, run: &str| {
        let bench =
            Bench::new().under(policy("house", rest)).under(policy("other", "confirm: {effects: [read]}\n"));
        let book = format!("steps: [{{id: a, effect: change, effect_because: it is known, run: {run}}}]\n");
        let plan = bench.plan(&book);
        plan.node(plan.find("a").unwrap()).asked_by.clone()
    };
    assert_eq!(asked("confirm: {effects: [destroy]}\n", "rm -rf x"), ["house"], "what is seen stays");
    assert_eq!(asked("confirm: {effects: [destroy]}\n", "./tidy.sh"), Vec::<String>::new());
    let watches =
        "unreadable: confirm\nforbid: [{id: no_stop, command: systemctl stop, reason: ask first}]\n";
    assert_eq!(asked(watches, "python3 -c pass"), ["house"], "what cannot be read is asked about");
}
