//! The embedding examples do what they say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../examples/embed.rs"]
mod embed;
#[path = "../examples/own_action.rs"]
mod own_action;

use runbook_core::run::Outcome;
use serde_json::json;

#[tokio::test]
async fn a_program_runs_a_runbook_and_answers_itself() {
    let (lines, outcome) = embed::greet("Мир").await.unwrap();
    assert_eq!(outcome, Some(Outcome::Succeeded));
    assert_eq!(lines.first().map(String::as_str), Some("run: running"));
    assert!(lines.iter().any(|line| line == "shout: waiting"), "the gate was shown: {lines:#?}");
    assert!(lines.iter().any(|line| line == "shout: succeeded"), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("run: succeeded"));
}

#[tokio::test]
async fn a_program_adds_an_action_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.txt", "c.log"] {
        std::fs::write(place.path().join(name), "").unwrap();
    }
    assert_eq!(own_action::count(place.path(), 2).await.unwrap(), (Some(Outcome::Succeeded), json!(2)));
    let (outcome, _) = own_action::count(place.path(), 3).await.unwrap();
    assert_eq!(outcome, Some(Outcome::Failed), "`expect` sees the fields that the action yields");
    let (outcome, _) = own_action::count(&place.path().join("absent"), 0).await.unwrap();
    assert_eq!(outcome, Some(Outcome::Failed));
}
