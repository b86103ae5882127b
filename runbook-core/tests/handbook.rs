//! Runbooks as documents: everything that the file says is there, in words that need no engine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use runbook_core::handbook::Handbook;
use runbook_core::kind::Kinds;
use runbook_core::read;

/// Everything that a document can hold.
const ALL: &str = r##"apiVersion: runbook/v1
kind: Runbook
name: recover
title: "Восстановление <api>"
description: |
  Когда отвечает `502`:

  1. собрать состояние;
  2. перезапустить.
owner: team-sales
severity: P1
review_by: 2027-01-31
schedule: {cron: 30 3 * * *, timezone: Europe/Moscow}
links: [{title: Traces, url: "https://traces.example.net/a?b=<c>"}]
inputs:
  unit: {type: string, pattern: '[a-z]+', description: "Сервис | имя", example: app}
  mode: {options: [soft, hard], default: soft}
vars: {conf: "/etc/${{ inputs.unit }}/app.conf"}
secrets: {token: {env: APP_TOKEN}}
contacts:
  L1: {role: On-call, name: Анна, phone: "+7 900 000-00-00", channel: oncall}
channels: {oncall: {file: /var/log/told.log}}
escalation: {levels: [{after: 15m, to: L1, unless: run.progress, require: postmortem}]}
lock: recover ${{ inputs.unit }}
defaults: {timeout: 2m, env: {LANG: C}}
preconditions:
  - {title: Место есть, run: df -h /, expect: {stdout: {not_matches: 100%}}, message: "диск полон"}
steps:
  - id: look
    title: Состояние ${{ inputs.unit }}
    effect: read
    run: [systemctl, show, "${{ inputs.unit }}", --property=MainPID]
    outputs: {pid: result.stdout | trim}
    evidence: {label: До}
  - id: config
    title: Конфигурация
    env: {CONF: "${{ vars.conf }}", TOKEN: "${{ secrets.token }}"}
    done_when: [{file: {path: "${{ vars.conf }}"}}]
    confirm: {message: "Записать ${{ vars.conf }} (процесс ${{ steps.look.outputs.pid }})?", phrase: снести}
    run: printf x > "$CONF"
    settle: 5s
    verify:
      - {title: Порт открыт, tcp: {port: 8080}, retry: {every: 2s, within: 1m, consecutive: 2}}
      - {run: test -s "$CONF", env: {CONF: "${{ vars.conf }}"}, severity: warn}
    rollback: [{title: Убрать, run: [rm, --, "${{ vars.conf }}"]}]
    cleanup: [{run: sync}]
  - id: call_them
    title: Позвонить
    manual:
      instructions: Позвонить дежурному про ${{ inputs.unit }}.
      checklist: [Дозвонились, "Работ <нет>"]
      fields: {ticket: {type: string, description: Номер}}
  - id: ways
    title: Как именно
    choose:
      - {when: inputs.mode == 'soft', title: Мягко, steps: [{run: systemctl reload app}]}
      - {otherwise: true, title: Жёстко, steps: [{run: systemctl restart app}]}
  - id: ladder
    title: Пока не поможет
    remedies:
      goal: [{run: systemctl is-active app}]
      rungs: [{run: systemctl restart app}, {run: systemctl reset-failed app}]
  - id: each
    for_each: {item: host, in: [a, b], parallel: 1}
    run: [echo, "${{ host }}"]
  - {id: pause, wait: 30s}
  - {id: up, title: Ждать, wait: {for: [{tcp: {port: 80}}], every: 1s, within: 2m}}
  - {id: sure, assert: [{that: inputs.mode != 'hard', message: нельзя}]}
  - {id: named, set: {day: "${{ run.started }}"}}
  - {id: conf2, write: {path: /etc/x.conf, content: "a=1\n"}, rollback: restore}
  - {id: called, call: probe, with: {port: 8080}}
  - {id: gone, effect: destroy, confirm: Всё?, irreversible: true, when: inputs.mode == 'hard', on_failure: ask, run: rm -rf /var/lib/app}
procedures:
  probe:
    inputs: {port: {type: int, default: 80}}
    steps: [{run: [nc, -z, localhost, "${{ inputs.port }}"], effect: read, effect_because: it only connects}]
on_failure: {rollback: auto, steps: [{run: journalctl -n 50, effect: read}]}
finally: [{title: Сказать, notify: {to: L1, message: "Готово: ${{ inputs.unit }}"}}]
outputs: {pid: steps.look.outputs.pid}
"##;

fn handbook(name: &str, text: &str) -> Handbook {
    let loaded = read::parse(name, text, &Kinds::default());
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    Handbook::of(&loaded.runbook.unwrap(), name)
}

fn example(name: &str) -> Handbook {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples").join(name);
    handbook(name, &fs::read_to_string(path).unwrap())
}

#[test]
fn everything_that_a_runbook_says_is_in_its_document() {
    insta::assert_snapshot!(handbook("recover.yaml", ALL).markdown());
}

#[test]
fn documents_of_examples() {
    for name in [
        "001-tg-sale-bot/restore-sqlite.yaml",
        "002-ai-library-bot/disable-ingestion-rename.yaml",
        "004-calendar-assistant/verify-backup.yaml",
    ] {
        insta::assert_snapshot!(name.replace(['/', '.'], "_"), example(name).markdown());
    }
}

#[test]
fn both_forms_say_the_same() {
    let book = handbook("recover.yaml", ALL);
    let (page, text) = (book.html(), book.markdown());
    for said in [
        "Позвонить дежурному",
        "Дозвонились",
        "postmortem",
        "Silence is a no",
        "Before you begin",
        "диск полон",
    ] {
        assert!(page.contains(said) && text.contains(said), "{said}");
    }
    assert!(page.contains("Работ &lt;нет&gt;") && text.contains(r"Работ \<нет\>"));
    for foreign in ["<script", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("<svg") && text.contains("```mermaid"));
}

#[test]
fn values_that_a_person_fills_in_are_marked_and_variables_are_put_in() {
    let page = handbook("recover.yaml", ALL).html();
    assert!(page.contains("export CONF=/etc/<span class=\"fill\">unit</span>/app.conf"), "{page}");
    // A secret is shown by its name alone.
    assert!(page.contains("export TOKEN=<span class=\"fill\">secrets.token</span>"));
    // Private characters of the document are none of the author's.
    let text = ALL.replace("Порт открыт", "Порт \u{e000}открыт\u{e001}");
    assert!(handbook("recover.yaml", &text).markdown().contains("Порт открыт"));
}
