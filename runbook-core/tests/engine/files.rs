//! Files: written, edited, copied, and put back.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use runbook_core::port::{Ask, Reply};
use runbook_core::run::Decision;

use crate::support::Bench;

/// The names in the bench's directory.
fn names(bench: &Bench) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(bench.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path(name)).unwrap()
}

const ALL: &str = "on_failure: {rollback: auto}
steps:
  - id: env
    edit: {path: '${{ inputs.dir }}/.env', set: {LEVEL: debug, NEW: 'a b'}}
    rollback: restore
  - id: conf
    write: {path: '${{ inputs.dir }}/app.conf', content: \"x = 1\\n\", mode: \"0600\"}
    rollback: restore
  - id: copy
    copy: {from: '${{ inputs.dir }}/source', to: '${{ inputs.dir }}/copied', backup: true}
    rollback: restore
";

#[tokio::test]
async fn files_are_changed_and_what_was_there_is_kept() {
    let bench = Bench::new();
    fs::write(bench.path(".env"), "# c\nLEVEL=info\n").unwrap();
    fs::set_permissions(bench.path(".env"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(bench.path("source"), "new").unwrap();
    fs::write(bench.path("copied"), "old").unwrap();
    let end = bench.run(ALL).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(read(&bench, ".env"), "# c\nLEVEL=debug\nNEW=\"a b\"\n");
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(".env"), mode("app.conf")), (0o640, 0o600), "the old mode stays, a new one is obeyed");
    assert_eq!(read(&bench, "copied"), "new");
    let id = end.id();
    assert_eq!(read(&bench, &format!(".env.before-{id}-env")), "# c\nLEVEL=info\n");
    assert_eq!(read(&bench, &format!("copied.before-{id}-copy")), "old");
    assert_eq!(read(&bench, &format!("app.conf.before-{id}-conf.absent")), "");
}

#[tokio::test]
async fn a_rollback_puts_back_what_was_there_and_takes_away_what_was_not() {
    let bench = Bench::new();
    fs::write(bench.path(".env"), "LEVEL=info\n").unwrap();
    fs::write(bench.path("source"), "new").unwrap();
    fs::write(bench.path("copied"), "old").unwrap();
    let before = names(&bench);
    let end = bench.run(&format!("{ALL}  - {{id: boom, probe: fail}}\n")).await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!(read(&bench, ".env"), "LEVEL=info\n");
    assert_eq!(read(&bench, "copied"), "old");
    assert_eq!(names(&bench), before, "nothing is left behind");
}

#[tokio::test]
async fn what_is_so_already_is_not_touched() {
    let bench = Bench::new();
    fs::write(bench.path("there"), "same\n").unwrap();
    let book = "steps:
  - {id: w, write: {path: '${{ inputs.dir }}/there', content: \"same\\n\"}, outputs: {changed: result.changed}, rollback: restore}
  - {id: e, edit: {path: '${{ inputs.dir }}/there', line: same}, outputs: {changed: result.changed}}
";
    let end = bench.run(book).await;
    assert_eq!(end.outcome(), "succeeded");
    for step in ["w", "e"] {
        assert_eq!(end.output(step, "changed"), serde_json::json!(false));
    }
    assert_eq!(names(&bench), ["there"]);
}

#[tokio::test]
async fn a_gate_shows_what_would_change_and_nothing_has_changed_yet() {
    let bench = Bench::new().people(|_, ask| match ask {
        Ask::Gate { question, .. } => {
            let preview = question.preview.clone().unwrap();
            assert!(preview.contains("-LEVEL=info\n+LEVEL=debug\n"), "{preview}");
            Some(Reply::Gate { decision: Decision::Deny })
        }
        _ => None,
    });
    fs::write(bench.path(".env"), "LEVEL=info\n").unwrap();
    let end = bench
        .run("steps:\n  - {id: e, confirm: ok?, edit: {path: '${{ inputs.dir }}/.env', set: {LEVEL: debug}}}\n")
        .await;
    assert_eq!(end.outcome(), "denied");
    assert_eq!(read(&bench, ".env"), "LEVEL=info\n");
    assert_eq!(names(&bench), [".env"]);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_nothing_is_half_done() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "x").unwrap();
    for (step, reason) in [
        ("edit: {path: '${{ inputs.dir }}/none', line: a}", "does not exist"),
        ("write: {path: '${{ inputs.dir }}/no/such/file', content: a}", "No such file or directory"),
        ("write: {path: '${{ inputs.dir }}', content: a}", "directory"),
        ("write: {path: relative, content: a}", "is relative"),
        ("copy: {from: '${{ inputs.dir }}/none', to: '${{ inputs.dir }}/x'}", "none"),
        (
            "write: {path: '${{ inputs.dir }}/file', content: a, owner: nobody-of-that-name}",
            "its owner cannot be",
        ),
    ] {
        let end = bench.run(&format!("steps:\n  - {{id: s, {step}}}\n")).await;
        assert_eq!(end.outcome(), "failed", "{step}");
        let said = end.reason("s");
        assert!(said.contains(reason), "{step}: {said}");
        assert_eq!(read(&bench, "file"), "x", "{step}");
    }
}

#[tokio::test]
async fn trees_are_replaced_as_a_whole_and_links_lead_to_what_is_meant() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("source/deep")).unwrap();
    fs::write(bench.path("source/deep/file"), "new").unwrap();
    symlink("deep/file", bench.path("source/link")).unwrap();
    fs::create_dir(bench.path("tree")).unwrap();
    fs::write(bench.path("tree/old"), "old").unwrap();
    fs::write(bench.path("real"), "before").unwrap();
    symlink("real", bench.path("alias")).unwrap();
    let book = "on_failure: {rollback: auto}
steps:
  - {id: t, copy: {from: '${{ inputs.dir }}/source', to: '${{ inputs.dir }}/tree', backup: true}, rollback: restore}
  - {id: w, write: {path: '${{ inputs.dir }}/alias', content: after}}
";
    let end = bench.run(book).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(read(&bench, "tree/deep/file"), "new");
    assert_eq!(fs::read_link(bench.path("tree/link")).unwrap().to_str(), Some("deep/file"));
    assert!(!bench.path("tree/old").exists());
    assert_eq!(read(&bench, "real"), "after");
    assert!(fs::symlink_metadata(bench.path("alias")).unwrap().is_symlink());

    let end = bench.run(&format!("{book}  - {{id: boom, probe: fail}}\n")).await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!(read(&bench, "tree/deep/file"), "new", "as the first run left it");
}

#[tokio::test]
async fn each_member_of_a_loop_keeps_and_restores_its_own() {
    let bench = Bench::new();
    for name in ["a", "b"] {
        fs::write(bench.path(name), format!("{name} before\n")).unwrap();
    }
    let end = bench
        .run(
            "on_failure: {rollback: auto}
steps:
  - id: each
    for_each: [a, b]
    write: {path: '${{ inputs.dir }}/${{ item }}', content: \"after\\n\"}
    rollback: restore
  - {id: boom, probe: fail}
",
        )
        .await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!((read(&bench, "a"), read(&bench, "b")), ("a before\n".into(), "b before\n".into()));
}
