//! From a runbook to a frozen plan.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use runbook_core::diag::Diagnostic;
use runbook_core::ids::NodeId;
use runbook_core::kind::Kinds;
use runbook_core::model::{RollbackMode, Runbook};
use runbook_core::plan::{Format, Plan, PlanError, PlanRequest, Role, render};
use runbook_core::read;
use runbook_core::value::Value;
use serde_json::json;

fn read_text(text: &str) -> Runbook {
    let loaded = read::parse("test.yaml", text, &Kinds::default());
    loaded.runbook.unwrap_or_else(|| panic!("not read: {:#?}", loaded.diagnostics))
}

fn book(rest: &str) -> Runbook {
    read_text(&format!("apiVersion: runbook/v1\nkind: Runbook\nname: test\n{rest}"))
}

fn build(rest: &str, request: &PlanRequest) -> Result<Plan, Vec<Diagnostic>> {
    Plan::build(&book(rest), request)
}

fn plan(rest: &str) -> Plan {
    build(rest, &PlanRequest::default()).unwrap_or_else(|found| panic!("not planned: {found:#?}"))
}

fn refusals(rest: &str, request: &PlanRequest) -> Vec<String> {
    let found = build(rest, request).expect_err("must be refused");
    found.iter().map(|d| format!("{} {} ? {}", d.code, d.message, d.help.join(" ? "))).collect()
}

fn key(plan: &Plan, id: NodeId) -> &str {
    &plan.node(id).key
}

/// `key < what it needs`, for every node.
fn edges(plan: &Plan) -> Vec<String> {
    let needs = |node: &runbook_core::plan::Node| {
        node.needs.iter().map(|id| key(plan, *id)).collect::<Vec<_>>().join(" ")
    };
    plan.nodes.iter().map(|node| format!("{} < {}", node.key, needs(node)).trim_end().to_owned()).collect()
}

fn selected(plan: &Plan) -> Vec<&str> {
    plan.nodes.iter().filter(|node| node.selected).map(|node| node.key.as_str()).collect()
}

const SHAPES: &str = "
steps:
  - {id: first, run: 'true'}
  - id: deploy
    steps:
      - run: 'true'
      - {run: 'true', rollback: [{run: 'true'}], cleanup: [{run: 'true'}, {id: tidy, run: 'true'}]}
  - parallel:
      - run: 'true'
      - {id: side, run: 'true'}
      - {needs: [side], run: 'true'}
  - {id: restart, needs: [first, side, first], run: 'true', rollback: [{run: 'true'}, {run: 'true'}]}
  - {needs: [], run: 'true'}
on_failure: {steps: [{run: 'true'}]}
finally: [{run: 'true'}, {id: log, run: 'true'}]
";

#[test]
fn steps_stand_depth_first_with_their_keys_and_edges() {
    assert_eq!(
        edges(&plan(SHAPES)),
        [
            "first <",
            "deploy < first",
            "deploy.1 <",
            "deploy.2 < deploy.1",
            "deploy.2.rollback.1 <",
            "deploy.2.cleanup.1 <",
            "tidy < deploy.2.cleanup.1",
            "steps.3 < deploy",
            "steps.3.1 <",
            "side <",
            "steps.3.3 < side",
            "restart < first side",
            "restart.rollback.1 <",
            "restart.rollback.2 < restart.rollback.1",
            "steps.5 <",
            "on_failure.1 <",
            "finally.1 <",
            "log < finally.1",
        ]
    );
}

#[test]
fn nodes_know_their_part_of_the_run() {
    let plan = plan(SHAPES);
    let id = |key: &str| plan.find(key).unwrap();
    let node = |key: &str| plan.node(id(key));
    assert_eq!(node("deploy.2.rollback.1").role, Role::Rollback(id("deploy.2")));
    assert_eq!(node("tidy").role, Role::Cleanup(id("deploy.2")));
    assert_eq!(node("deploy.2").parent, Some(id("deploy")));
    assert_eq!(node("deploy").children, [id("deploy.1"), id("deploy.2")]);
    assert_eq!(node("restart").rollback, [id("restart.rollback.1"), id("restart.rollback.2")]);
    assert_eq!(node("deploy.2").cleanup, [id("deploy.2.cleanup.1"), id("tidy")]);
    assert_eq!(node("on_failure.1").role, Role::OnFailure);
    let roots: Vec<&str> = plan.roots(Role::Body).map(|id| key(&plan, id)).collect();
    assert_eq!(roots, ["first", "deploy", "steps.3", "restart", "steps.5"]);
    assert!(plan.nodes.iter().all(|node| node.selected));
}

const INPUTS: &str = "
inputs:
  branch: {type: string, pattern: '[a-z]+', description: Which branch}
  count: {type: int, default: 3, max: 10}
  hosts: {type: list, required: false}
  mode: {type: enum, options: [fast, slow]}
vars:
  greeting: hello ${{ inputs.branch }}
  double: ${{ inputs.count * 2 }}
  user: ${{ env.USER | default('nobody') }}
  both: ${{ vars.greeting }} ${{ vars.user }}
lock: {key: 'deploy-${{ inputs.branch }}', on_conflict: wait}
steps:
  - run: [echo, '${{ env.HOME }}']
";

#[test]
fn values_are_computed_and_frozen() {
    let env = [("HOME", "/root"), ("USER", "olga"), ("PATH", "/bin"), ("AWS_SECRET", "x")];
    let request = PlanRequest::default()
        .text_input("branch", "main")
        .input("branch", "other")
        .text_input("mode", "fast")
        .text_input("mode", "slow")
        .env(env.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .rollback(RollbackMode::Never);
    let plan = build(INPUTS, &request).unwrap();
    assert_eq!(
        Value::Object(plan.inputs.clone()),
        json!({"branch": "main", "count": 3, "hosts": null, "mode": "slow"})
    );
    assert_eq!(
        Value::Object(plan.vars.clone()),
        json!({"greeting": "hello main", "double": 6, "user": "olga", "both": "hello main olga"})
    );
    // Only what is referred to.
    assert_eq!(Value::Object(plan.env.clone()), json!({"HOME": "/root", "USER": "olga"}));
    assert_eq!(plan.lock.as_ref().unwrap().key, "deploy-main");
    assert_eq!(plan.rollback, RollbackMode::Never);
}

#[test]
fn all_problems_of_inputs_are_told_at_once() {
    let request = PlanRequest::default()
        .text_input("branhc", "main")
        .text_input("count", "eleven")
        .input("hosts", json!([1]));
    let said = refusals(INPUTS, &request);
    let has = |part: &str| assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:#?}");
    has("RB0501 the runbook has no input `branhc` ? did you mean `branch`?");
    has("RB0502 the input `branch` needs a value ? give a text with `-i branch=…`");
    has("RB0502 the input `mode` needs a value ? give one of the options with `-i mode=fast`");
    has("RB0503 the value of input `count` does not fit: `eleven` is not a whole number");
    has("RB0503 the value of input `hosts` does not fit: expected a list of texts");
    assert_eq!(said.len(), 5, "{said:#?}");
    let request =
        PlanRequest::default().text_input("branch", "MAIN").input("mode", "fast").input("count", 11);
    let said = refusals(INPUTS, &request);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("`MAIN` does not match the pattern"), "{said:#?}");
    assert!(said[1].contains("too large"), "{said:#?}");
}

#[test]
fn a_variable_that_cannot_be_computed_is_told_once() {
    let text = "
vars:
  home: ${{ env.HOME }}
  below: ${{ vars.home }}/x
  number: ${{ 'x' | int }}
steps:
  - run: 'true'
";
    let said = refusals(text, &PlanRequest::default());
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].starts_with("RB0504 the variable `home` could not be computed"), "{said:#?}");
    assert!(said[1].starts_with("RB0504 the variable `number` could not be computed"), "{said:#?}");
    let lock = "lock: x-${{ env.TZ }}\nsteps:\n  - run: 'true'\n";
    assert!(refusals(lock, &PlanRequest::default())[0].starts_with("RB0504 the key of the lock"));
}

#[test]
fn a_graph_that_cannot_be_run_is_refused() {
    let text = "steps:\n  - {id: a, needs: [b], run: 'true'}\n  - {id: b, run: 'true'}\n";
    let text = format!("apiVersion: runbook/v1\nkind: Runbook\nname: test\n{text}");
    let loaded = read::parse("test.yaml", &text, &Kinds::default());
    assert!(loaded.runbook.is_none(), "what cannot be run is never planned");
    assert!(loaded.diagnostics[0].message.contains("a → b → a"), "{:?}", loaded.diagnostics);
}

const SELECT: &str = "
steps:
  - {id: one, run: 'true', rollback: [{id: undo_one, run: 'true'}]}
  - id: group
    steps:
      - {id: two, run: 'true', outputs: {x: result.stdout}}
      - {id: three, run: 'true', rollback: [{id: undo_three, run: 'true'}]}
      - {id: four, run: 'true'}
  - {id: five, run: 'true'}
  - {id: apart, needs: [], run: 'true'}
  - {id: six, needs: [five], run: 'true'}
finally:
  - {id: log, run: [log, '${{ steps.one.stdout }}']}
";

#[test]
fn from_takes_a_step_and_what_comes_after_it() {
    let plan = build(SELECT, &PlanRequest::default().from("three")).unwrap();
    assert_eq!(selected(&plan), ["group", "three", "undo_three", "four", "five", "six", "log"]);
    let plan = build(SELECT, &PlanRequest::default().from("group")).unwrap();
    assert_eq!(selected(&plan), ["group", "two", "three", "undo_three", "four", "five", "six", "log"]);
}

#[test]
fn only_takes_steps_with_their_groups_and_children() {
    let plan = build(SELECT, &PlanRequest::default().only("two").only("six")).unwrap();
    assert_eq!(selected(&plan), ["group", "two", "six", "log"]);
    let plan = build(SELECT, &PlanRequest::default().only("group")).unwrap();
    assert_eq!(selected(&plan), ["group", "two", "three", "undo_three", "four", "log"]);
    let plan = build(SELECT, &PlanRequest::default().from("group").only("one").only("five")).unwrap();
    assert_eq!(selected(&plan), ["five", "log"]);
}

#[test]
fn selections_that_make_no_sense() {
    let said = refusals(SELECT, &PlanRequest::default().from("threee").only("grop"));
    assert_eq!(
        said,
        [
            "RB0505 `--from threee`: the runbook has no such step ? did you mean `three`?",
            "RB0505 `--only grop`: the runbook has no such step ? did you mean `group`?",
        ]
    );
    let said = refusals(SELECT, &PlanRequest::default().only("undo_one"));
    assert!(said[0].contains("only steps of the body"), "{said:?}");
}

#[test]
fn a_result_that_will_not_exist_is_refused() {
    let text = |expr: &str| {
        format!("steps:\n  - {{id: one, run: ls}}\n  - {{id: two, run: 'true', when: {expr} == 'x'}}\n")
    };
    let two = PlanRequest::default().only("two");
    let said = refusals(&text("steps.one.stdout"), &two);
    assert_eq!(
        said,
        ["RB0505 step `two` uses the result of step `one`, which is not selected ? select `one` as well"]
    );
    // Whether it ran is known.
    assert_eq!(selected(&build(&text("steps.one.status"), &two).unwrap()), ["two"]);
}

#[test]
fn the_digest_covers_what_runs_and_nothing_else() {
    let text = "apiVersion: runbook/v1\nkind: Runbook\nname: test\ninputs: {x: {type: string, default: a}}\nsteps:\n  - id: one\n    run: echo ${{ inputs.x }}\n    effect: read\n";
    let digest = |text: &str| Plan::build(&read_text(text), &PlanRequest::default()).unwrap().digest();
    let first = digest(text);
    assert_eq!(first.len(), 64);
    assert!(first.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    let spaced = text.replace("    run:", "    # why\n    run: ").replace("steps:\n", "\n\nsteps:\n");
    assert_ne!(spaced, text);
    assert_eq!(digest(&spaced), first);
    for (from, to) in [
        ("echo", "ls"),
        ("default: a", "default: b"),
        ("effect: read", "effect: change"),
        ("effect: read", "effect: read\n    timeout: 1m"),
        ("effect: read", "effect: read\n    when: inputs.x == 'a'"),
        ("effect: read", "effect: read\n    confirm: Really?"),
        ("id: one", "id: two"),
    ] {
        assert_ne!(digest(&text.replace(from, to)), first, "{from} -> {to}");
    }
    let runbook = read_text(text);
    let with = |request: PlanRequest| Plan::build(&runbook, &request).unwrap().digest();
    assert_ne!(with(PlanRequest::default().text_input("x", "b")), first);
    assert_eq!(with(PlanRequest::default().text_input("x", "a")), first);
    assert_ne!(with(PlanRequest::default().rollback(RollbackMode::Auto)), first);
}

#[test]
fn a_selection_is_under_the_digest() {
    let all = build(SELECT, &PlanRequest::default()).unwrap().digest();
    assert_ne!(build(SELECT, &PlanRequest::default().only("one")).unwrap().digest(), all);
}

#[test]
fn the_order_of_keys_does_not_matter_for_the_digest() {
    let mut one = plan(SELECT);
    let mut other = one.clone();
    one.inputs = json!({"a": 1, "b": {"x": 1, "y": 2}}).as_object().unwrap().clone();
    other.inputs = json!({"b": {"y": 2, "x": 1}, "a": 1}).as_object().unwrap().clone();
    assert_eq!(one.digest(), other.digest());
    other.inputs.insert("c".into(), Value::Null);
    assert_ne!(one.digest(), other.digest());
}

#[test]
fn a_stored_plan_comes_back() {
    let plan = plan(SHAPES);
    let text = plan.to_json().unwrap();
    let back = Plan::from_json(&text).unwrap();
    assert_eq!(back.digest(), plan.digest());
    assert_eq!(back.to_json().unwrap(), text);
    assert_eq!(render(&back, Format::Text), render(&plan, Format::Text));
}

#[test]
fn stored_plans_that_cannot_be_used() {
    let text = plan(SHAPES).to_json().unwrap();
    let newer = text.replacen("\"format\":1", "\"format\":2", 1);
    let error = Plan::from_json(&newer).unwrap_err();
    assert_eq!(error.to_string(), "the stored plan has format 2, this version reads format 1");
    assert!(matches!(Plan::from_json("{\"format\":1}"), Err(PlanError::Unreadable(_))));
    assert!(matches!(Plan::from_json("no"), Err(PlanError::Unreadable(_))));
    let mut damaged: Value = serde_json::from_str(&text).unwrap();
    damaged["nodes"][1]["children"] = json!([0]);
    assert!(matches!(Plan::from_json(&damaged.to_string()), Err(PlanError::Damaged { .. })));
    damaged["nodes"][1]["children"] = json!([9999]);
    assert!(matches!(Plan::from_json(&damaged.to_string()), Err(PlanError::Damaged { .. })));
}

#[test]
fn scripts_are_shown_as_a_shell_reads_them() {
    let command = |run: &str, value: &str| {
        let text = format!(
            "inputs: {{x: {{type: string}}}}\nsteps:\n  - {{id: a, run: 'true'}}\n  - id: b\n    run: {run}\n"
        );
        let plan = build(&text, &PlanRequest::default().input("x", value)).unwrap();
        plan.preview().action(&plan.nodes[1].spec.action)
    };
    assert_eq!(command("echo ${{ inputs.x }} done", "plain"), "echo plain done");
    assert_eq!(command("echo ${{ inputs.x }} done", "; reboot"), "echo '; reboot' done");
    assert_eq!(command("echo \"a ${{ inputs.x }} b\"", "$(x) \""), r#"echo "a \$(x) \" b""#);
    assert_eq!(command("echo 'a ${{ inputs.x }} b'", "it's"), r"echo 'a it'\''s b'");
    assert_eq!(command("'echo ${{ inputs.x }}${{ inputs.x }}'", "p q"), "echo 'p q''p q'");
    assert_eq!(command("[echo, '${{ inputs.x }}', 'a b']", "; reboot"), "echo '; reboot' 'a b'");
    assert_eq!(command("echo ${{ steps.a.stdout }}", "x"), "echo <known after step a>");
    assert_eq!(
        command("[echo, 'v${{ steps.a.stdout }}', '${{ run.id }}']", "x"),
        "echo v<known after step a> <known when it runs>"
    );
    assert_eq!(
        command("echo \"${{ steps.a.stdout ~ steps.a.stderr }} ${{ inputs.x }}\"", "y z"),
        "echo \"<known after step a> y z\""
    );
    assert_eq!(command("echo ${{ env.TZ }}", "x").split(':').next(), Some("echo <no value"));
}

const DEPLOY: &str = r#"
title: Выкатка нового релиза
owner: team-sales
inputs:
  branch: {type: string, default: v2-rewrite}
vars: {dir: /opt/sales}
lock: sales_ottenok
preconditions:
  - title: Сервис здоров до обновления
    run: systemctl is-active --quiet sales_ottenok
  - inputs.branch != ''
steps:
  - {id: before, title: Текущий коммит, run: [git, rev-parse, HEAD], effect: read, outputs: {commit: result.stdout | trim}}
  - id: incoming
    title: Что будет применено
    run: |
      git fetch origin
      git log HEAD..origin/${{ inputs.branch }} --oneline
    cwd: ${{ vars.dir }}
    outputs: {commits: result.stdout | lines}
    evidence: true
  - id: pull
    when: steps.incoming.outputs.commits | length > 0
    confirm:
      message: Применить ${{ steps.incoming.outputs.commits | length }} коммит(ов)?
      show: ${{ steps.incoming.stdout }}
      phrase: apply
      timeout: 10m
    run: [git, pull, origin, "${{ inputs.branch }}"]
    rollback:
      - {run: [git, reset, --hard, "${{ steps.before.outputs.commit }}"], effect: destroy, confirm: Сбросить?}
  - id: checks
    parallel:
      - {id: disk, run: df -h, effect: read, expect: {exit_code: [0, 1], stdout: {contains: /dev}}}
      - {id: people, manual: {instructions: "Спросить коллег:\nможно ли?", checklist: [чат, почта], fields: {answer: {type: string}}}}
  - id: drop
    needs: [disk]
    run: dropdb "old \"copy\""
    effect: destroy
    irreversible: true
    confirm: Удалить старую копию?
  - id: restart
    needs: [drop, checks]
    run: systemctl restart sales_ottenok
    env: {MODE: "${{ inputs.branch }}"}
    settle: 5s
    timeout: 2m
    on_failure: ask
    verify:
      - run: systemctl is-active sales_ottenok
        expect: {stdout: {equals: active}}
        retry: {every: 2s, within: 60s, consecutive: 2}
      - {tcp: {port: 8080}, severity: warn}
    rollback:
      - run: systemctl restart sales_ottenok
    cleanup:
      - {title: Убрать пометку, run: rm -f /run/deploy}
  - wait: 30s
on_failure:
  steps:
    - {run: journalctl -n 50, effect: read}
finally:
  - {id: log_tail, run: tail -30 app.log, effect: read, evidence: true}
outputs:
  commit: steps.before.outputs.commit
"#;

#[test]
fn the_plan_as_text() {
    insta::assert_snapshot!("deploy_text", render(&plan(DEPLOY), Format::Text));
    let some = build(DEPLOY, &PlanRequest::default().from("drop")).map(|plan| render(&plan, Format::Text));
    insta::assert_snapshot!("deploy_from_text", some.unwrap());
}

#[test]
fn the_plan_as_json() {
    let text = render(&plan(DEPLOY), Format::Json);
    insta::assert_snapshot!("deploy_json", text);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["digest"], plan(DEPLOY).digest());
    assert_eq!(value["effects"], json!({"read": 3, "change": 4, "destroy": 1}));
}

#[test]
fn the_plan_as_pictures() {
    insta::assert_snapshot!("deploy_mermaid", render(&plan(DEPLOY), Format::Mermaid));
    insta::assert_snapshot!("deploy_dot", render(&plan(DEPLOY), Format::Dot));
}

#[test]
fn labels_of_pictures_are_escaped() {
    let text = "steps:\n  - {id: a, run: 'true', title: \"say \\\"hi\\\" <b>\\n#1 \\\\ `x`\"}\n";
    let mermaid = render(&plan(text), Format::Mermaid);
    assert!(
        mermaid.contains(r#"n0("a<br/>say #quot;hi#quot; #lt;b#gt; #35;1 \ #96;x#96;<br/>read")"#),
        "{mermaid}"
    );
    let dot = render(&plan(text), Format::Dot);
    assert!(dot.contains(r#"n0 [label="a\nsay \"hi\" <b> #1 \\ `x`\nread", style=rounded]"#), "{dot}");
}

#[test]
fn large_plans_are_built() {
    let mut text = String::from("steps:\n");
    for i in 0..20_000 {
        text +=
            &format!("  - {{id: s{i}, run: 'true', when: steps.s{}.status == 'x'}}\n", (i + 19_999) % 20_000);
    }
    let text = text.replacen(", when: steps.s19999.status == 'x'", "", 1);
    let plan = plan(&text);
    assert_eq!(plan.nodes.len(), 20_000);
    assert_eq!(plan.nodes[19_999].needs, [NodeId(19_998)]);
}
