//! Rehearsals: what looks is carried out, what changes is not, and what depends on a change is stale.

use runbook_core::drive::Verdict;

use crate::support::Bench;

const BOOK: &str = "preconditions: [{run: [test, -e, there]}]
steps:
  - {id: look, effect: read, run: cat there, outputs: {n: result.stdout | trim | int}}
  - {id: skipped, when: steps.look.outputs.n > 5, probe: ok}
  - id: edit
    edit: {path: '${{ inputs.dir }}/there', line: '${{ steps.look.outputs.n + 1 }}'}
    verify: [{run: grep 4 there}]
  - {id: make, run: 'echo made >> effects; echo new', outputs: {name: result.stdout | trim}}
  - {id: uses, effect: read, run: [cat, '${{ steps.make.outputs.name }}']}
  - {id: later, effect: read, run: cat made, needs: [make]}
  - {id: alone, effect: read, run: echo fine, needs: [look]}
  - {id: done, done_when: [{run: [test, -e, there]}], run: 'echo again >> effects'}
  - {id: person, manual: Look at it, needs: [look]}
  - id: ladder
    remedies:
      goal: {run: [test, -e, absent]}
      rungs: [{id: first, run: 'echo r1 >> effects'}, {id: second, run: 'echo r2 >> effects'}]
  - {id: gone, effect: destroy, confirm: sure?, run: rm there}
";

#[tokio::test]
async fn changes_are_not_made_and_everything_else_is() {
    let bench = Bench::new();
    std::fs::write(bench.path("there"), "3\n").unwrap();
    let rehearsal = bench.engine().rehearse(bench.plan(BOOK)).await.unwrap();
    let verdicts: Vec<(&str, Verdict)> =
        rehearsal.steps.iter().map(|step| (step.key.as_str(), step.verdict)).collect();
    use Verdict::{AlreadyDone, Looked, Skipped, Stale, WouldAsk, WouldChange};
    let expected = [
        ("look", Looked),
        ("skipped", Skipped),
        ("edit", WouldChange),
        ("make", WouldChange),
        ("uses", Stale),
        ("later", Stale),
        ("alone", Looked),
        ("done", AlreadyDone),
        ("person", WouldAsk),
        ("first", WouldChange),
        ("second", WouldChange),
        ("gone", WouldChange),
    ];
    let mut sorted = verdicts.clone();
    sorted.sort_by_key(|(key, _)| *key);
    let mut wanted = expected.to_vec();
    wanted.sort_by_key(|(key, _)| *key);
    assert_eq!(sorted, wanted, "{rehearsal}");
    let change = rehearsal.steps.iter().find(|step| step.key == "edit").and_then(|step| step.change.clone());
    assert!(change.unwrap().contains("+4\n"), "the difference is real");
    assert_eq!(rehearsal.outcome.map(|outcome| outcome.name()), Some("succeeded"));
    assert!(bench.effects().is_empty());
    assert_eq!(std::fs::read_to_string(bench.path("there")).unwrap(), "3\n");
    assert_eq!(std::fs::read_dir(bench.path("")).unwrap().count(), 1);
}

#[tokio::test]
async fn what_depends_on_no_change_can_fail() {
    let bench = Bench::new();
    let book = "steps:
  - {id: bad, effect: read, run: exit 7}
  - {id: never, effect: read, run: echo x}
";
    let rehearsal = bench.engine().rehearse(bench.plan(book)).await.unwrap();
    assert_eq!(rehearsal.steps[0].verdict, Verdict::Failed);
    assert_eq!(rehearsal.outcome.map(|outcome| outcome.name()), Some("failed"));
    let blocked = "preconditions: [{run: [test, -e, absent]}]\nsteps: [{id: a, run: 'true'}]\n";
    let rehearsal = bench.engine().rehearse(bench.plan(blocked)).await.unwrap();
    assert_eq!(rehearsal.outcome.map(|outcome| outcome.name()), Some("blocked"));
    assert!(rehearsal.steps.is_empty());
}
