//! What is true of every example.

use super::support::{Place, every_file};

/// Values for inputs that have no default.
const REQUIRED: &[(&str, &[&str])] = &[
    (
        "001-tg-sale-bot/restore-sqlite.yaml",
        &["backup_path=/var/data/backups/render-sales-agent-20260111.db.gz"],
    ),
    ("003-organizer/restart-worker.yaml", &["item=7"]),
];

#[test]
fn there_is_nothing_to_say_about_any_of_them() {
    let place = Place::new();
    let files = every_file();
    assert!(files.len() >= 19, "{files:?}");
    for file in files {
        let ended = place.runbook(&["validate", "--strict", "--format", "json", &file]).code(0);
        let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(!report.to_string().contains("RB0"), "{file}: {report}");
    }
}

#[test]
fn each_plans_without_touching_anything() {
    let place = Place::new();
    for file in every_file() {
        let mut arguments = vec!["plan", file.as_str()];
        let given = REQUIRED.iter().find(|(name, _)| *name == file).map_or(&[][..], |(_, inputs)| inputs);
        arguments.extend(given.iter().flat_map(|input| ["-i", *input]));
        let ended = place.runbook(&arguments).code(0);
        insta::assert_snapshot!(file.replace(['/', '.'], "_"), ended.stdout);
    }
    assert!(!place.at("state").exists());
}

#[test]
fn each_has_tests_that_pass_and_reach_all_of_it() {
    let place = Place::new();
    let ended =
        place.runbook(&["test", ".", "--min-coverage", "100", "--fail-each", "--format", "json"]).code(0);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let tested: Vec<&str> =
        report["files"].as_array().unwrap().iter().map(|file| file["file"].as_str().unwrap()).collect();
    for file in every_file() {
        let tests = file.replace(".yaml", ".test.yaml");
        assert!(tested.iter().any(|name| name.ends_with(&tests)), "{file} has no tests: {tested:?}");
    }
    assert!(!place.at("state").exists());
}

#[test]
fn each_walks_dry_without_touching_anything() {
    let place = Place::new();
    for file in every_file() {
        let mut arguments = vec!["run", file.as_str(), "--dry-run"];
        let given = REQUIRED.iter().find(|(name, _)| *name == file).map_or(&[][..], |(_, inputs)| inputs);
        arguments.extend(given.iter().flat_map(|input| ["-i", *input]));
        place.runbook(&arguments).code(0);
    }
    assert!(!place.at("state").exists());
}
