//! `runbook show` as documents, on real runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

const BOOK: &str = r#"apiVersion: runbook/v1
kind: Runbook
name: recover
title: "Восстановление <script>alert('x')</script>"
inputs: {unit: {type: string, default: "api & co"}}
defaults: {timeout: 1m}
on_failure: {rollback: auto}
steps:
  - id: look
    title: Что сейчас
    effect: read
    run: [echo, "state of ${{ inputs.unit }} <b>bad</b>"]
    evidence: {label: До вмешательства}
  - id: keep
    title: Оставить как есть
    effect: change
    run: "true"
  - id: change
    effect: change
    confirm: Изменить ${{ inputs.unit }}?
    run: "true"
    rollback: [{title: Вернуть, run: "true"}]
  - id: break
    title: Сломать
    run: |
      echo "out"
      echo "panic: <address in use>" >&2
      exit 3
    rollback: [{run: "true"}]
  - {id: never, run: "true"}
outputs: {unit: inputs.unit}
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new(book: &str) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        fs::write(place.0.path().join("book.yaml"), book).unwrap();
        place
    }

    fn runbook(&self, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("runbook").unwrap();
        command.args(arguments).args(["--state", "state"]).current_dir(self.0.path());
        command.output().unwrap()
    }

    fn show(&self, format: &str) -> String {
        let output = self.runbook(&["show", "last", "--format", format]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn failed() -> Place {
    let place = Place::new(BOOK);
    let output = place.runbook(&["run", "book.yaml", "--yes"]);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    place
}

/// What stands between the lines that hold `from` and `to`.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("`{from}` is not in\n{text}")).1;
    rest.split_once(to).unwrap_or_else(|| panic!("`{to}` is not after `{from}` in\n{text}")).0
}

/// Whether every element is closed, in order.
fn is_well_formed(page: &str) {
    const VOID: &[&str] = &["meta", "br", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if VOID.contains(&name) || tag.ends_with('/') {
            continue;
        }
        match tag.starts_with('/') {
            true => assert_eq!(open.pop(), Some(name), "`<{tag}>` closes something else"),
            false => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn the_report_of_a_failure_says_what_happened_what_was_undone_and_what_to_type() {
    let place = failed();
    let text = place.show("markdown");
    assert!(text.contains("**Failed; what had been done was undone**"));
    let happened = between(&text, "## What happened", "\n## ");
    assert!(happened.contains("`break` Сломать") && happened.contains("exit code 3"), "{happened}");
    assert!(happened.contains("panic: <address in use>"), "{happened}");
    let undone = between(&text, "## Undone", "\n## ");
    assert!(undone.contains("`change`") && undone.contains("`break`"), "{undone}");
    assert!(between(&text, "## Not undone", "\n## ").contains("`keep` Оставить как есть"));
    let left = between(&text, "## Left to do", "\n## ");
    assert!(left.contains("not undone: keep"), "{left}");
    assert!(left.contains("runbook run book.yaml -i 'unit=api & co'"), "{left}");
    let evidence = between(&text, "## Evidence", "\n## ");
    assert!(evidence.contains("**До вмешательства**") && evidence.contains("state of api & co <b>bad</b>"));
    let decisions = between(&text, "## Approvals and decisions", "\n## ");
    assert!(decisions.contains("`change` approved") && decisions.contains("(--yes)"), "{decisions}");
    assert!(text.contains("| `never` |  | pending |"), "{text}");
}

#[test]
fn the_page_needs_nothing_but_itself_and_shows_texts_as_texts() {
    let page = failed().show("html");
    is_well_formed(&page);
    for foreign in ["<script", "src=", "<link", "@import", "url(", "<b>bad", "<address"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
    assert_eq!(page.matches("<svg").count(), 2, "the steps and the time");
    let dag = between(&page, "<svg", "</svg>");
    for (key, class) in [("look", "good"), ("change", "warn"), ("break", "bad"), ("never", "quiet")] {
        let group = between(dag, &format!("<g class=\"{class}\"><title>{key} "), "</g>");
        assert!(group.contains("<rect"), "{group}");
    }
    let verdict = between(&page, "<section class=\"verdict", "</section>");
    for part in ["What happened", "Undone", "Not undone", "Left to do", "Type next"] {
        assert!(verdict.contains(&format!("<dt>{part}</dt>")), "{part}: {verdict}");
    }
}

#[test]
fn the_file_is_not_needed_any_more() {
    let place = failed();
    let before = [place.show("markdown"), place.show("html"), place.show("junit")];
    fs::remove_file(place.0.path().join("book.yaml")).unwrap();
    assert_eq!(before, [place.show("markdown"), place.show("html"), place.show("junit")]);
}

#[test]
fn junit_has_a_case_for_every_step() {
    let text = failed().show("junit");
    assert!(text.contains("tests=\"7\"") && text.contains("failures=\"1\""), "{text}");
    let case = between(&text, "name=\"break", "</testcase>");
    assert!(
        case.contains("<failure message=\"exit code 3\"") && case.contains("panic: &lt;address"),
        "{case}"
    );
    assert!(between(&text, "name=\"never", "</testcase>").contains("<skipped"));
}

#[test]
fn json_has_evidence_and_decisions() {
    let report: Value = serde_json::from_str(&failed().show("json")).unwrap();
    assert_eq!(report["evidence"][0]["label"], "До вмешательства");
    assert_eq!(report["evidence"][0]["step"], "look");
    let decisions = report["decisions"].as_array().unwrap();
    assert!(
        decisions.iter().any(|one| one["step"] == "change" && one["what"] == "approved"),
        "{decisions:?}"
    );
}

#[test]
fn the_terminal_says_what_failed_although_it_was_undone() {
    let place = failed();
    assert!(place.show("text").contains("failed       break  Сломать: exit code 3"));
    assert_eq!(place.show("text"), place.show("human"), "the former name of the form is still understood");
}

#[test]
fn a_run_that_waits_says_for_whom_and_how_to_answer() {
    let place = Place::new(BOOK);
    assert_eq!(place.runbook(&["run", "book.yaml", "--non-interactive"]).status.code(), Some(6));
    let text = place.show("markdown");
    assert!(text.contains("**Suspended: it waits for people**"));
    assert!(
        between(&text, "## In doubt or waiting", "\n## ").contains("waits for a yes: Изменить api & co?")
            || text.contains("waits for a yes: Изменить api &amp; co?"),
        "{text}"
    );
    let left = between(&text, "## Left to do", "\n## ");
    assert!(left.contains("Answer for change.") && left.contains(" change --state state"), "{left}");
    is_well_formed(&place.show("html"));
}

#[test]
fn a_run_that_went_well_leaves_nothing_to_do() {
    let place = Place::new(
        "apiVersion: runbook/v1\nkind: Runbook\nname: fine\nsteps: [{id: look, run: [echo, hi], effect: read}]\n",
    );
    assert!(place.runbook(&["run", "book.yaml"]).status.success());
    let text = place.show("markdown");
    assert!(
        text.contains("**Succeeded**") && !text.contains("Left to do") && !text.contains("Type next"),
        "{text}"
    );
    is_well_formed(&place.show("html"));
}

#[test]
fn documents_are_written_and_refused() {
    let place = Place::new(BOOK);
    let page = place.runbook(&["docs", "book.yaml", "--format", "html"]);
    is_well_formed(&String::from_utf8(page.stdout).unwrap());
    assert!(page.status.success());
    fs::write(place.0.path().join("broken.yaml"), "apiVersion: runbook/v1\nkind: Runbook\nname: x\n")
        .unwrap();
    let refused = place.runbook(&["docs", "broken.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty() && String::from_utf8_lossy(&refused.stderr).contains("`steps`"));
}
