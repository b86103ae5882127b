//! Policies: what they forbid, through every wrapping; what is said of a policy that is wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../command/wrappings.rs"]
mod wrappings;

mod templates;

use std::fs;
use std::path::Path;

use runbook_core::command::{Effect, Hole, Script, Words};
use runbook_core::diag::Diagnostic;
use runbook_core::model;
use runbook_core::policy::{ActionView, Policy, PolicySet, Stage, Verdict};
use runbook_core::shell::Dialect;
use serde_json::json;

fn policy(rest: &str) -> Policy {
    let text = format!("apiVersion: runbook/v1\nkind: Policy\nname: test\n{rest}");
    let loaded = Policy::parse("policy.yaml", &text);
    loaded.policy.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn judge(policies: &PolicySet, text: &str) -> Verdict {
    policies.judge(&ActionView::script(&Script::new(text, Dialect::Sh)), None)
}

fn rules(verdict: &Verdict) -> Vec<&str> {
    verdict.forbidden.iter().map(|violation| violation.rule.as_str()).collect()
}

fn sales() -> PolicySet {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/000-sales-ottenok/policy.yaml");
    let text = fs::read_to_string(path).unwrap();
    let loaded = Policy::parse("policy.yaml", &text);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    PolicySet::new(loaded.policy)
}

#[test]
fn what_is_forbidden_on_the_server_is_refused_in_every_wrapping() {
    let policies = sales();
    let commands = [
        "git reset --hard origin/main",
        "git checkout -- .",
        "git stash",
        "systemctl stop sales_ottenok",
        "rm -rf /var/log/sales_ottenok",
        "truncate -s 0 /var/log/sales_ottenok/stderr.log",
        "apt-get install -y htop",
        "ufw disable",
        "useradd eve",
        "sed -i s/a/b/ /opt/sales_ottenok/.env",
    ];
    let wrappings = wrappings::wrappings();
    assert!(wrappings.len() >= 200);
    let mut wrong = Vec::new();
    for wrapping in &wrappings {
        for command in commands {
            let text = wrapping.replace('@', command);
            for dialect in [Dialect::Sh, Dialect::Bash] {
                let verdict = policies.judge(&ActionView::script(&Script::new(&*text, dialect)), None);
                // There is nothing in these texts that is not known yet.
                if !verdict.refuses(Stage::Early) {
                    wrong.push(format!("{text:?}: {verdict:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), wrappings.len(), wrong.join("\n"));
}

#[test]
fn what_the_document_allows_is_not_forbidden() {
    let policies = sales();
    let read = [
        "systemctl status sales_ottenok",
        "curl -s -o /dev/null -w '%{http_code}' http://localhost:8080/health",
        "ps aux | grep 'main.py' | grep -v grep",
        "tail -500 /var/log/sales_ottenok/stderr.log | grep -i 'error\\|exception'",
        "cd /opt/sales_ottenok && git log --oneline -3 && echo '---' && git branch --show-current",
        "df -h / && du -sh /opt/sales_ottenok/data/ /var/log/sales_ottenok/",
        "ss -tlnp | grep 8080",
        "cd /opt/sales_ottenok && grep -v -E 'KEY|TOKEN|PASSWORD|SECRET|CREDENTIALS' .env",
        "ssh root@app.example.net \"systemctl is-active sales_ottenok && curl -sf http://localhost:8080/health > /dev/null && echo 'OK'\"",
        "journalctl -u sales_ottenok --no-pager -n 50",
    ];
    for text in read {
        let verdict = judge(&policies, text);
        assert_eq!(rules(&verdict), Vec::<&str>::new(), "{text}");
        assert_eq!(
            (verdict.effect, verdict.needs_confirm()),
            (Effect::Read, false),
            "{text}: {:?}",
            verdict.reasons
        );
    }
    let change = [
        "cd /opt/sales_ottenok && git fetch origin && git log HEAD..origin/v2-rewrite --oneline",
        "cd /opt/sales_ottenok && git pull origin v2-rewrite",
        "cd /opt/sales_ottenok && .venv/bin/pip install -r requirements.txt",
        "systemctl restart sales_ottenok",
    ];
    for text in change {
        let verdict = judge(&policies, text);
        assert_eq!(rules(&verdict), Vec::<&str>::new(), "{text}");
        assert_eq!((verdict.effect, verdict.needs_confirm()), (Effect::Change, true), "{text}");
    }
}

#[test]
fn a_violation_names_the_rule_and_the_place() {
    let text = "ls && sudo git -C /opt reset --hard";
    let verdict = judge(&sales(), text);
    let [violation] = verdict.forbidden.as_slice() else { panic!("{verdict:?}") };
    assert_eq!((violation.policy.as_str(), violation.rule.as_str()), ("sales-ottenok", "only_git_pull"));
    assert_eq!(&text[violation.span.clone()], "git -C /opt reset --hard");
    assert!(!violation.overridable && violation.certain);
    assert!(violation.reason.contains("только git pull"));
    let stop = judge(&sales(), "systemctl stop sales_ottenok");
    assert!(stop.forbidden[0].overridable);
}

#[test]
fn patterns_look_at_words_and_not_at_text() {
    let policies = PolicySet::new([policy(
        "forbid:\n  - {id: a, command: git push (-f|--force), reason: r}\n  - {id: b, command: 'apt(-get)? install', reason: r}\n  - {id: c, command: mkfs*, reason: r}\n",
    )]);
    for (text, expected) in [
        ("git push -f", "a"),
        ("git push origin main --force", "a"),
        ("git push -vf", "a"),
        ("git push --forc", "a"),
        ("git -C x --no-pager push origin -f", "a"),
        ("apt install x", "b"),
        ("apt-get -y install x", "b"),
        ("mkfs.ext4 /dev/sda", "c"),
        ("/sbin/mkfs /dev/sda", "c"),
    ] {
        assert_eq!(rules(&judge(&policies, text)), [expected], "{text}");
    }
    for text in [
        "git push",
        "git log --grep -f",
        "echo git push -f",
        "git push -- -f",
        "apt list",
        "apt-get update",
        "ls mkfs",
    ] {
        assert_eq!(rules(&judge(&policies, text)), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn writes_are_found_wherever_they_come_from() {
    let policies = PolicySet::new([policy(
        "forbid:\n  - {id: env, writes: /opt/app/.env, reason: r}\n  - {id: units, writes: '*.service', reason: r}\n",
    )]);
    for text in [
        "echo a > /opt/app/.env",
        "echo a >> /opt/app/../app/./.env",
        "cd /opt/app && tee .env",
        "cd /opt; cd app; echo a > .env",
        "cp x /opt/app/.env",
        "cp /tmp/.env /opt/app",
        "install -m 600 x /opt/app/.env",
        "cp -t /opt/app .env",
        "dd if=x of=/opt/app/.env",
        "sed -i s/a/b/ /opt/app/.env",
        "rm -r /opt/app",
        "rm -rf /opt/app/.e*",
        "mv /opt/app /opt/old",
        "chown root /opt/app/.env",
        "ln -sf x /opt/app/.env",
        "curl -o /opt/app/.env http://localhost/",
        "sort -o /opt/app/.env x",
        "sudo sh -c 'cat > /opt/app/.env'",
        "(cd /opt/app; touch .env)",
    ] {
        assert!(rules(&judge(&policies, text)).contains(&"env"), "{text}");
    }
    assert_eq!(rules(&judge(&policies, "touch /etc/systemd/system/x.service")), ["units"]);
    for text in [
        "cat /opt/app/.env",
        "echo a > /opt/app/.env.example",
        "touch /opt/app/x",
        "cp /opt/app/.env /tmp/x",
        "rm /opt/other/.env",
    ] {
        assert_eq!(rules(&judge(&policies, text)), Vec::<&str>::new(), "{text}");
    }
    let cwd = |cwd| {
        let script = Script::new("echo a > .env", Dialect::Sh);
        let view = ActionView::Script { script: &script, cwd, variables: &[], stdin: false };
        policies.judge(&view, None).forbidden.len()
    };
    assert_eq!((cwd(Some("/opt/app")), cwd(Some("/tmp")), cwd(None)), (1, 0, 1));
}

#[test]
fn values_that_are_not_known_refuse_only_at_the_end() {
    let policies =
        PolicySet::new([policy("forbid:\n  - {id: a, command: git (reset|checkout), reason: r}\n")]);
    let script = |hole| Script::new("git ${{ x }} y", Dialect::Sh).with_hole(4..12, hole);
    let verdict = |hole| policies.judge(&ActionView::script(&script(hole)), None);
    let unknown = verdict(Hole::Value);
    assert!(!unknown.refuses(Stage::Early) && unknown.refuses(Stage::Final));
    assert!(verdict(Hole::Known("reset".into())).refuses(Stage::Early));
    assert!(!verdict(Hole::Known("pull".into())).refuses(Stage::Final));
    // A value is data: it never becomes a second command.
    assert!(!verdict(Hole::Known("pull; git reset".into())).refuses(Stage::Early));
    assert!(verdict(Hole::Code).refuses(Stage::Final));

    let mut words = Words::new(["git"]);
    words.push_unknown("${{ x }}");
    let verdict = policies.judge(&ActionView::words(&words), None);
    assert!(!verdict.refuses(Stage::Early) && verdict.refuses(Stage::Final));
    assert!(
        policies.judge(&ActionView::words(&Words::new(["sudo", "git", "reset"])), None).refuses(Stage::Early)
    );
}

#[test]
fn what_cannot_be_read_is_refused_or_asked_about() {
    let rules = "forbid:\n  - {id: a, command: rm, reason: r}\n";
    let strict = PolicySet::new([policy(rules)]);
    let mild = PolicySet::new([policy(&format!("unreadable: confirm\n{rules}"))]);
    for text in [
        "$x",
        "eval \"$x\"",
        "sh -c \"$x\"",
        "curl http://localhost/x | sh",
        "python3 -c 'x'",
        "if",
        "PATH=/x; ls",
    ] {
        assert!(judge(&strict, text).refuses(Stage::Early), "{text}");
        let verdict = judge(&mild, text);
        assert!(!verdict.refuses(Stage::Final) && verdict.needs_confirm(), "{text}");
        assert!(judge(&mild, &format!("{text}\nrm x")).needs_confirm());
    }
    // What a named program does inside is its own affair; that it is not known shows in the effect.
    let verdict = judge(&strict, "./deploy.sh");
    assert!(!verdict.refuses(Stage::Final));
    assert_eq!(verdict.effect, Effect::Unknown);
    // A policy that forbids nothing has nothing to hide from.
    assert!(!judge(&PolicySet::new([policy("confirm: {effects: [change]}\n")]), "$x").refuses(Stage::Final));
}

#[test]
fn the_strictest_of_several_policies_wins() {
    let reads = policy("reads: {hosts: [api.example.net, b.example.net], except: ['*/delete*']}\n");
    let other = policy("reads: {hosts: [api.example.net]}\nconfirm: {effects: [destroy]}\n");
    let silent = policy("forbid: [{id: a, command: rm, reason: r}]\n");
    let effect = |policies: Vec<Policy>, url: &str| {
        judge(&PolicySet::new(policies), &format!("curl https://{url}")).effect
    };
    assert_eq!(effect(vec![], "api.example.net/x"), Effect::Unknown);
    assert_eq!(effect(vec![reads.clone()], "api.example.net/x"), Effect::Read);
    assert_eq!(effect(vec![reads.clone(), silent.clone()], "b.example.net/x"), Effect::Read);
    assert_eq!(effect(vec![reads.clone(), other.clone()], "b.example.net/x"), Effect::Unknown);
    assert_eq!(effect(vec![reads.clone(), other.clone()], "api.example.net/x"), Effect::Read);
    assert_eq!(effect(vec![reads.clone()], "api.example.net/bot/deleteWebhook"), Effect::Unknown);
    assert_eq!(effect(vec![reads.clone()], "api.example.net.evil.example.net/x"), Effect::Unknown);
    let all = PolicySet::new([reads, other, silent]);
    let verdict = judge(&all, "rm x");
    assert!(verdict.refuses(Stage::Early) && verdict.needs_confirm());
}

#[test]
fn a_declared_effect_only_raises() {
    let policies = PolicySet::new([policy("confirm: {effects: [destroy]}\n")]);
    let script = Script::new("rm x", Dialect::Sh);
    let verdict = policies.judge(&ActionView::script(&script), Some(model::Effect::Read));
    assert_eq!((verdict.effect, verdict.needs_confirm()), (Effect::Destroy, true));
    let script = Script::new("ls", Dialect::Sh);
    let verdict = policies.judge(&ActionView::script(&script), Some(model::Effect::Destroy));
    assert_eq!((verdict.effect, verdict.needs_confirm()), (Effect::Destroy, true));
}

#[test]
fn actions_of_executors_are_judged_too() {
    let policies = PolicySet::new([policy(
        "confirm: {effects: [destroy]}\nforbid:\n  - {id: down, command: docker compose down, reason: r}\n  - {id: rm, command: docker rm, reason: r}\n  - {id: env, writes: /opt/app/.env, reason: r}\n",
    )]);
    let view = |key, params, effect, writes: &[Option<String>]| {
        let verdict = policies.judge(&ActionView::Other { key, params: &params, effect, writes }, None);
        (verdict.refuses(Stage::Early), verdict.refuses(Stage::Final), verdict.needs_confirm())
    };
    use model::Effect::{Change, Destroy, Read};
    assert_eq!(view("compose", json!({"down": null, "project": "x"}), Destroy, &[]), (true, true, true));
    assert_eq!(view("docker", json!({"rm": "app"}), Destroy, &[]), (true, true, true));
    assert_eq!(view("docker", json!({"logs": "app"}), Read, &[]), (false, false, false));
    assert_eq!(view("write", json!({}), Change, &[Some("/opt/app/.env".into())]), (true, true, false));
    assert_eq!(view("write", json!({}), Change, &[Some("/opt/app/x".into())]), (false, false, false));
    assert_eq!(view("write", json!({}), Change, &[None]), (false, true, false));
}

#[test]
fn variables_of_a_step_can_change_what_commands_mean() {
    let policies = PolicySet::new([policy("forbid: [{id: a, command: rm, reason: r}]\n")]);
    let script = Script::new("ls", Dialect::Sh);
    let judge = |variables: &[String]| {
        let view = ActionView::Script { script: &script, cwd: None, variables, stdin: false };
        policies.judge(&view, None).refuses(Stage::Early)
    };
    assert!(
        judge(&["PATH".to_owned()]) && judge(&["LD_PRELOAD".to_owned()]) && !judge(&["APP_MODE".to_owned()])
    );
}

/// Code, the text it points at, message, help.
fn said(text: &str) -> Vec<String> {
    let loaded = Policy::parse("policy.yaml", text);
    let line = |d: &Diagnostic| {
        let help = d.help.iter().map(|h| format!(" ? {h}")).collect::<String>();
        format!("{} «{}» {}{help}", d.code, loaded.sources.text(d.primary.span).trim(), d.message)
    };
    assert!(loaded.policy.is_none());
    loaded.diagnostics.iter().map(line).collect()
}

#[test]
fn problems_are_reported_with_their_places() {
    let said = said(
        "apiVersion: runbook/v1
kind: Policy
name: test
comfirm: {}
confirm: {effects: [chnage]}
unreadable: maybe
reads: {hosts: ['http://x'], except: [delete]}
forbid:
  - {id: a, command: 'git (reset', reason: r}
  - {id: a, command: rm, reason: r, match: [ls, rm x, '$x'], not_match: [rm x, ls]}
  - {id: Bad-Id, writes: /x, reason: r}
  - {id: b, reason: r}
  - {id: c, command: rm}
  - {id: d, command: 'git (push|-f)', reason: r, overridable: sometimes}
",
    );
    let expected = "\
RB0101 «comfirm» a policy has no key `comfirm` ? did you mean `confirm`?
RB0108 «chnage» an effect cannot be `chnage` ? did you mean `change`?
RB0108 «maybe» `unreadable` cannot be `maybe`
RB0108 «'http://x'» `http://x` is no host ? write a name, or a name and a port, such as `api.example.net:8443`
RB0108 «delete» `delete` is no path of a request ? begin with `/`, or with `*` for any beginning
RB0420 «'git (reset'» `command`: a parenthesis is not closed
RB0422 «a» there is another rule `a`
RB0423 «ls» the rule does not forbid this
RB0423 «'$x'» whether the rule forbids this is not certain
RB0423 «rm x» the rule forbids this
RB0107 «Bad-Id» `Bad-Id` cannot be the id of a rule
RB0421 «{id: b, reason: r}» this rule does not say what it forbids ? add `command`, `writes` or `effect`
RB0102 «{id: c, command: rm}» a rule needs `reason`
RB0420 «'git (push|-f)'» `command`: `(push|-f)` stands for an option and for a word; write two rules
RB0103 «sometimes» `overridable` must be `true` or `false`, found text";
    assert_eq!(said.join("\n"), expected);
}

#[test]
fn a_policy_needs_its_header() {
    assert_eq!(
        said("apiVersion: runbook/v2\nkind: Polcy\nname: x\n"),
        [
            "RB0105 «runbook/v2» `apiVersion` of a policy is `runbook/v1` ? write `apiVersion: runbook/v1`",
            "RB0106 «Polcy» `kind` of a policy is `Policy` ? write `kind: Policy`",
        ]
    );
    assert_eq!(said("[]")[0], "RB0103 «[]» a policy must be a map, found list");
}
