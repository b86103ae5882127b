//! `001-tg-sale-bot/`: backup, verified restore, and restore of the live database, on real SQLite files.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use super::support::{Ended, Place, examples, has};

const BACKUP: &str = "001-tg-sale-bot/backup-sqlite.yaml";
const VERIFY: &str = "001-tg-sale-bot/verify-restore.yaml";
const RESTORE: &str = "001-tg-sale-bot/restore-sqlite.yaml";
const SCRIPTS: &str = "scripts=001-tg-sale-bot/scripts";

/// A place with a live database `live.db` of two leads.
fn live() -> Option<Place> {
    let place = Place::new();
    has("python3").then(|| {
        sql(&place, "live.db", "CREATE TABLE leads (id INTEGER PRIMARY KEY, имя TEXT)");
        sql(&place, "live.db", "INSERT INTO leads (имя) VALUES ('Иван'), ('Анна')");
        place
    })
}

fn sql(place: &Place, database: &str, statement: &str) {
    let program =
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.executescript(sys.argv[2])\nc.close()";
    let mut python = Command::new("python3");
    assert!(python.args(["-c", program]).arg(place.at(database)).arg(statement).status().unwrap().success());
}

fn back_up(place: &Place, more: &[&str]) -> Ended {
    let (live, copies) = (place.input("db_path", "live.db"), place.input("output_dir", "backups"));
    let mut inputs = vec![SCRIPTS, live.as_str(), copies.as_str()];
    inputs.extend(more);
    place.run(BACKUP, &inputs)
}

fn verify(place: &Place, more: &[&str]) -> Ended {
    let (staging, copies) = (place.input("staging_path", "restore.db"), place.input("output_dir", "backups"));
    let mut inputs = vec![SCRIPTS, staging.as_str(), copies.as_str()];
    inputs.extend(more);
    place.run(VERIFY, &inputs)
}

/// Starts a restore of the live database, which waits for its phrase.
fn begin_restore(place: &Place, backup: &str, more: &[&str]) -> Ended {
    let (live, backup) = (place.input("db_path", "live.db"), format!("backup_path={backup}"));
    let mut inputs = vec![live.as_str(), backup.as_str()];
    inputs.extend(more);
    if !more.iter().any(|input| input.starts_with("scripts=")) {
        inputs.push(SCRIPTS);
    }
    place.run(RESTORE, &inputs)
}

/// The same, with the phrase given, to its end.
fn restore(place: &Place, backup: &str, more: &[&str]) -> Ended {
    begin_restore(place, backup, more).code(6);
    place.runbook(&["approve", "last", "replace", "--phrase", "live.db"]).code(0);
    place.runbook(&["resume", "last"])
}

fn copies(place: &Place) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(place.at("backups")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn copy(place: &Place) -> String {
    back_up(place, &[]).code(0);
    place.last()["outputs"]["backup"].as_str().unwrap().to_owned()
}

/// What is in the directory, apart from the state of runs.
fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.at("")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name != "state");
    names.sort();
    names
}

fn read(place: &Place, name: &str) -> Vec<u8> {
    fs::read(place.at(name)).unwrap()
}

#[test]
fn a_backup_is_made_and_read_back() {
    let Some(place) = live() else { return };
    let before = read(&place, "live.db");
    back_up(&place, &[]).code(0);
    let outputs = place.last()["outputs"].clone();
    assert_eq!(outputs["tables"], json!({"leads": 2}));
    assert_eq!(copies(&place).len(), 1);
    assert_eq!(outputs["backup"], copies(&place)[0].to_str().unwrap());
    assert_eq!(read(&place, "live.db"), before);
}

#[test]
fn old_copies_are_removed_and_never_the_new_one() {
    let Some(place) = live() else { return };
    for _ in 0..4 {
        back_up(&place, &["keep_last=2"]).code(0);
    }
    let left = copies(&place);
    assert_eq!(left.len(), 2);
    assert_eq!(place.last()["outputs"]["backup"], left[1].to_str().unwrap());
}

#[test]
fn a_database_in_use_is_backed_up_as_it_was_committed() {
    let Some(place) = live() else { return };
    let program = "import sqlite3, sys\n\
                   c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                   c.execute('PRAGMA journal_mode = WAL')\n\
                   c.execute(\"INSERT INTO leads (имя) VALUES ('Пётр')\")\n\
                   c.execute('BEGIN')\n\
                   c.execute(\"INSERT INTO leads (имя) VALUES ('не записан')\")\n\
                   print('ready', flush=True)\n\
                   sys.stdin.read()";
    let mut writer = Command::new("python3");
    writer.args(["-c", program]).arg(place.at("live.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(writer.stdout.as_mut().unwrap(), &mut ready).unwrap();

    back_up(&place, &[]).code(0);
    assert_eq!(place.last()["outputs"]["tables"], json!({"leads": 3}));
    let backup = place.last()["outputs"]["backup"].as_str().unwrap().to_owned();
    verify(&place, &[]).code(0);
    assert!(!names(&place).iter().any(|name| name.starts_with("restore.db")), "{:?}", names(&place));

    // A live restore under an open connection would be lost or torn.
    begin_restore(&place, &backup, &[]).code(6);
    place.runbook(&["approve", "last", "replace", "--phrase", "live.db"]).code(0);
    place.runbook(&["resume", "last"]).code(3).says("база открыта, остановите сервис");
    assert_eq!(place.status("restore"), "pending");

    drop(writer.stdin.take());
    writer.wait().unwrap();
}

#[test]
fn a_damaged_database_yields_no_backup() {
    let Some(place) = live() else { return };
    let old = copy(&place);
    fs::write(place.at("live.db"), b"SQLite format 3\0 and then nothing".repeat(200)).unwrap();
    back_up(&place, &["keep_last=1"]).code(1).says("backup failed");
    assert_eq!(copies(&place), [PathBuf::from(&old)], "the good copy is still there, and nothing else");
}

#[test]
fn without_a_database_nothing_begins() {
    let place = Place::new();
    if !has("python3") {
        return;
    }
    back_up(&place, &[]).code(3).says("Есть база данных");
    assert!(!place.at("backups").exists());
}

#[test]
fn a_restore_is_verified_beside_the_live_database() {
    let Some(place) = live() else { return };
    copy(&place);
    let before = read(&place, "live.db");
    verify(&place, &[]).code(0);
    assert_eq!(place.last()["outputs"]["tables"], json!({"leads": 2}));
    assert_eq!(place.status("restore.cleanup.1"), "succeeded");
    assert_eq!(names(&place), ["backups", "live.db"]);
    assert_eq!(read(&place, "live.db"), before);
}

#[test]
fn a_bad_copy_fails_its_verification_and_leaves_nothing_behind() {
    let Some(place) = live() else { return };
    let good = fs::read(copy(&place)).unwrap();
    let bad: [(&str, Vec<u8>); 4] = [
        ("truncated", good[..good.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("no archive", b"<html>".repeat(300)),
        ("no database", gzip(&place, b"this is no database".repeat(99).as_slice())),
    ];
    for (name, bytes) in bad {
        fs::write(place.at("bad.db.gz"), bytes).unwrap();
        verify(&place, &[&place.input("backup_path", "bad.db.gz")]).code(1).says("restore failed");
        assert_eq!(names(&place), ["backups", "bad.db.gz", "live.db"], "{name}");
    }
}

fn gzip(place: &Place, bytes: &[u8]) -> Vec<u8> {
    fs::write(place.at("plain"), bytes).unwrap();
    let output = Command::new("gzip").arg("-c").arg(place.at("plain")).output().unwrap();
    fs::remove_file(place.at("plain")).unwrap();
    output.stdout
}

#[test]
fn a_staging_path_that_is_taken_is_not_touched() {
    let Some(place) = live() else { return };
    copy(&place);
    fs::write(place.at("restore.db"), "somebody else's").unwrap();
    verify(&place, &[]).code(3).says("не будет ни перезаписан, ни удалён");
    assert_eq!(read(&place, "restore.db"), b"somebody else's");
    // The live database given for the staging path by mistake is safe for the same reason.
    let copies = place.input("output_dir", "backups");
    place.run(VERIFY, &[SCRIPTS, &copies, &place.input("staging_path", "live.db")]).code(3);
}

#[test]
fn no_copy_to_verify_fails() {
    let Some(place) = live() else { return };
    verify(&place, &[]).code(1).says("нет копии");
}

#[test]
fn the_live_database_is_restored() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    sql(&place, "live.db", "DELETE FROM leads; CREATE TABLE мусор (x)");
    let lost = read(&place, "live.db");
    restore(&place, &backup, &[]).code(0);
    verify(&place, &[&format!("backup_path={backup}")]).code(0);
    back_up(&place, &[]).code(0);
    assert_eq!(place.last()["outputs"]["tables"], json!({"leads": 2}));
    let kept = names(&place).into_iter().find(|name| name.starts_with("live.db.before-")).unwrap();
    assert_eq!(read(&place, &format!("{kept}/db")), lost);
}

#[test]
fn a_live_database_that_is_lost_is_restored() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    fs::remove_file(place.at("live.db")).unwrap();
    restore(&place, &backup, &[]).code(0);
    back_up(&place, &[]).code(0);
    assert_eq!(place.last()["outputs"]["tables"], json!({"leads": 2}));
}

#[test]
fn a_bad_copy_never_reaches_the_live_database() {
    let Some(place) = live() else { return };
    let good = fs::read(copy(&place)).unwrap();
    let before = read(&place, "live.db");
    fs::write(place.at("bad.db.gz"), &good[..good.len() / 2]).unwrap();
    begin_restore(&place, &place.text("bad.db.gz"), &[]).code(3).says("копия повреждена");
    begin_restore(&place, &place.text("nowhere.db.gz"), &[]).code(3).says("Есть копия");
    assert_eq!(names(&place), ["backups", "bad.db.gz", "live.db"]);
    assert_eq!(read(&place, "live.db"), before);
}

#[test]
fn only_the_phrase_opens_the_gate() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    let before = read(&place, "live.db");
    // Neither `--yes` nor naming the step is enough.
    begin_restore(&place, &backup, &[]).code(6).says("--phrase live.db");
    place.runbook(&["approve", "last", "replace"]).code(2);
    place.runbook(&["approve", "last", "replace", "--phrase", "yes"]).code(2);
    place.runbook(&["resume", "last"]).code(6);
    place.runbook(&["deny", "last", "replace"]).code(0);
    place.runbook(&["resume", "last"]).code(7);
    assert_eq!(names(&place), ["backups", "live.db"]);
    assert_eq!(read(&place, "live.db"), before);
}

#[test]
fn what_is_kept_is_what_was_there_when_the_answer_came() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    begin_restore(&place, &backup, &[]).code(6);
    sql(&place, "live.db", "INSERT INTO leads (имя) VALUES ('пока никто не ответил')");
    let late = read(&place, "live.db");
    place.runbook(&["approve", "last", "replace", "--phrase", "live.db"]).code(0);
    place.runbook(&["resume", "last"]).code(0);
    let kept = names(&place).into_iter().find(|name| name.starts_with("live.db.before-")).unwrap();
    assert_eq!(read(&place, &format!("{kept}/db")), late);
}

#[test]
fn two_runs_on_one_database_exclude_each_other() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    begin_restore(&place, &backup, &[]).code(6);
    back_up(&place, &[]).code(3).says("lock");
    let waiting = place.runbook(&["runs", "--format", "json"]).code(0);
    let runs: serde_json::Value = serde_json::from_str(&waiting.stdout).unwrap();
    let id = runs.as_array().unwrap().iter().find(|run| run["status"] == "suspended").unwrap()["id"].clone();
    place.runbook(&["abandon", id.as_str().unwrap(), "--reason", "не понадобилось"]).code(0);
    back_up(&place, &[]).code(0);
}

/// The project's scripts, with `name` replaced by `text`.
fn scripts_with(place: &Place, name: &str, text: &str) -> String {
    fs::create_dir_all(place.at("scripts")).unwrap();
    for script in
        fs::read_dir(examples().join("001-tg-sale-bot/scripts")).unwrap().map(|entry| entry.unwrap())
    {
        if script.file_type().unwrap().is_file() {
            fs::copy(script.path(), place.at("scripts").join(script.file_name())).unwrap();
        }
    }
    fs::write(place.at("scripts").join(name), text).unwrap();
    place.input("scripts", "scripts")
}

const URL: &str = "base_url=https://sales-agent.example.net";

/// A smoke test that asks nobody: it writes its arguments down and ends with `code`.
fn smoke(code: i32) -> String {
    format!(
        "import sys, pathlib\n\
         pathlib.Path(__file__).with_name('asked').write_text(' '.join(sys.argv[1:]))\n\
         print('webhook mode: expected on', file=sys.stderr)\n\
         sys.exit({code})\n"
    )
}

#[test]
fn the_smoke_test_follows_with_the_flags_of_the_document() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    let scripts = scripts_with(&place, "release_smoke.py", &smoke(0));
    restore(&place, &backup, &[&scripts, URL]).code(0);
    let asked = fs::read_to_string(place.at("scripts/asked")).unwrap();
    let flags = "--strict-runtime --require-webhook-mode --require-render-persistent";
    assert_eq!(asked, format!("--base-url https://sales-agent.example.net {flags}"));
}

#[test]
fn a_failed_smoke_test_brings_the_old_database_back() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    sql(&place, "live.db", "INSERT INTO leads (имя) VALUES ('после копии')");
    let before = read(&place, "live.db");
    let scripts = scripts_with(&place, "release_smoke.py", &smoke(1));
    restore(&place, &backup, &[&scripts, URL]).code(4).says("webhook mode: expected on");
    assert_eq!(place.status("restore"), "undone");
    assert_eq!(read(&place, "live.db"), before);
}

#[test]
fn a_restore_that_fails_its_verification_brings_the_old_database_back() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    sql(&place, "live.db", "INSERT INTO leads (имя) VALUES ('после копии')");
    let before = read(&place, "live.db");
    // Ends with 0 and has written half of the database, as a full disk may.
    let torn = "import sys, gzip\n\
                a = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n\
                data = gzip.open(a['--backup-path']).read()\n\
                open(a['--db-path'], 'wb').write(data[:len(data) // 2])\n";
    let scripts = scripts_with(&place, "restore_sqlite.py", torn);
    restore(&place, &backup, &[&scripts]).code(4).says("PRAGMA integrity_check");
    assert_eq!(place.status("restore"), "undone");
    assert_eq!(read(&place, "live.db"), before);
    assert_eq!(place.last()["status"], "rolled_back");
}

#[test]
fn a_database_with_a_journal_comes_back_with_its_journal() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    // The newest lead is in the write-ahead log only, because the writer died.
    let program = "import sqlite3, sys, os\n\
                   c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                   c.execute('PRAGMA journal_mode = WAL')\n\
                   c.execute(\"INSERT INTO leads (имя) VALUES ('в журнале')\")\n\
                   os._exit(0)";
    assert!(
        Command::new("python3").args(["-c", program]).arg(place.at("live.db")).status().unwrap().success()
    );
    let (before, log) = (read(&place, "live.db"), read(&place, "live.db-wal"));
    assert!(!log.is_empty());
    let scripts = scripts_with(&place, "release_smoke.py", &smoke(1));
    restore(&place, &backup, &[&scripts, URL]).code(4);
    assert_eq!(read(&place, "live.db"), before);
    assert_eq!(read(&place, "live.db-wal"), log);
    back_up(&place, &[]).code(0);
    assert_eq!(place.last()["outputs"]["tables"], json!({"leads": 3}), "nothing committed is lost");
}

#[test]
fn a_lost_database_is_lost_again_after_a_rollback() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    fs::remove_file(place.at("live.db")).unwrap();
    let scripts = scripts_with(&place, "release_smoke.py", &smoke(1));
    restore(&place, &backup, &[&scripts, URL]).code(4);
    assert!(!place.at("live.db").exists());
}

#[test]
fn an_interrupted_smoke_test_brings_the_old_database_back() {
    let Some(place) = live() else { return };
    let backup = copy(&place);
    sql(&place, "live.db", "INSERT INTO leads (имя) VALUES ('после копии')");
    let before = read(&place, "live.db");
    // Shows that it has begun, and would go on for longer than the test waits.
    let slow =
        "import pathlib, time\npathlib.Path(__file__).with_name('asked').write_text('')\ntime.sleep(600)\n";
    let scripts = scripts_with(&place, "release_smoke.py", slow);
    begin_restore(&place, &backup, &[&scripts, URL]).code(6);
    place.runbook(&["approve", "last", "replace", "--phrase", "live.db"]).code(0);
    let mut run = place.process(&["resume", "last"]).spawn().unwrap();
    while !place.at("scripts/asked").exists() {
        assert!(run.try_wait().unwrap().is_none(), "it ended before the smoke test began");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_ne!(read(&place, "live.db"), before);
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    assert_eq!(run.wait().unwrap().code(), Some(4));
    assert_eq!(place.status("smoke"), "cancelled");
    assert_eq!(place.status("restore"), "undone");
    assert_eq!(read(&place, "live.db"), before);
}
