//! One book with every construct, as a plan and as a dry run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use runbook_core::kind::Kinds;
use runbook_core::plan::{Format, Plan, PlanRequest, render};
use runbook_core::read;
use runbook_core::render::dry_run;

const BOOK: &str = r#"
apiVersion: runbook/v1
kind: Runbook
name: constructs
title: Everything there is
targets:
  web1: {local: {}, vars: {zone: eu}}
  web2: {local: {}, vars: {zone: us}}
  db: {local: {}}
groups: {web: [web1, web2]}
inputs:
  names: {type: list, default: [one, two]}
  deep: {type: bool, default: false}
procedures:
  announce:
    title: Tell people
    inputs: {what: {type: string}, loud: {type: bool, default: false}}
    vars: {text: "${{ inputs.what }}!"}
    steps:
      - {id: say, effect: read, run: [echo, "${{ vars.text }}"], outputs: {said: result.stdout | trim}}
      - {id: everywhere, target: web, effect: read, run: [echo, "${{ target.name }}"]}
    outputs: {said: steps.say.outputs.said}
steps:
  - {id: find, effect: read, run: [ls], outputs: {files: result.stdout | lines}}
  - id: known
    title: Look at ${{ name }}
    for_each: {item: name, in: inputs.names, parallel: 2, max_failures: 50%}
    effect: read
    run: [stat, "${{ name }}"]
  - id: unknown
    for_each: steps.find.outputs.files
    effect: destroy
    confirm: Remove ${{ item }}?
    run: [rm, "${{ item }}"]
    rollback: [{effect: change, run: [touch, "${{ item }}"]}]
  - id: release
    title: Release everywhere
    target: web
    rollout: {batch: [1, 100%], pause: 30s, max_failures: 1}
    steps:
      - id: drain
        effect: change
        run: echo drain ${{ target.name }}
        cleanup: [{effect: change, run: "echo back ${{ target.name }}"}]
      - id: pick
        choose:
          - {title: Europe, when: target.vars.zone == 'eu', steps: [{id: eu, effect: change, run: echo eu}]}
          - {when: "steps.find.outputs.files | length > 3", steps: [{id: many, effect: change, run: echo many}]}
          - {otherwise: true, steps: [{id: told, call: announce, with: {what: "${{ target.name }}"}}]}
  - id: fix
    title: Bring it back
    target: db
    remedies:
      goal: {run: systemctl is-active app}
      rungs:
        - {id: restart, effect: change, run: systemctl restart app}
        - id: thorough
          steps:
            - {effect: change, run: systemctl stop app}
            - {effect: change, run: systemctl start app}
      within: 5m
      on_exhausted: [{id: page, manual: Call the team}]
  - {id: up, wait: {for: [{tcp: {port: 80}}, "steps.fix.status == 'succeeded'"], every: 1s, within: 1m}}
  - {id: there, target: "${{ inputs.names[0] }}", effect: read, run: uptime}
  - {id: last, call: announce, with: {what: done}, when: inputs.deep or steps.up.status == 'succeeded'}
finally:
  - {id: bye, call: announce, with: {what: bye, loud: true}}
outputs: {said: steps.last.outputs.said, looked: steps.known.items}
"#;

fn plan() -> Plan {
    let loaded = read::parse("constructs.yaml", BOOK, &Kinds::default());
    let found = loaded.diagnostics;
    let book = loaded.runbook.unwrap_or_else(|| panic!("{found:#?}"));
    Plan::build(&book, &PlanRequest::default()).unwrap()
}

#[test]
fn every_construct_as_a_plan() {
    let plan = plan();
    for (name, format) in
        [("text", Format::Text), ("json", Format::Json), ("mermaid", Format::Mermaid), ("dot", Format::Dot)]
    {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(format!("constructs_{name}"), render(&plan, format));
        });
    }
}

#[test]
fn every_construct_in_a_dry_run() {
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("constructs_dry_run", dry_run(&plan()));
    });
}
