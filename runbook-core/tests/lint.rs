//! Lints say what they are for, where it is, and nothing of what is well done.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::civil::date;
use runbook_core::diag::code_info;
use runbook_core::handbook::Handbook;
use runbook_core::kind::Kinds;
use runbook_core::language;
use runbook_core::lint::{Linted, lint, lints};
use runbook_core::read;

/// What is found in a runbook with these `parts`, each with the text it points at.
fn found(parts: &str) -> Vec<(String, String)> {
    let (linted, text) = linted(parts);
    let shown = linted
        .findings
        .iter()
        .map(|finding| (finding.code.to_string(), text[finding.primary.span.range()].to_owned()));
    shown.collect()
}

fn linted(parts: &str) -> (Linted, String) {
    let text = format!("apiVersion: runbook/v1\nkind: Runbook\nname: example\n{parts}");
    let loaded = read::parse("example.yaml", &text, &Kinds::default());
    assert!(!loaded.has_errors(), "{:#?}\n{text}", loaded.diagnostics);
    (lint(&loaded.runbook.unwrap(), &loaded.sources, Some(date(2026, 5, 2))), text)
}

/// What is found in steps that have a time limit.
fn steps(steps: &str) -> Vec<(String, String)> {
    found(&format!("defaults: {{timeout: 1m}}\nsteps:\n{steps}"))
}

fn codes(steps_: &str) -> Vec<String> {
    steps(steps_).into_iter().map(|(code, _)| code).collect()
}

fn quiet(steps_: &str) {
    assert_eq!(steps(steps_), [], "{steps_}");
}

fn pair(code: &str, text: &str) -> (String, String) {
    (code.to_owned(), text.to_owned())
}

/// A step that only looks.
fn reads(script: &str) -> String {
    let script = script.replace('\n', "\n      ");
    format!(
        "  - id: look\n    effect: read\n    effect_because: an example\n    shell: bash\n    run: |\n      {script}\n"
    )
}

#[test]
fn every_lint_has_a_page_and_a_key_that_silences_it() {
    let keys = language::place("lint_exceptions").unwrap().keys;
    for lint in lints() {
        assert!(code_info(lint.code).is_some(), "{}", lint.name);
        let key = keys.iter().find(|key| key.name == lint.name);
        let key = key.unwrap_or_else(|| panic!("`{}` cannot be silenced", lint.name));
        assert!(key.meaning.contains(&lint.code.to_string()), "`{}` names another code", lint.name);
    }
    assert_eq!(keys.len(), lints().len());
}

#[test]
fn changes_are_verified() {
    assert_eq!(
        steps("  - {id: restart, run: systemctl restart app}\n"),
        [pair("RB0901", "restart")],
        "a restart needs no undoing"
    );
    quiet("  - {id: restart, run: systemctl restart app, verify: [{run: systemctl is-active app}]}\n");
    quiet(
        "  - {id: restart, run: systemctl restart app}\n  - {id: after, run: systemctl is-active app, effect: read}\n",
    );
    quiet(
        "  - {id: restart, run: systemctl restart app}\n  - wait: {for: {tcp: {port: 80}}, every: 1s, within: 1m}\n",
    );
    quiet(
        "  - id: both\n    verify: [{run: uptime}]\n    steps:\n      - {id: restart, run: systemctl restart app}\n",
    );
    // What comes before proves nothing.
    assert_eq!(
        codes(
            "  - {id: before, run: systemctl is-active app, effect: read}\n  - {id: restart, run: systemctl restart app}\n"
        ),
        ["RB0901"]
    );
    // What only looks is no change, whether or not somebody says so.
    quiet("  - {id: look, run: df -h}\n");
    quiet("  - {id: fetch, run: git fetch origin}\n");
}

#[test]
fn changes_are_undone() {
    let verified = "verify: [{run: uptime}]";
    assert_eq!(
        steps(&format!("  - {{id: install, run: dpkg -i app.deb, {verified}}}\n")),
        [pair("RB0902", "install")]
    );
    quiet(&format!(
        "  - {{id: install, run: dpkg -i app.deb, {verified}, rollback: [{{run: dpkg -i old.deb}}]}}\n"
    ));
    quiet(&format!(
        "  - {{id: install, run: dpkg -i app.deb, {verified}, irreversible: true, confirm: Sure?}}\n"
    ));
    quiet(&format!("  - {{id: dump, title: Backup of the database, run: ./save.sh, {verified}}}\n"));
    let never = found(&format!(
        "on_failure: {{rollback: never}}\ndefaults: {{timeout: 1m}}\nsteps:\n  - {{run: dpkg -i app.deb, {verified}}}\n"
    ));
    assert_eq!(never, [], "nothing is undone on purpose");
    assert_eq!(
        steps(&format!("  - {{id: conf, write: {{path: /etc/app.conf, content: x}}, {verified}}}\n")),
        [pair("RB0902", "conf")]
    );
    quiet("  - {id: conf, write: {path: /etc/app.conf, content: x}, rollback: restore}\n");
}

#[test]
fn nothing_is_destroyed_without_a_question() {
    let rest = "verify: [{run: uptime}], rollback: [{run: uptime}]";
    assert_eq!(
        steps(&format!("  - {{id: purge, run: rm -rf /var/lib/app, {rest}}}\n")),
        [pair("RB0903", "purge")]
    );
    assert_eq!(codes(&format!("  - {{id: purge, effect: destroy, run: ./purge, {rest}}}\n")), ["RB0903"]);
    quiet(&format!("  - {{id: purge, run: rm -rf /var/lib/app, confirm: All of it?, {rest}}}\n"));
    quiet("  - id: tmp\n    run: mktemp -d\n    cleanup: [{run: rm -rf /tmp/x}]\n");
}

#[test]
fn one_finding_speaks_for_all_steps_without_a_limit() {
    let (linted, text) = linted(
        "steps:\n  - {id: one, run: uptime, effect: read}\n  - {id: two, run: uptime, effect: read}\n  - {id: three, timeout: 1m, run: uptime, effect: read}\n",
    );
    let [finding] = &linted.findings[..] else { panic!("{:#?}", linted.findings) };
    assert_eq!(finding.code.to_string(), "RB0904");
    assert_eq!(&text[finding.primary.span.range()], "one");
    assert_eq!(finding.notes, ["the same is true of 1 other step of this file"]);
    assert_eq!(found("steps:\n  - id: all\n    timeout: 1m\n    steps: [{run: uptime, effect: read}]\n"), []);
}

#[test]
fn commands_that_follow_something_end() {
    let without_limit = |script: &str| {
        let found = found(&format!("steps:\n{}", reads(script)));
        found.into_iter().filter(|(code, _)| code == "RB0905").map(|(_, text)| text).collect::<Vec<_>>()
    };
    for script in [
        "tail -f /var/log/app.log",
        "tail -n 100 -F /var/log/app.log",
        "tail -fn100 /var/log/app.log",
        "sudo journalctl -u app -f",
        "docker logs --tail 50 -f app",
        "docker compose logs -f api",
        "docker-compose logs --follow",
        "kubectl logs -f deploy/app",
        "watch df -h",
    ] {
        assert_eq!(without_limit(script), [script.trim_start_matches("sudo ")], "{script}");
    }
    for script in [
        "tail -n 100 /var/log/app.log",
        "journalctl -u app -n 50",
        "timeout 10 tail -f /var/log/app.log",
        "tail -f /var/log/app.log | grep -m1 ready",
        "docker logs --tail 50 app",
        "grep -f patterns file",
    ] {
        assert_eq!(without_limit(script), [""; 0], "{script}");
    }
    quiet(&reads("tail -f /var/log/app.log"));
}

#[test]
fn pauses_stand_where_they_can_be_seen() {
    assert_eq!(steps(&reads("uptime\nsleep 5")), [pair("RB0906", "sleep 5")]);
    assert_eq!(
        steps(&reads("until curl -fs http://localhost/; do sleep 1; done")),
        [pair("RB0906", "sleep 1")]
    );
    assert_eq!(codes("  - run: [sleep, \"5\"]\n    effect: read\n"), ["RB0906"]);
    quiet("  - wait: 5s\n");
    quiet(&reads("echo sleep 5"));
}

#[test]
fn failures_are_not_hidden() {
    assert_eq!(steps(&reads("systemctl is-active app || true")), [pair("RB0907", "|| true")]);
    assert_eq!(steps(&reads("x=$(curl -fs http://a/) || echo none")), [pair("RB0907", "|| echo none")]);
    assert_eq!(codes(&reads("cd /opt && ./check || :")), ["RB0907"]);
    assert_eq!(codes(&reads("./check || exit 0")), ["RB0907"]);
    for script in [
        "grep error app.log || true",
        "ps aux | grep app || echo none",
        "test -f /x || echo none",
        "[[ -f /x ]] || echo none",
        "./check || { echo broken >&2; exit 1; }",
        "./check || exit 1",
        "./check || ./other",
        "echo 'a || true'",
    ] {
        quiet(&reads(script));
    }
}

#[test]
fn arguments_show_no_secrets() {
    for (script, place) in [
        ("curl -u admin:hunter22 http://a/", "admin:hunter22"),
        ("curl -H 'Authorization: Bearer abc' http://a/", "'Authorization: Bearer abc'"),
        ("psql postgres://app:hunter22@db/app -c 'select 1'", "postgres://app:hunter22@db/app"),
        ("mysql -phunter22 -e 'select 1'", "-phunter22"),
        ("redis-cli -a \"$REDIS_PASSWORD\" ping", "\"$REDIS_PASSWORD\""),
        ("sudo -u app tool --password=\"$P\"", "--password=\"$P\""),
    ] {
        assert_eq!(steps(&reads(script)), [pair("RB0908", place)], "{script}");
    }
    for script in [
        "curl http://a/?user=b:c",
        "tool --password-file /etc/secret",
        "mysql -P 3306 -e 'select 1'",
        "psql postgres://app@db/app -c 'select 1'",
        "printf '%s' \"$TOKEN\" | tool --password-stdin",
        "ssh-keygen -l -f key",
    ] {
        quiet(&reads(script));
    }
    let with_secret = |run: &str| {
        found(&format!(
            "secrets: {{key: {{env: KEY}}}}\ninputs: {{db_password: {{type: string}}}}\ndefaults: {{timeout: 1m}}\nsteps:\n  - id: look\n    effect: read\n    effect_because: an example\n    env: {{KEY: \"${{{{ secrets.key }}}}\", PASS: \"${{{{ inputs.db_password }}}}\"}}\n    run: {run}\n"
        ))
    };
    assert_eq!(with_secret("tool -k \"$KEY\""), [pair("RB0908", "\"$KEY\"")]);
    assert_eq!(with_secret("printenv KEY"), []);
    assert_eq!(with_secret("printf '%s' \"$KEY\" | tool"), []);
    assert_eq!(
        with_secret("[tool, -x, \"${{ inputs.db_password }}\"]")
            .iter()
            .map(|(code, _)| code)
            .collect::<Vec<_>>(),
        ["RB0908"]
    );
}

#[test]
fn the_newest_file_is_there() {
    let newest = "ls -t /backups/*.gz | head -1";
    assert_eq!(steps(&reads(&format!("latest=$({newest})\ntar tzf \"$latest\""))), [pair("RB0909", newest)]);
    assert_eq!(codes(&reads(&format!("tar tzf \"$({newest})\""))), ["RB0909"]);
    assert_eq!(codes(&reads("f=$(find /b -name '*.gz' | sort | tail -n 1)\ncat \"$f\"")), ["RB0909"]);
    quiet(&reads(&format!("latest=$({newest})\n[ -n \"$latest\" ] || exit 1\ntar tzf \"$latest\"")));
    quiet(&reads(&format!("latest=$({newest})\ntar tzf \"${{latest:?no backup}}\"")));
    // Shown and not used.
    quiet(&reads(newest));
    let used = format!(
        "  - id: latest\n    effect: read\n    effect_because: an example\n    run: {newest}\n    outputs: {{path: result.stdout | trim}}\n"
    );
    assert_eq!(codes(&used), ["RB0909"]);
    quiet(&format!("{used}    expect: {{stdout: {{empty: false}}}}\n"));
    quiet(&reads("n=$(ls -t /backups | wc -l)\necho \"$n\""));
}

#[test]
fn a_restore_keeps_what_was_there() {
    let rest = "confirm: Sure?, verify: [{run: uptime}], irreversible: true";
    let restore = format!("  - {{id: load, run: pg_restore -d app /b/app.dump, {rest}}}\n");
    assert_eq!(steps(&restore), [pair("RB0910", "load")]);
    quiet(&format!(
        "  - {{id: dump, run: pg_dump -f /b/before.dump app, verify: [{{run: uptime}}]}}\n{restore}"
    ));
    quiet(&format!(
        "  - {{id: keep, title: Keep what is there, run: ./keep, verify: [{{run: uptime}}]}}\n{restore}"
    ));
    // Afterwards is too late.
    let late =
        format!("{restore}  - {{id: dump, run: pg_dump -f /b/after.dump app, verify: [{{run: uptime}}]}}\n");
    assert_eq!(codes(&late), ["RB0910"]);
    let named = format!("  - {{id: x, title: Восстановить базу, run: ./load.sh, {rest}}}\n");
    assert_eq!(codes(&named), ["RB0910"]);
}

#[test]
fn inputs_are_used() {
    let of = |rest: &str| {
        found(&format!(
            "inputs: {{branch: {{type: string, default: main}}}}\ndefaults: {{timeout: 1m}}\n{rest}"
        ))
    };
    assert_eq!(of("steps: [{run: uptime, effect: read}]\n"), [pair("RB0911", "branch")]);
    for rest in [
        "steps: [{run: [echo, \"${{ inputs.branch }}\"], effect: read}]\n",
        "lock: deploy ${{ inputs.branch }}\nsteps: [{run: uptime, effect: read}]\n",
        "vars: {ref: \"origin/${{ inputs.branch }}\"}\nsteps: [{run: uptime, effect: read}]\n",
        "outputs: {branch: inputs.branch}\nsteps: [{run: uptime, effect: read}]\n",
        "steps: [{run: uptime, effect: read, verify: [inputs.branch != '']}]\n",
        "steps: [{run: uptime, effect: read, when: \"inputs['branch'] == 'main'\"}]\n",
        "finally: [{run: uptime, effect: read, env: {B: \"${{ inputs.branch }}\"}}]\nsteps: [{run: uptime, effect: read}]\n",
    ] {
        assert_eq!(of(rest), [], "{rest}");
    }
}

#[test]
fn a_review_that_is_overdue_is_found_where_it_is_written() {
    let of = |day: &str| {
        found(&format!("review_by: {day}\nsteps: [{{run: uptime, effect: read, timeout: 1m}}]\n"))
    };
    assert_eq!(of("2026-05-01"), [pair("RB0407", "review_by")]);
    assert_eq!(of("2026-05-02"), []);
}

#[test]
fn findings_are_silenced_with_a_reason() {
    let of = |exceptions: &str| {
        linted(&format!(
            "defaults: {{timeout: 1m}}\nsteps:\n  - id: restart\n    run: systemctl restart app\n    lint_exceptions: {exceptions}\n"
        ))
        .0
    };
    let silenced = of("{no_verify: the next run looks}");
    assert!(silenced.findings.is_empty(), "{:#?}", silenced.findings);
    assert_eq!(silenced.silenced[0].reason, "the next run looks");
    assert_eq!(silenced.silenced[0].finding.code.to_string(), "RB0901");
    let of_another = of("{no_verify: the next run looks, sleep: none}");
    assert_eq!(of_another.findings[0].code.to_string(), "RB0912");
    assert!(of_another.findings[0].message.contains("`sleep`"));
}

#[test]
fn an_exception_of_the_file_is_for_all_of_it_and_one_of_a_group_for_its_steps() {
    let restart = "{id: restart, run: systemctl restart app}";
    assert_eq!(
        found(&format!(
            "lint_exceptions: {{no_verify: a drill}}\ndefaults: {{timeout: 1m}}\nsteps: [{restart}]\n"
        )),
        []
    );
    assert_eq!(
        steps(&format!(
            "  - id: all\n    lint_exceptions: {{no_verify: a drill}}\n    steps: [{restart}]\n  - {{id: other, run: systemctl restart web}}\n"
        )),
        [pair("RB0901", "other")]
    );
}

#[test]
fn an_exception_needs_a_reason_and_a_lint() {
    let read = |exceptions: &str| {
        let text = format!(
            "apiVersion: runbook/v1\nkind: Runbook\nname: x\nsteps:\n  - run: uptime\n    lint_exceptions: {exceptions}\n"
        );
        let loaded = read::parse("x.yaml", &text, &Kinds::default());
        loaded.diagnostics.iter().map(|one| format!("{} {:?}", one.code, one.help)).collect::<Vec<_>>()
    };
    assert!(read("{no_verify: ' '}")[0].starts_with("RB0913"));
    let unknown = read("{no_verfy: because}");
    assert!(unknown[0].starts_with("RB0101") && unknown[0].contains("no_verify"), "{unknown:?}");
}

#[test]
fn lists_without_a_shell_are_looked_at_as_well() {
    assert_eq!(
        found("steps:\n  - id: follow\n    effect: read\n    run: [journalctl, -u, app, -f]\n")
            .iter()
            .map(|(code, _)| code.as_str())
            .collect::<Vec<_>>(),
        ["RB0904", "RB0905"]
    );
}

#[test]
fn whatever_is_valid_can_be_looked_at_and_written_down() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/valid");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let loaded = read::parse(&path.to_string_lossy(), &text, &Kinds::default());
        let Some(runbook) = loaded.runbook else { continue };
        seen += 1;
        for finding in lint(&runbook, &loaded.sources, Some(date(2026, 5, 2))).findings {
            let span = finding.primary.span;
            assert!(span.start < span.end, "{}: {finding:?}", path.display());
            assert!(!loaded.sources.text(span).contains('\n'), "{}: {finding:?}", path.display());
        }
        let book = Handbook::of(&runbook, "book.yaml");
        assert!(book.markdown().starts_with("# ") && book.html().ends_with("</html>\n"));
    }
    assert!(seen > 50, "only {seen} runbooks were found");
}
