//! Policies from inside and outside of a runbook, as they are met on the command line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;

const HOUSE: &str = "\
apiVersion: runbook/v1
kind: Policy
name: house
forbid:
  - {id: no_rm, command: rm, reason: nothing is deleted here}
  - {id: no_stop, command: systemctl stop, reason: ask first, overridable: true}
";
const ASKS: &str = "apiVersion: runbook/v1\nkind: Policy\nname: asks\nconfirm: {effects: [change]}\n";

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(book: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("house.yaml", HOUSE);
        write("asks.yaml", ASKS);
        write("broken.yaml", "apiVersion: runbook/v1\nkind: Policy\nname: broken\nforbids: []\n");
        write("book.yaml", &format!("apiVersion: runbook/v1\nkind: Runbook\nname: book\n{book}"));
        Bench { dir }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, outside: &str, arguments: &[&str]) -> (i32, String) {
        let mut command = cargo_bin_cmd!("runbook");
        command.current_dir(self.dir.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("XDG_STATE_HOME", self.path("state")).env("RUNBOOK_POLICY", outside).args(arguments);
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

const REMOVES: &str = "steps: [{id: mark, run: touch mark}, {id: clean, run: sudo sh -c 'rm -rf mark'}]\n";

#[test]
fn what_is_forbidden_from_outside_is_blocked_before_anything_has_happened() {
    for (outside, given) in [("house.yaml", &[][..]), ("", &["--policy", "house.yaml"])] {
        let bench = Bench::new(REMOVES);
        for command in [
            &["run", "book.yaml", "--yes"][..],
            &["run", "--dry-run", "book.yaml"],
            &["run", "--rehearse", "book.yaml"],
            &["plan", "book.yaml"],
        ] {
            let (code, said) = bench.run(outside, &[given, command].concat());
            assert_eq!(code, 3, "{command:?}: {said}");
            assert!(
                said.contains("RB0424")
                    && said.contains("`no_rm` of the policy `house`: nothing is deleted here"),
                "{said}"
            );
        }
        assert!(!bench.path("mark").exists() && !bench.path("state").exists(), "nothing has happened");
        let (code, _) = bench.run("", &["plan", "book.yaml"]);
        assert_eq!(code, 0, "without the policy it is an ordinary runbook");
    }
}

#[test]
fn a_runbook_cannot_weaken_what_comes_from_outside() {
    let own = "policy: {forbid: [{id: no_rm, command: nothing, reason: x, overridable: true}], unreadable: confirm}\n";
    let asks = "steps: [{id: clean, run: rm -f x, policy_exception: {rule: no_rm, reason: I want to}}]\n";
    let (code, said) = Bench::new(&format!("{own}{asks}")).run("house.yaml", &["run", "book.yaml"]);
    assert_eq!(code, 3, "{said}");
    // Where the rule itself leaves exceptions to authors they count.
    let allowed =
        "steps: [{id: a, run: systemctl stop app, policy_exception: {rule: no_stop, reason: it moves}}]\n";
    let (code, said) = Bench::new(allowed).run("house.yaml", &["plan", "book.yaml"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_policy_that_cannot_be_read_stops_everything() {
    for (outside, given) in [
        ("broken.yaml", &[][..]),
        ("missing.yaml", &[]),
        ("house.yaml:missing.yaml", &[]),
        ("", &["--policy", "broken.yaml"]),
    ] {
        let bench = Bench::new("steps: [{id: mark, run: touch mark}]\n");
        let (code, said) = bench.run(outside, &[given, &["run", "book.yaml"]].concat());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("nothing is done without it"), "{said}");
        assert!(!bench.path("mark").exists());
    }
}

#[test]
fn yes_is_no_answer_to_a_policy() {
    let bench = Bench::new("steps: [{id: mark, title: Mark it, run: touch mark}]\n");
    let (code, said) = bench.run("asks.yaml", &["run", "book.yaml", "--yes", "--non-interactive"]);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("Mark it? (the policy `asks` asks before every change)"), "{said}");
    assert!(!bench.path("mark").exists());
    let (code, said) =
        bench.run("asks.yaml", &["run", "book.yaml", "--approve", "mark", "--non-interactive"]);
    assert_eq!(code, 0, "{said}");
    assert!(bench.path("mark").exists());
}

/// The policy of an instruction for a production server, over what its readers are told to do.
#[test]
fn the_policy_of_the_server_is_valid_and_holds() {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/000-sales-ottenok/policy.yaml");
    let policy = policy.to_str().unwrap();
    let bench = Bench::new(
        "defaults: {cwd: /opt/sales_ottenok}\nsteps: [{id: look, run: git log HEAD..origin/v2-rewrite --oneline}]\n",
    );
    assert_eq!(bench.run(policy, &["validate", "book.yaml"]).0, 0);
    for forbidden in [
        "git stash",
        "sudo git reset --hard",
        "systemctl stop sales_ottenok",
        "echo x > .env",
        "rm -rf /var/log/sales_ottenok",
        "apt-get install -y htop",
        "ufw disable",
    ] {
        let bench = Bench::new(&format!(
            "defaults: {{cwd: /opt/sales_ottenok}}\nsteps: [{{id: act, run: \"{forbidden}\"}}]\n"
        ));
        assert_eq!(bench.run(policy, &["run", "book.yaml"]).0, 3, "{forbidden}");
    }
}
