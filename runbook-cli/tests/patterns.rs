//! `examples/patterns`, each of them run for real on a lab of its own: it goes well, and it fails and leaves
//! everything as it was.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn patterns() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/patterns")).unwrap()
}

/// Whether everything is here that labs are made with. A machine without it skips loudly, unless everything is required.
fn can_be_made() -> bool {
    let runs = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let here = runs("openssl", "version") && runs("sqlite3", "-version");
    if !here {
        let required = std::env::var_os("RUNBOOK_REQUIRE_E2E").is_some_and(|value| value == "1");
        assert!(!required, "openssl or sqlite3 is missing, and RUNBOOK_REQUIRE_E2E=1 requires them");
        eprintln!("SKIPPED: openssl or sqlite3 is missing; RUNBOOK_REQUIRE_E2E=1 makes this a failure");
    }
    here
}

/// A file, by its mode and contents, or a link, by where it leads.
#[derive(Debug, PartialEq)]
enum Entry {
    Directory(u32),
    File(u32, Vec<u8>),
    Link(PathBuf),
}

/// Everything below a directory, by its path.
type Tree = BTreeMap<String, Entry>;

/// Hosts that are directories, and the state directory of the runs on them.
struct Lab {
    dir: TempDir,
    pattern: &'static str,
}

impl Lab {
    /// A lab for `pattern`; nothing where it cannot be made.
    fn new(pattern: &'static str) -> Option<Self> {
        if !can_be_made() {
            return None;
        }
        let lab = Lab { dir: tempfile::Builder::new().prefix("lab").tempdir().unwrap(), pattern };
        let made = Command::new(patterns().join("lab/make")).arg(lab.dir.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(lab)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_else(|error| panic!("{name}: {error}")).trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    fn link(&self, name: &str) -> String {
        fs::read_link(self.at(name)).unwrap().to_str().unwrap().to_owned()
    }

    /// What `program` says in the directory of `host`.
    fn ask(&self, host: &str, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).current_dir(self.at(host)).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn runbook(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runbook"));
        for (name, _) in std::env::vars_os() {
            let named = name.to_string_lossy();
            // The mark is how processes that were left behind are found.
            if named.starts_with("RUNBOOK_") && named != "RUNBOOK_TEST_MARK" {
                command.env_remove(name);
            }
        }
        let path = format!("{}:{}", patterns().join("lab/bin").display(), std::env::var("PATH").unwrap());
        command.current_dir(patterns()).env("PATH", path).env("RUNBOOK_LAB", self.dir.path());
        command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").args(arguments).stdin(Stdio::null());
        command.arg("--state").arg(self.at("state")).output().unwrap()
    }

    #[track_caller]
    fn ends(&self, arguments: &[&str], code: i32) {
        let output = self.runbook(arguments);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (said(&output.stdout), said(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n--- stdout\n{out}\n--- stderr\n{err}");
    }

    /// Runs the pattern with a yes to plain questions; it ends with `code`.
    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) {
        let file = format!("{}.yaml", self.pattern);
        self.ends(&[&["run", &file, "--yes", "--non-interactive"], arguments].concat(), code);
    }

    /// Says yes, or what stands in `how`, to a step of the run that waits, and goes on.
    #[track_caller]
    fn approve(&self, how: &[&str], code: i32) {
        self.ends(&[&["approve", "last"], how].concat(), 0);
        self.ends(&["resume", "last", "--non-interactive"], code);
    }

    #[track_caller]
    fn deny(&self, step: &str, code: i32) {
        self.ends(&["deny", "last", step], 0);
        self.ends(&["resume", "last", "--non-interactive"], code);
    }

    /// All that is on the hosts, without what people were told.
    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut left = vec![self.dir.path().to_owned()];
        while let Some(path) = left.pop() {
            let name = path.strip_prefix(self.dir.path()).unwrap().to_str().unwrap().to_owned();
            if name == "state" || name == "told" {
                continue;
            }
            let facts = fs::symlink_metadata(&path).unwrap();
            let mode = facts.permissions().mode();
            let entry = if facts.is_symlink() {
                Entry::Link(fs::read_link(&path).unwrap())
            } else if facts.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                Entry::Directory(mode)
            } else {
                Entry::File(mode, fs::read(&path).unwrap())
            };
            tree.insert(name, entry);
        }
        tree
    }

    /// The tree is as it was `before`, apart from what `aside` says.
    #[track_caller]
    fn is_as(&self, before: &Tree, aside: fn(&str) -> bool) {
        let now = self.tree();
        let names = before.keys().chain(now.keys()).filter(|name| !aside(name));
        let differ: Vec<&String> = names.filter(|name| before.get(*name) != now.get(*name)).collect();
        assert!(differ.is_empty(), "these are not as they were: {differ:?}");
    }

    /// `text` is nowhere in what was kept of the runs, and in nothing that people were told.
    #[track_caller]
    fn kept_nothing_of(&self, text: &str) {
        let mut grep = Command::new("grep");
        let output =
            grep.args(["-rlF", "--", text]).arg(self.at("state")).arg(self.at("told")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }
}

fn nothing(_: &str) -> bool {
    false
}

const WEB: [&str; 4] = ["web1", "web2", "web3", "web4"];

#[test]
fn rolling_update_goes_round() {
    let Some(lab) = Lab::new("rolling-update") else { return };
    lab.run(&["--approve", "prune"], 0);
    for host in WEB {
        assert_eq!(lab.link(&format!("{host}/current")), "releases/2.1.0");
        assert_eq!(lab.read(&format!("{host}/http/version")), "2.1.0");
        assert_eq!(lab.read(&format!("balancer/http/pools/shop/{host}")), "ready");
        assert!(
            !lab.at(host).join("releases/1.8.0").exists() && lab.at(host).join("releases/2.0.0").exists()
        );
        assert_eq!(fs::read_dir(lab.at(host).join("incoming")).unwrap().count(), 0);
    }
}

#[test]
fn rolling_update_takes_a_bad_release_back() {
    let Some(lab) = Lab::new("rolling-update") else { return };
    let before = lab.tree();
    lab.run(&["-i", "release=2.2.0"], 4);
    lab.is_as(&before, nothing);
}

#[test]
fn blue_green_switches() {
    let Some(lab) = Lab::new("blue-green") else { return };
    lab.run(&["--answer", "sign_off.order=T-1042"], 6);
    assert_eq!(lab.read("balancer/http/live"), "green");
    assert_eq!(
        lab.link("blue/current"),
        "releases/2.0.0",
        "the way back is there until somebody gives it up"
    );
    lab.approve(&["retire", "--phrase", "2.1.0"], 0);
    for host in ["blue", "green"] {
        assert_eq!(lab.link(&format!("{host}/current")), "releases/2.1.0");
        assert_eq!(lab.read(&format!("{host}/http/health")), "ok");
    }
}

#[test]
fn blue_green_switches_back() {
    let Some(lab) = Lab::new("blue-green") else { return };
    let before = lab.tree();
    lab.run(&["--answer", "sign_off.order=T-1042", "-i", "release=2.2.0"], 4);
    lab.is_as(&before, nothing);
    lab.run(&["--answer", "sign_off.order=T-1042"], 6);
    lab.deny("retire", 4);
    lab.is_as(&before, nothing);
}

#[test]
fn certificates_are_rotated() {
    let Some(lab) = Lab::new("certificate-rotation") else { return };
    let serials = |lab: &Lab| {
        ["api", "worker", "gateway"].map(|service| {
            lab.ask(service, "openssl", &["x509", "-noout", "-serial", "-in", "tls/service.pem"])
        })
    };
    let before = serials(&lab);
    lab.run(&["--answer", "outside.others=0"], 6);
    lab.approve(&["point", "--phrase", "distrust"], 0);
    let after = serials(&lab);
    for service in ["api", "worker", "gateway"] {
        lab.ask(service, "openssl", &["verify", "-CAfile", "tls/trust.pem", "tls/service.pem"]);
        assert_eq!(lab.read(&format!("{service}/tls/trust.pem")), lab.read("ca/tls/ca.pem"));
        assert!(!lab.at(service).join("tls/previous.key").exists());
    }
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    lab.kept_nothing_of("correct-horse-battery");
}

#[test]
fn certificates_stay_as_they_were() {
    let Some(lab) = Lab::new("certificate-rotation") else { return };
    let before = lab.tree();
    lab.run(&["--answer", "outside.others=0"], 6);
    lab.deny("point", 4);
    lab.is_as(&before, nothing);
}

/// The primary is down.
fn database_is_down(lab: &Lab) {
    lab.write("db1/role", "down\n");
    lab.write("db1/units/postgresql", "inactive\n");
}

#[test]
fn another_database_takes_over() {
    let Some(lab) = Lab::new("failover") else { return };
    database_is_down(&lab);
    lab.run(&["--answer", "decide.primary=db2", "--answer", "decide.old=rebuild"], 6);
    lab.approve(&["promote", "--phrase", "db2"], 6);
    lab.approve(&["rebuild_yes"], 0);
    assert_eq!(lab.read("db2/role"), "primary");
    assert_eq!((lab.read("db1/role").as_str(), lab.read("db1/upstream").as_str()), ("replica", "db2"));
    assert_eq!(lab.read("db3/upstream"), "db2");
    for host in WEB {
        assert!(lab.read(&format!("{host}/shop.env")).contains("DATABASE_HOST=db2"));
    }
}

#[test]
fn nobody_takes_over_without_a_yes() {
    let Some(lab) = Lab::new("failover") else { return };
    database_is_down(&lab);
    let before = lab.tree();
    lab.run(&["--answer", "decide.primary=db2", "--answer", "decide.old=keep"], 6);
    assert!(lab.at("db1/fenced").exists());
    lab.deny("promote", 4);
    lab.is_as(&before, nothing);
}

#[test]
fn a_replica_that_is_too_far_behind_is_not_offered() {
    let Some(lab) = Lab::new("failover") else { return };
    database_is_down(&lab);
    lab.run(&["--answer", "decide.primary=db3"], 6);
    assert!(!lab.at("db1/fenced").exists());
    assert_eq!(lab.read("db3/role"), "replica");
}

const RESTORE: [&str; 6] = [
    "--answer",
    "question.backup=20260111T030000.db.gz",
    "--answer",
    "question.until=2026-01-12T09:59:59Z",
    "--answer",
    "question.why=a where was forgotten",
];

#[test]
fn orders_come_back() {
    let Some(lab) = Lab::new("restore") else { return };
    let orders =
        |lab: &Lab| lab.ask("store", "sqlite3", &["orders.db", "select group_concat(customer) from orders"]);
    assert_eq!(orders(&lab), "");
    lab.run(&RESTORE, 6);
    lab.approve(&["right"], 6);
    lab.approve(&["replace", "--phrase", "orders.db"], 0);
    assert_eq!(orders(&lab), "anna,boris,clara,dmitri,emil,fatima");
    assert_eq!(lab.read("store/units/orders"), "active");
}

#[test]
fn orders_stay_as_they_are_without_a_yes() {
    let Some(lab) = Lab::new("restore") else { return };
    let before = lab.tree();
    lab.run(&RESTORE, 6);
    lab.approve(&["right"], 6);
    assert_eq!(lab.read("store/units/orders"), "inactive");
    lab.deny("replace", 4);
    lab.is_as(&before, nothing);
}

#[test]
fn compressing_is_enough() {
    let Some(lab) = Lab::new("disk-full") else { return };
    lab.run(&[], 0);
    assert!(lab.at("files/logs/access.log.2.gz").exists() && lab.at("files/cache/thumbnails").exists());
    assert_eq!(lab.read("files/units/nightly.timer"), "active");
}

#[test]
fn the_ladder_is_climbed_to_its_end() {
    let Some(lab) = Lab::new("disk-full") else { return };
    let goal = ["-i", "goal=20", "--approve", "cache", "--approve", "scraps", "--approve", "old_logs"];
    lab.run(&[&goal[..], &["--answer", "ask.size=4000"]].concat(), 0);
    assert_eq!(lab.ask("artifacts", "tar", &["-tf", "logs.tar"]).lines().count(), 2);
    assert!(!lab.at("files/cache/thumbnails").exists() && !lab.at("files/tmp/upload.part").exists());
    assert_eq!(lab.read("files/capacity"), "4000");
}

#[test]
fn a_no_leaves_the_disk_as_it_was() {
    let Some(lab) = Lab::new("disk-full") else { return };
    let before = lab.tree();
    lab.run(&["-i", "goal=10"], 6);
    assert!(lab.at("files/logs/access.log.2.gz").exists());
    lab.deny("cache", 4);
    lab.is_as(&before, nothing);
}

#[test]
fn the_password_is_replaced() {
    let Some(lab) = Lab::new("credential-rotation") else { return };
    lab.run(&[], 6);
    lab.approve(&["others"], 6);
    lab.approve(&["lock_old", "--phrase", "shop_a"], 0);
    for host in WEB {
        assert_eq!(lab.read(&format!("{host}/secrets/database")), "new-staple-0f2c71d6a9");
        assert!(lab.read(&format!("{host}/shop.env")).contains("DATABASE_USER=shop_b"));
    }
    assert!(lab.at("db1/roles/shop_b").exists() && !lab.at("db1/roles/shop_a").exists());
    assert_eq!(lab.read("vault/shop-current"), "new-staple-0f2c71d6a9");
    lab.kept_nothing_of("new-staple");
    lab.kept_nothing_of("lost-horse");
}

#[test]
fn the_old_password_comes_back() {
    let Some(lab) = Lab::new("credential-rotation") else { return };
    lab.write("web2/logs/app.log", "login with new-staple-0f2c71d6a9\n");
    let before = lab.tree();
    lab.run(&[], 4);
    lab.is_as(&before, nothing);
    lab.kept_nothing_of("new-staple");
}

fn is_backup(name: &str) -> bool {
    name.starts_with("store/backups/before-")
}

#[test]
fn the_database_is_migrated() {
    let Some(lab) = Lab::new("database-migration") else { return };
    let before = lab.tree();
    lab.run(&["--approve", "agree"], 0);
    assert_eq!(lab.ask("store", "sqlite3", &["shop.db", "pragma user_version"]), "5");
    assert_eq!(lab.ask("store", "sqlite3", &["shop.db", "select count(*) from customers"]), "4");
    let backups = lab.tree().keys().filter(|name| is_backup(name)).count();
    assert_eq!(backups, 1);
    lab.is_as(&before, |name| is_backup(name) || name == "store/shop.db");
}

#[test]
fn the_database_goes_back_byte_by_byte() {
    let Some(lab) = Lab::new("database-migration") else { return };
    lab.write("store/http/errors", "9\n");
    let before = lab.tree();
    lab.run(&["--approve", "agree"], 4);
    lab.is_as(&before, is_backup);
}

#[test]
fn a_migration_that_fails_in_the_rehearsal_touches_nothing() {
    let Some(lab) = Lab::new("database-migration") else { return };
    let before = lab.tree();
    lab.run(&["-i", "through=6", "--approve", "agree"], 1);
    lab.is_as(&before, is_backup);
}

const SIGNED: [&str; 6] =
    ["--answer", "sign_off.ticket=SHOP-812", "--answer", "sign_off.risk=low", "-i", "quiet_days=0"];

#[test]
fn a_release_is_promoted() {
    let Some(lab) = Lab::new("promotion") else { return };
    lab.run(&SIGNED, 0);
    for host in WEB.into_iter().chain(["development", "staging"]) {
        assert_eq!(lab.link(&format!("{host}/current")), "releases/2.1.0");
        assert_eq!(lab.read(&format!("{host}/http/health")), "ok");
    }
    assert!(lab.read("artifacts/promoted").contains(" 2.1.0 SHOP-812 "));
}

#[test]
fn a_release_that_users_do_not_like_goes_back_everywhere() {
    let Some(lab) = Lab::new("promotion") else { return };
    lab.write("balancer/http/errors", "4\n");
    let before = lab.tree();
    lab.run(&SIGNED, 4);
    lab.is_as(&before, nothing);
}

const COMMANDER: [&str; 4] = ["--answer", "assess.commander=Anna", "--answer", "assess.impact=some users"];

#[test]
fn an_incident_ends() {
    let Some(lab) = Lab::new("incident") else { return };
    let well = lab.tree();
    fs::remove_file(lab.at("web2/http/health")).unwrap();
    let review = ["--answer", "review.cause=it hung", "--answer", "review.minutes=12"];
    lab.run(&[&COMMANDER[..], &review].concat(), 0);
    lab.is_as(&well, nothing);
    assert!(lab.read("told/pager").contains("L1"));
    let report = fs::read_dir(lab.at("told")).unwrap().map(|entry| entry.unwrap().path());
    let report = report.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let report: Vec<String> = report.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(report.len() == 1 && report[0].contains("not well at the beginning: web2"), "{report:?}");
}

#[test]
fn a_release_that_does_not_help_is_undone_when_somebody_agrees() {
    let Some(lab) = Lab::new("incident") else { return };
    for host in WEB {
        fs::remove_file(lab.at(host).join("http/health")).unwrap();
        lab.write(&format!("{host}/releases/2.0.0/broken"), "");
        lab.write(&format!("{host}/releases/1.9.0/broken"), "");
    }
    let before = lab.tree();
    lab.run(&COMMANDER, 5);
    assert_eq!(lab.link("web1/current"), "releases/1.9.0");
    lab.ends(&["rollback", "last"], 4);
    lab.is_as(&before, nothing);
}
