//! Dialogues, line by line.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::render::style::Paint;
use crate::text::is_deceptive;

/// Somebody whose answers are known; after them, nobody.
struct Script {
    said: Mutex<String>,
    lines: Mutex<Vec<&'static str>>,
}

impl Script {
    fn new(lines: &[&'static str]) -> Self {
        Script { said: Mutex::default(), lines: Mutex::new(lines.iter().rev().copied().collect()) }
    }
    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
    fn unread(&self) -> usize {
        self.lines.lock().unwrap().len()
    }
}

#[async_trait]
impl Dialogue for Script {
    fn say(&self, text: &str) {
        self.said.lock().unwrap().push_str(text);
    }
    async fn line(&self) -> Option<String> {
        self.lines.lock().unwrap().pop().map(str::to_owned)
    }
    async fn hidden_line(&self) -> Option<String> {
        self.line().await
    }

    fn paint(&self) -> Paint {
        Paint::none()
    }
}

async fn gate(talk: &Script, question: &GateQuestion) -> Option<Decision> {
    show_gate(talk, question, &[]);
    super::gate(talk, question).await
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn question() -> GateQuestion {
    GateQuestion {
        message: "Применить 3 коммита?".into(),
        action: "git pull origin main\ngit log -1".into(),
        target: "app (ssh)".into(),
        effect: Effect::Change,
        undo: vec!["git reset --hard abc".into()],
        show: Some("abc fix\ndef more".into()),
        preview: None,
        phrase: None,
        roles: Vec::new(),
        approvers_min: 1,
        by_others: false,
        irreversible: false,
        asked_by: Vec::new(),
        digest: "d".into(),
    }
}

#[test]
fn a_gate_shows_everything_that_matters() {
    let talk = Script::new(&["yes"]);
    assert_eq!(wait(gate(&talk, &question())), Some(Decision::Approve));
    insta::assert_snapshot!(talk.said(), @r#"
  action    git pull origin main
            git log -1
  target    app (ssh)
  effect    change
  undo      git reset --hard abc
  shown     abc fix
            def more

  Применить 3 коммита?
approve? [yes/no, да/нет]
"#);
}

#[test]
fn yes_and_no_in_two_languages() {
    for (line, decision) in [
        ("yes", Decision::Approve),
        (" Y ", Decision::Approve),
        ("да", Decision::Approve),
        ("Д", Decision::Approve),
        ("no", Decision::Deny),
        ("n", Decision::Deny),
        ("нет", Decision::Deny),
        ("Н", Decision::Deny),
    ] {
        let talk = Script::new(match line {
            "yes" => &["yes"],
            " Y " => &[" Y "],
            "да" => &["да"],
            "Д" => &["Д"],
            "no" => &["no"],
            "n" => &["n"],
            "нет" => &["нет"],
            _ => &["Н"],
        });
        assert_eq!(wait(gate(&talk, &question())), Some(decision), "{line}");
    }
}

#[test]
fn silence_and_noise_are_asked_again_and_never_taken_for_a_yes() {
    let talk = Script::new(&["", "  ", "yess", "ok", "1", "нет", "yes"]);
    assert_eq!(wait(gate(&talk, &question())), Some(Decision::Deny));
    assert_eq!(talk.unread(), 1);
    assert_eq!(talk.said().matches("approve? ").count(), 6);
    assert!(talk.said().contains("`yess` is none of the answers"));
}

#[test]
fn the_end_of_input_is_nobody() {
    assert_eq!(wait(gate(&Script::new(&[]), &question())), None);
    assert_eq!(wait(gate(&Script::new(&["maybe"]), &question())), None);
}

#[test]
fn a_phrase_must_be_typed_exactly() {
    let asked = GateQuestion { phrase: Some("удалить prod".into()), ..question() };
    let talk = Script::new(&["yes", "Удалить prod", "удалить prod ", "удалить prod"]);
    assert_eq!(wait(gate(&talk, &asked)), Some(Decision::Approve));
    assert_eq!(talk.said().matches("not the phrase").count(), 3);
    assert_eq!(wait(gate(&Script::new(&["нет"]), &asked)), Some(Decision::Deny));
}

#[test]
fn what_a_runbook_says_cannot_steer_the_terminal() {
    let evil = "x\x1b[2J\u{202e}\ry";
    let asked = GateQuestion {
        message: evil.into(),
        action: evil.into(),
        target: evil.into(),
        undo: vec![evil.into()],
        show: Some(evil.into()),
        phrase: Some(evil.into()),
        ..question()
    };
    let talk = Script::new(&["no"]);
    wait(gate(&talk, &asked));
    assert!(!talk.said().contains(is_deceptive), "{:?}", talk.said());
}

fn form(fields: serde_json::Value) -> Manual {
    serde_json::from_value(serde_json::json!({ "instructions": [], "fields": fields })).unwrap()
}

#[test]
fn a_manual_step_is_ticked_filled_in_and_confirmed() {
    let form = form(serde_json::json!([
        {"name": "archive", "type": "string", "required": true},
        {"name": "size", "type": "int", "required": true, "min": 1.0},
        {"name": "note", "type": "string", "required": false},
    ]));
    let talk = Script::new(&["", "да", "", "backup.tar", "many", "0", "42", "", "done"]);
    let checklist = ["Открыть консоль".to_owned(), "Выбрать копию".to_owned()];
    let reply = wait(manual(&talk, "Сделай это\nи это", &checklist, &form)).unwrap();
    let Reply::Manual { done: true, fields, note: None } = reply else { panic!("{reply:?}") };
    assert_eq!(serde_json::Value::Object(fields), serde_json::json!({"archive": "backup.tar", "size": 42}));
    assert_eq!(talk.unread(), 0);
    let said = talk.said();
    assert!(said.contains("  Сделай это\n  и это\n"), "{said}");
    assert!(said.contains("`many` is not a whole number"), "{said}");
    assert!(said.contains("`0` is too small"), "{said}");
}

#[test]
fn a_point_that_failed_fails_the_step_with_a_note() {
    let talk = Script::new(&["f", "нет доступа"]);
    let reply = wait(manual(
        &talk,
        "x",
        &["Открыть консоль".to_owned(), "next".to_owned()],
        &form(serde_json::json!([])),
    ));
    let Some(Reply::Manual { done: false, note, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!(note.as_deref(), Some("нет доступа"));
}

#[test]
fn leaving_in_the_middle_of_a_manual_step_is_no_answer() {
    assert_eq!(
        wait(manual(&Script::new(&[""]), "x", &["a".into(), "b".into()], &form(serde_json::json!([])))),
        None
    );
    assert_eq!(wait(manual(&Script::new(&[]), "x", &[], &form(serde_json::json!([])))), None);
}

#[test]
fn a_failure_can_be_retried_skipped_undone_or_left() {
    for (line, choice) in [
        ("retry", Choice::Retry),
        ("skip", Choice::Skip),
        ("rollback", Choice::Rollback),
        ("stop", Choice::Stop),
    ] {
        let talk = Script { said: Mutex::default(), lines: Mutex::new(vec![line, "s"]) };
        assert_eq!(wait(failure(&talk)), Some(choice));
    }
}

fn agreed(who: &str) -> Approval {
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    Approval { by: runbook_core::run::Answerer::new(who, "terminal"), at, expires: None }
}

#[test]
fn a_gate_says_whose_yes_it_takes_and_who_has_given_theirs() {
    let dba = runbook_core::model::Role {
        name: "dba".into(),
        people: Some(vec!["anna".into(), "b\x1b[2J".into()]),
    };
    let asked = GateQuestion { roles: vec![dba], approvers_min: 2, by_others: true, ..question() };
    let talk = Script::new(&[]);
    show_gate(&talk, &asked, &[agreed("an\u{202e}na")]);
    let said = talk.said();
    assert!(
        said.contains(r"needs     2 people of dba (anna, b\u{1b}[2J), not who started the run"),
        "{said}"
    );
    assert!(said.contains(r"so far    an\u{202e}na (terminal)"), "{said}");
    assert!(!said.contains(is_deceptive), "{said:?}");
}

#[test]
fn who_cannot_agree_can_still_say_no_and_silence_leaves_it_to_others() {
    let plan = plan();
    let ask = |question: GateQuestion| Ask::Gate {
        node: NodeId::from_index(0),
        question,
        approvals: Vec::new(),
        requester: Some("anna".into()),
    };
    let others = GateQuestion { by_others: true, ..question() };
    for (lines, reply) in [
        (&["no"][..], Some(Reply::Gate { decision: Decision::Deny })),
        (&[""], None),
        (&["yes", "да", ""], None),
        (&[], None),
    ] {
        let talk = Script::new(lines);
        let said = wait(leave_to_others(&talk, &plan, &ask(others.clone()), NotEntitled::Requester));
        assert_eq!(said, reply, "{lines:?}");
        assert!(talk.said().contains("you started this run: somebody else must agree"));
        assert!(talk.said().contains("git pull origin main"), "they see what it is about");
    }
    let talk = Script::new(&["no"]);
    assert_eq!(wait(leave_to_others(&talk, &plan, &ask(others), NotEntitled::Role)), None);
    assert_eq!(talk.unread(), 1, "who has no role is not asked");
}

fn plan() -> Plan {
    let text =
        "apiVersion: runbook/v1\nkind: Runbook\nname: book\nsteps: [{id: a, run: 'true', confirm: x}]\n";
    let book =
        runbook_core::read::parse("n.yaml", text, &runbook_core::kind::Kinds::default()).runbook.unwrap();
    Plan::build(&book, &runbook_core::plan::PlanRequest::default()).unwrap()
}
