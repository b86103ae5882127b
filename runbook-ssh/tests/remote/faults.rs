//! Hosts that cannot be reached: each in its own way, each with what to do about it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration as StdDuration, Instant};

use runbook_core::kind::Target;
use runbook_core::port::{ConnectError, ExecEnd, Stream};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{Collected, Jobs, Sshd, durable, make_key, sshd, until};

async fn refusal(sshd: &Sshd, extra: serde_json::Value) -> ConnectError {
    let error = sshd.try_connect(&sshd.target_with(extra)).await.err().unwrap();
    assert!(error.message.starts_with("target `t`: "), "{error}");
    assert!(error.help.is_some(), "{error}");
    error
}

#[tokio::test]
async fn a_host_with_another_key_is_refused() {
    let sshd = sshd!();
    make_key(&sshd.at("other"));
    sshd.know(&std::fs::read_to_string(sshd.at("other.pub")).unwrap());
    let error = refusal(&sshd, json!({})).await;
    assert_eq!(error.kind, "host_key_changed");
    assert!(error.help.unwrap().contains(&format!("ssh-keygen -R '[127.0.0.1]:{}'", sshd.port)));
}

#[tokio::test]
async fn an_unknown_host_is_refused_whatever_the_users_configuration_says() {
    let sshd = sshd!();
    std::fs::write(sshd.at("known_hosts"), "").unwrap();
    assert_eq!(refusal(&sshd, json!({})).await.kind, "host_key_unknown");
    let config = std::fs::read_to_string(sshd.at("ssh_config")).unwrap();
    std::fs::write(sshd.at("ssh_config"), format!("StrictHostKeyChecking no\n{config}")).unwrap();
    assert_eq!(refusal(&sshd, json!({})).await.kind, "host_key_unknown");
    assert_eq!(std::fs::read_to_string(sshd.at("known_hosts")).unwrap(), "", "nothing is added");
    let error = sshd
        .try_connect(&sshd.target_with(json!({"options": {"StrictHostKeyChecking": "no"}})))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, "config");
}

#[tokio::test]
async fn each_failure_has_its_kind() {
    let sshd = sshd!();
    make_key(&sshd.at("stranger"));
    let stranger = sshd.at("stranger").to_str().unwrap().to_owned();
    std::fs::write(
        sshd.at("strange_config"),
        std::fs::read_to_string(sshd.at("ssh_config")).unwrap().replace("user_key", "stranger"),
    )
    .unwrap();
    let error = refusal(
        &sshd,
        json!({"config": sshd.at("strange_config").to_str().unwrap(), "identity_file": stranger}),
    )
    .await;
    assert_eq!(error.kind, "auth");
    assert!(error.message.contains("publickey"), "{error}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(refusal(&sshd, json!({"port": closed})).await.kind, "refused");
    assert_eq!(refusal(&sshd, json!({"host": "no-such-host.invalid"})).await.kind, "resolve");
    assert_eq!(refusal(&sshd, json!({"options": {"NoSuchOption": "1"}})).await.kind, "config");
    assert_eq!(refusal(&sshd, json!({"config": "/no/such/file"})).await.kind, "config");
    let error = refusal(&sshd, json!({"options": {"KexAlgorithms": "diffie-hellman-group1-sha1"}})).await;
    assert_eq!(error.kind, "incompatible", "{error}");
    let error = refusal(&sshd, json!({"proxy_jump": format!("127.0.0.1:{closed}")})).await;
    assert_eq!(error.kind, "proxy", "{error}");
}

#[tokio::test]
async fn a_silent_host_is_given_up() {
    let sshd = sshd!();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    let port = silent.local_addr().unwrap().port();
    assert_eq!(refusal(&sshd, json!({"port": port, "connect_timeout": "1s"})).await.kind, "timeout");
    assert!(start.elapsed() < StdDuration::from_secs(30));
}

#[tokio::test]
async fn a_jump_host_leads_further() {
    let sshd = sshd!();
    let config = std::fs::read_to_string(sshd.at("ssh_config")).unwrap();
    std::fs::write(
        sshd.at("ssh_config"),
        format!("Host bastion\n  HostName 127.0.0.1\n  Port {}\nHost *\n{config}", sshd.port),
    )
    .unwrap();
    let t = sshd.try_connect(&sshd.target_with(json!({"proxy_jump": "bastion"}))).await.unwrap();
    let report = crate::support::exec(&t, &Jobs::new().script("echo there")).await;
    assert_eq!(report.stdout.head, "there\n");
}

#[tokio::test]
async fn a_user_who_may_not_run_commands_is_told() {
    let (sshd, jobs) = (sshd!("ForceCommand echo only backups here"), Jobs::new());
    let t = sshd.connect().await;
    for job in jobs.both(jobs.script("true")) {
        let report = crate::support::exec(&t, &job).await;
        assert!(
            matches!(&report.end, ExecEnd::NotStarted(why) if why.contains("only backups here")),
            "{report:?}"
        );
    }
}

/// Passes bytes on between a client and a server until it is told to drop them.
struct Proxy {
    port: u16,
    drops: Arc<AtomicBool>,
}

impl Proxy {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, drops) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let state = drops.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { break };
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                // Connections that begin after the fault are not harmed by it.
                let harmed = Arc::new(AtomicBool::new(!state.load(Ordering::Relaxed)));
                for (mut from, mut to) in
                    [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    let (state, harmed) = (state.clone(), harmed.clone());
                    std::thread::spawn(move || {
                        let mut buffer = [0; 16384];
                        while let Ok(read @ 1..) = from.read(&mut buffer) {
                            let dropped = state.load(Ordering::Relaxed) && harmed.load(Ordering::Relaxed);
                            if !dropped && to.write_all(&buffer[..read]).is_err() {
                                break;
                            }
                        }
                    });
                }
            }
        });
        Proxy { port, drops }
    }
}

#[tokio::test]
async fn a_connection_that_is_dead_without_a_word_is_noticed() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let proxy = Proxy::to(sshd.port);
    let key: Vec<String> = sshd.host_key().split_whitespace().take(2).map(str::to_owned).collect();
    let known = format!("[127.0.0.1]:{} {}\n", proxy.port, key.join(" "));
    std::fs::write(sshd.at("known_hosts"), known).unwrap();
    let target: Target = sshd.target_with(json!({"port": proxy.port}));
    let t = sshd.try_connect(&target).await.unwrap();
    let job = durable(jobs.script(&format!(
        "echo ran >>{0}/effects; echo before; while ! [ -e {0}/go ]; do sleep 0.05; done; echo after",
        sshd.root().display()
    )));
    let shown = Arc::new(Collected::default());
    let running = t.exec(&job, shown.clone(), CancellationToken::new());
    let harming = async {
        until("it runs", || shown.text(Stream::Stdout) == "before\n").await;
        proxy.drops.store(true, Ordering::Relaxed);
        std::fs::write(sshd.at("go"), "").unwrap();
        Instant::now()
    };
    let (report, since) = tokio::join!(running, harming);
    assert_eq!(
        (&report.end, report.stdout.head.as_str()),
        (&ExecEnd::Exited(0), "before\nafter\n"),
        "{report:?}"
    );
    assert!(since.elapsed() < StdDuration::from_secs(30), "{:?}", since.elapsed());
    assert_eq!(std::fs::read_to_string(sshd.at("effects")).unwrap(), "ran\n");
}
