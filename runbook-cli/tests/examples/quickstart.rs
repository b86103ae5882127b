//! `quickstart/`, and the first command of the README.

use super::support::{Place, examples};

const HELLO: &str = "quickstart/hello.yaml";

#[test]
fn the_release_is_verified() {
    let place = Place::new();
    place.run(HELLO, &[]).code(0);
    assert_eq!(place.last()["outputs"], serde_json::json!({"from": "1.0", "to": "2.0"}));
    assert_eq!(place.status("service.cleanup.1"), "succeeded");
}

#[test]
fn a_bad_release_is_undone() {
    let place = Place::new();
    place
        .run(HELLO, &["healthy=false"])
        .code(4)
        .says("the service does not start with the new configuration")
        .says("  failed       release  Release 2.0: not verified");
    assert_eq!(place.status("release"), "undone");
    assert_eq!(place.last()["status"], "rolled_back");
}

#[test]
fn there_is_nothing_to_release_twice() {
    let place = Place::new();
    place.run(HELLO, &["version=1.0"]).code(0);
    assert_eq!(place.status("release"), "skipped");
}

#[test]
fn a_version_is_data_and_no_shell() {
    let place = Place::new();
    place.run(HELLO, &["version=1; touch /tmp/x"]).code(2).says("does not match the pattern");
}

#[test]
fn nobody_to_ask_suspends_and_an_answer_continues() {
    let place = Place::new();
    place.runbook(&["run", HELLO]).code(6);
    place.runbook(&["approve", "last", "release"]).code(0);
    place.runbook(&["resume", "last"]).code(0);
    assert_eq!(place.last()["status"], "succeeded");
}

#[test]
fn a_no_leaves_everything_as_it_was() {
    let place = Place::new();
    place.runbook(&["run", HELLO]).code(6);
    place.runbook(&["deny", "last", "release"]).code(0);
    place.runbook(&["resume", "last"]).code(7);
    assert_eq!(place.status("service.cleanup.1"), "succeeded");
}

#[test]
fn the_first_command_of_the_readme_needs_nothing() {
    let place = Place::new();
    let demo = examples().join("004-calendar-assistant/demo-backups");
    let input = format!("backup_dir={}", demo.to_str().unwrap());
    // The demo archive is as old as the clone; that may be worth a warning, and nothing more.
    place.run("004-calendar-assistant/verify-backup.yaml", &[&input]).code(0);
    assert_eq!(place.last()["outputs"]["files"], 5);
}
