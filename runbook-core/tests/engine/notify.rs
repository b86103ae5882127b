//! `notify`: real commands and files, and what becomes of a run when they fail.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use runbook_core::run::{Ending, Event};
use serde_json::json;

use crate::support::Bench;

const CHANNELS: &str = r#"
channels:
  log: {file: "${{ inputs.dir }}/told"}
  page: {command: [sh, -c, 'cat > "$DIR/page.$RUNBOOK_TO"; env | grep -E "^RUNBOOK_(MESSAGE|RUN|SUBJECT|TO)=" | sort >> "$DIR/page.$RUNBOOK_TO"'], env: {DIR: "${{ inputs.dir }}"}}
  broken: {command: [sh, -c, 'echo trying >&2; echo "no such number" >&2; exit 3']}
  missing: {command: [runbook-no-such-program]}
  hanging: {command: [sleep, "600"], timeout: 300ms}
  nowhere: {file: "${{ inputs.dir }}/no/such/directory/told"}
  mute: {command: [echo, "${{ contact.phone }}"]}
contacts:
  L1: {role: On-call Engineer, channel: page, phone: "1"}
  L2: {role: Tech Lead, channel: log}
"#;

fn book(steps: &str) -> String {
    format!("{CHANNELS}steps:\n{steps}")
}

#[tokio::test]
async fn people_are_told_over_commands_and_files() {
    let bench = Bench::new();
    let end = bench
        .run(&book(
            r#"
  - {id: tell, notify: {to: [L1, L2, log], subject: "A\tsubject", message: "first line\nsecond\\line"}, outputs: {sent: result.sent, failed: result.failed}}
  - {id: after, run: [echo, "${{ steps.tell.outputs.sent | join(' ') }}"], effect: read}
"#,
        ))
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(end.statuses(["tell", "after"]), ["succeeded", "succeeded"]);
    assert_eq!(end.output("tell", "sent"), json!(["L1", "L2", "log"]));
    assert_eq!(end.output("tell", "failed"), json!([]));
    let page = fs::read_to_string(bench.path("page.L1")).unwrap();
    let mut lines = page.lines();
    assert_eq!(lines.next(), Some("first line"));
    assert_eq!(lines.next(), Some("second\\line"));
    let rest: Vec<&str> = lines.collect();
    let run = format!("RUNBOOK_RUN={}", end.id());
    // `env` prints the line break of the message as it is; `grep` keeps its first line.
    assert_eq!(rest, ["RUNBOOK_MESSAGE=first line", &run, "RUNBOOK_SUBJECT=A\tsubject", "RUNBOOK_TO=L1"]);
    let told = fs::read_to_string(bench.path("told")).unwrap();
    let told: Vec<Vec<&str>> = told.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let mut who: Vec<&str> = told.iter().map(|fields| fields[2]).collect();
    who.sort_unstable();
    assert_eq!(who, ["L2", "log"]);
    for fields in told {
        assert!(fields[0].parse::<jiff::Timestamp>().is_ok(), "{fields:?}");
        assert_eq!(fields[1], end.id().as_str());
        assert_eq!(fields[3..], ["A\\tsubject", "first line\\nsecond\\\\line"]);
    }
    let mode = fs::metadata(bench.path("told")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_channel_that_fails_is_a_warning_and_the_others_are_told() {
    let bench = Bench::new();
    let end = bench
        .run(&book(
            r#"
  - {id: tell, notify: {to: [broken, missing, hanging, nowhere, mute, log], message: hi}, outputs: {sent: result.sent, failed: result.failed}}
  - {id: after, run: echo after >> effects}
"#,
        ))
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(end.statuses(["tell", "after"]), ["warned", "succeeded"]);
    assert_eq!(bench.effects(), ["after"]);
    assert_eq!(end.output("tell", "sent"), json!(["log"]));
    let failed = end.output("tell", "failed");
    let reasons: Vec<(&str, &str)> = failed
        .as_array()
        .unwrap()
        .iter()
        .map(|not| (not["to"].as_str().unwrap(), not["reason"].as_str().unwrap()))
        .collect();
    let [broken, missing, hanging, nowhere, mute] = reasons[..] else { panic!("{reasons:?}") };
    assert_eq!(broken, ("broken", "exit code 3: no such number"));
    assert_eq!(missing, ("missing", "exit code 127: runbook-no-such-program: command not found"));
    assert_eq!(hanging, ("hanging", "took longer than 300ms"));
    assert!(nowhere.1.contains("No such file or directory"), "{nowhere:?}");
    assert!(mute.1.contains("contact.phone"), "a channel without a contact has no telephone: {mute:?}");
    let reason = end.reason("tell");
    assert!(reason.starts_with("not told: broken (exit code 3: no such number), missing ("), "{reason}");
}

#[tokio::test]
async fn a_long_message_is_whole_on_standard_input_and_cut_in_the_environment() {
    let bench = Bench::new();
    let end = bench
        .run(
            r#"
channels:
  count: {command: [sh, -c, 'wc -c > "$DIR/stdin"; printf %s "$RUNBOOK_MESSAGE" | wc -c > "$DIR/env"'], env: {DIR: "${{ inputs.dir }}"}}
steps:
  - id: long
    effect: read
    run: |
      awk 'BEGIN { printf "x"; for (i = 0; i < 100000; i++) printf "я" }'
  - {id: tell, notify: {to: count, message: "${{ steps.long.stdout }}"}}
"#,
        )
        .await;
    assert_eq!(end.statuses(["long", "tell"]), ["succeeded", "succeeded"], "{}", end.reason("tell"));
    let count = |name: &str| fs::read_to_string(bench.path(name)).unwrap().trim().parse::<usize>().unwrap();
    // Output of more than 256 KiB cannot be used in a message; this is less. A character is never cut.
    assert_eq!(count("stdin"), 1 + 2 * 100_000 + 1);
    assert_eq!(count("env"), 32 * 1024 - 1);
}

#[tokio::test]
async fn an_executor_can_be_a_channel_and_secrets_reach_only_it() {
    let bench = Bench::new();
    fs::write(bench.path("token"), "canary-of-the-channel\n").unwrap();
    let book = r#"
secrets: {token: {file: "${{ inputs.dir }}/token"}}
channels:
  ring: {probe: "flaky 1"}
  deaf: {probe: fail}
  leak: {command: [sh, -c, 'echo "$TOKEN" > "$DIR/got"; echo "bad token $TOKEN" >&2; exit 1'], env: {TOKEN: "${{ secrets.token }}", DIR: "${{ inputs.dir }}"}}
steps:
  - {id: tell, notify: {to: [ring, deaf, leak], message: hi}}
"#;
    let end = bench.run(book).await;
    assert_eq!(end.statuses(["tell"]), ["warned"]);
    assert_eq!(bench.probe.calls().len(), 2, "{:?}", bench.probe.calls());
    assert_eq!(fs::read_to_string(bench.path("got")).unwrap(), "canary-of-the-channel\n");
    let reason = end.reason("tell");
    assert!(
        reason.contains("deaf (on purpose)") && reason.contains("leak (exit code 1: bad token "),
        "{reason}"
    );
    let log = format!("{:?}", bench.log(end.id()).await);
    assert!(!log.contains("canary-of"), "{log}");
}

#[tokio::test]
async fn a_lost_engine_tells_again() {
    let bench = Bench::new();
    let book = book("  - {id: tell, notify: {to: log, message: hi}}\n");
    let end = bench.run(&book).await;
    let log = bench.log(end.id()).await;
    let begun = log.iter().position(|entry| matches!(entry.event, Event::Started { .. })).unwrap();
    let run = bench.with_log(end.id(), &log[..=begun]).await;
    let again = bench.resume(&run).await;
    assert_eq!(again.outcome(), "succeeded");
    assert_eq!(fs::read_to_string(bench.path("told")).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn an_interruption_ends_the_telling() {
    let bench = Bench::new();
    let text = book("  - {id: tell, notify: {to: [log, wait], message: hi}}\n").replacen(
        "channels:",
        "channels:\n  wait: {command: [sh, -c, 'touch \"$DIR/begun\"; sleep 600'], env: {DIR: \"${{ inputs.dir }}\"}}",
        1,
    );
    let run = bench.start(&text).await;
    while !bench.path("begun").exists() || !bench.path("told").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    run.interrupt("ann");
    let end = crate::support::ended(run).await;
    assert_eq!(end.outcome(), "interrupted");
    assert_eq!(end.statuses(["tell"]), ["cancelled"]);
    let result = end.state("tell").result.as_ref().unwrap();
    assert_eq!((result.ending, &result.fields["sent"]), (Ending::Cancelled, &json!(["log"])));
}

#[tokio::test]
async fn a_warning_survives_a_verification() {
    let bench = Bench::new();
    let end = bench
        .run(&book(
            "  - {id: tell, notify: {to: [broken, log], message: hi}, verify: [{file: {path: \"${{ inputs.dir }}/told\"}}]}\n",
        ))
        .await;
    assert_eq!(end.statuses(["tell"]), ["warned"]);
}

#[tokio::test]
async fn a_dry_run_and_a_plan_say_who_would_be_told_and_tell_nobody() {
    use runbook_core::plan::{Format, render};
    let bench = Bench::new();
    let plan = bench
        .plan(&book("  - {id: tell, notify: {to: [L1, log], subject: Fire, message: 'in ${{ run.id }}'}}\n"));
    let dry = runbook_core::render::dry_run(&plan).to_string();
    assert!(dry.contains("L1, log: Fire") && dry.contains("in <known when it runs>"), "{dry}");
    let text = render(&plan, Format::Text);
    assert!(text.contains("L1 = On-call Engineer, by page"), "{text}");
    assert!(text.contains("broken = $ sh -c"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&render(&plan, Format::Json)).unwrap();
    assert_eq!(json["contacts"]["L2"]["channel"], "log");
    assert_eq!(json["channels"]["hanging"]["timeout"], "300ms");
    assert!(!bench.path("told").exists() && !bench.path("page.L1").exists());
    // Who is told is under the digest.
    let mut other = plan.clone();
    other.contacts[0].1.channel = None;
    assert_ne!(plan.digest(), other.digest());
}

/// Files in memory.
struct Shelf(Vec<(&'static str, &'static str)>);

impl runbook_core::read::Files for Shelf {
    fn read(&self, path: &str, _from: &str) -> Result<runbook_core::read::File, String> {
        let found = self.0.iter().find(|(name, _)| *name == path).ok_or("there is no such file")?;
        Ok(runbook_core::read::File { name: path.to_owned(), text: found.1.to_owned() })
    }
}

#[test]
fn contacts_are_shared_by_inventories_and_defined_once() {
    let read = |inventory| {
        let files = Shelf(vec![("people.yaml", inventory)]);
        let book = "apiVersion: runbook/v1\nkind: Runbook\nname: shared\ninclude: [people.yaml]\n\
            channels: {log: {file: /tmp/log}}\nsteps: [{notify: {to: L1, message: hi}}]\n";
        runbook_core::read::parse_with("book.yaml", book, &runbook_core::kind::Kinds::default(), &files)
    };
    let header = "apiVersion: runbook/v1\nkind: Inventory\nname: people\n";
    let good: &'static str = format!("{header}contacts: {{L1: {{channel: log}}}}\n").leak();
    let loaded = read(good);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    assert_eq!(loaded.runbook.unwrap().contacts.len(), 1);
    let twice: &'static str =
        format!("{header}contacts: {{L1: {{channel: log}}, log: {{role: x}}}}\n").leak();
    let loaded = read(twice);
    let codes: Vec<String> = loaded.diagnostics.iter().map(|found| found.code.to_string()).collect();
    assert_eq!(codes, ["RB0605"], "{:#?}", loaded.diagnostics);
    // What is not known because its file is refused is not said to be missing.
    let refused = read("apiVersion: runbook/v1\nkind: Nothing\n");
    assert!(
        refused.diagnostics.iter().all(|found| found.code.to_string() != "RB0730"),
        "{:#?}",
        refused.diagnostics
    );
}
