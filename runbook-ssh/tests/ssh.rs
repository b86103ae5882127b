//! The target kind `ssh`, as a program that embeds it sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use runbook_core::diag::{Code, Diagnostics};
use runbook_core::drive::Engine;
use runbook_core::kind::{Kinds, TargetKind};
use runbook_core::source::SourceId;
use runbook_core::yaml;
use runbook_ssh::SshKind;

fn codes(params: &str) -> Vec<Code> {
    let mut found = Diagnostics::default();
    let node = yaml::parse(SourceId(0), params, &mut found).unwrap();
    SshKind.check(&node, &mut found);
    found.into_sorted().iter().map(|problem| problem.code).collect()
}

#[test]
fn hosts_are_accepted() {
    let hosts = [
        "{host: app.example.net, user: root, port: 22, proxy_jump: bastion}",
        "{host: '${{ inputs.host }}', options: {KexAlgorithms: curve25519-sha256}}",
    ];
    for host in hosts {
        assert_eq!(codes(host), [], "{host}");
    }
}

#[test]
fn what_cannot_be_reached_is_reported() {
    let cases: [(&str, &[Code]); 7] = [
        ("app.example.net", &[Code::WRONG_TYPE]),
        ("{user: root}", &[Code::MISSING_KEY]),
        ("{host: a, prot: 22}", &[Code::UNKNOWN_KEY]),
        ("{host: a, port: 70000}", &[Code::WRONG_TYPE]),
        ("{host: -oProxyCommand=evil}", &[Code::BAD_NAME]),
        ("{host: 'a b'}", &[Code::BAD_NAME]),
        ("{host: }", &[Code::WRONG_TYPE]),
    ];
    for (host, expected) in cases {
        assert_eq!(codes(host), expected, "{host}");
    }
}

#[test]
fn checking_host_keys_cannot_be_switched_off() {
    for option in ["StrictHostKeyChecking", "stricthostkeychecking", "UserKnownHostsFile"] {
        let params = format!("{{host: a, options: {{{option}: 'no'}}}}");
        assert_eq!(codes(&params), [Code::SSH_OPTION], "{option}");
    }
}

#[test]
fn programs_and_engines_take_it() {
    let mut kinds = Kinds::default();
    runbook_ssh::register(&mut kinds);
    assert!(kinds.target("ssh").is_some_and(|kind| kind.available()));
    let engine = runbook_ssh::plug_in(Engine::builder()).build().unwrap();
    assert!(format!("{engine:?}").contains("\"ssh\""));
}
