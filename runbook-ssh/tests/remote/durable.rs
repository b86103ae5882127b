//! Outcomes survive: lost connections, killed sessions, restarted servers, lost engines.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration as StdDuration;

use jiff::Timestamp;
use runbook_core::port::{ExecEnd, ExecJob, Recovered, Stream};
use runbook_core::value::Duration;
use tokio_util::sync::CancellationToken;

use crate::support::{Collected, Jobs, Sshd, cmdline, durable, exec, kill, sshd, until};

/// A script that adds a line to `effects`, waits for the file `go`, and ends with 7.
fn waiting(sshd: &Sshd) -> String {
    let here = sshd.root().display();
    format!(
        "echo ran >>{here}/effects\necho before\nwhile ! [ -e {here}/go ]; do sleep 0.02 || :; done\necho after\nexit 7"
    )
}

fn effects(sshd: &Sshd) -> usize {
    fs::read_to_string(sshd.at("effects")).unwrap_or_default().lines().count()
}

/// The master processes of this server's clients.
fn masters(sshd: &Sshd) -> Vec<i32> {
    let port = format!(" -p {} ", sshd.port);
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.unwrap().file_name().to_string_lossy().parse().ok());
    pids.filter(|pid| {
        let line = cmdline(*pid);
        line.starts_with("ssh") && line.contains(&port)
    })
    .collect()
}

/// The capsules of this server, as processes.
fn capsules(sshd: &Sshd) -> Vec<i32> {
    sshd.at_work().into_iter().filter(|pid| cmdline(*pid).contains("runbook-capsule ")).collect()
}

/// Runs the waiting script, does `harm` while it runs, and lets it end.
async fn through(sshd: &Sshd, harm: impl Fn()) {
    let jobs = Jobs::new();
    let t = sshd.connect().await;
    let job = durable(jobs.script(&waiting(sshd)));
    let shown = Arc::new(Collected::default());
    let running = t.exec(&job, shown.clone(), CancellationToken::new());
    let harming = async {
        until("it runs", || shown.text(Stream::Stdout) == "before\n").await;
        harm();
        fs::write(sshd.at("go"), "").unwrap();
    };
    let (report, ()) = tokio::join!(running, harming);
    assert_eq!(report.end, ExecEnd::Exited(7), "{report:?}");
    assert_eq!(report.stdout.head, "before\nafter\n");
    assert_eq!(effects(sshd), 1);
    t.close().await;
    until("capsules are removed", || sshd.capsule_count() == 0).await;
}

#[tokio::test]
async fn a_killed_session_loses_nothing() {
    let sshd = sshd!();
    through(&sshd, || sshd.kill_sessions()).await;
}

#[tokio::test]
async fn a_killed_master_loses_nothing() {
    let sshd = sshd!();
    through(&sshd, || {
        let masters = masters(&sshd);
        assert!(!masters.is_empty());
        masters.into_iter().for_each(kill);
    })
    .await;
}

#[tokio::test]
async fn a_restarted_server_loses_nothing() {
    let sshd = sshd!();
    through(&sshd, || {
        sshd.kill_sessions();
        sshd.stop_listening();
        sshd.listen();
    })
    .await;
}

#[tokio::test]
async fn a_lost_engine_loses_nothing() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let job = durable(jobs.script(&waiting(&sshd)));
    let started = Timestamp::now();
    {
        let t = sshd.connect().await;
        let lost = t.exec(&job, Arc::new(()), CancellationToken::new());
        tokio::select! {
            _ = lost => panic!("it waits"),
            () = until("it runs", || effects(&sshd) == 1) => {}
        }
    }
    let t = sshd.connect().await;
    let releasing = async {
        fs::write(sshd.at("go"), "").unwrap();
    };
    let (recovered, ()) =
        tokio::join!(t.recover(&job, started, Arc::new(()), CancellationToken::new()), releasing);
    let Recovered::Ended(report) = recovered else { panic!("{recovered:?}") };
    assert_eq!((report.end, report.stdout.head.as_str()), (ExecEnd::Exited(7), "before\nafter\n"));
    // Asked again, it is still known, though its capsule is gone.
    t.close().await;
    until("capsules are removed", || sshd.capsule_count() == 0).await;
    let again = t.recover(&job, started, Arc::new(()), CancellationToken::new()).await;
    assert!(matches!(again, Recovered::Ended(report) if report.end == ExecEnd::Exited(7)));
    assert_eq!(exec(&t, &job).await.end, ExecEnd::Exited(7));
    assert_eq!(effects(&sshd), 1);
}

#[tokio::test]
async fn what_was_never_sent_never_began() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    let job = durable(jobs.script(&waiting(&sshd)));
    fs::create_dir_all(&job.directory).unwrap();
    let recovered = t.recover(&job, Timestamp::now(), Arc::new(()), CancellationToken::new()).await;
    assert_eq!(recovered, Recovered::NotStarted);
}

/// Starts the waiting script, loses the engine, and does `harm`; what is known then.
async fn after(sshd: &Sshd, harm: impl AsyncFn(&ExecJob)) -> Recovered {
    let jobs = Jobs::new();
    let job = durable(jobs.script(&waiting(sshd)));
    let started = Timestamp::now();
    {
        let t = sshd.connect().await;
        tokio::select! {
            _ = t.exec(&job, Arc::new(()), CancellationToken::new()) => panic!("it waits"),
            () = until("it runs", || effects(sshd) == 1) => {}
        }
    }
    harm(&job).await;
    let t = sshd.connect().await;
    let recovered = t.recover(&job, started, Arc::new(()), CancellationToken::new()).await;
    assert_eq!(effects(sshd), 1);
    recovered
}

#[tokio::test]
async fn a_target_that_died_is_in_doubt() {
    let sshd = sshd!();
    let recovered = after(&sshd, async |_| {
        sshd.at_work().into_iter().for_each(kill);
        until("nothing runs", || sshd.at_work().is_empty()).await;
    })
    .await;
    assert!(matches!(&recovered, Recovered::Unknown(why) if why.contains("killed")), "{recovered:?}");
}

/// A restart is seen by the boot; what the engine has recorded is changed instead.
fn another_boot(job: &ExecJob) {
    let path = job.directory.join("capsule.json");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(boot.trim()), "{text}");
    fs::write(&path, text.replace(boot.trim(), "another-boot")).unwrap();
}

#[tokio::test]
async fn a_restarted_target_is_in_doubt() {
    let sshd = sshd!();
    let recovered = after(&sshd, async |job| {
        sshd.at_work().into_iter().for_each(kill);
        another_boot(job);
    })
    .await;
    assert!(matches!(&recovered, Recovered::Unknown(why) if why.contains("restarted")), "{recovered:?}");
}

#[tokio::test]
async fn a_restarted_target_that_lost_its_capsules_is_in_doubt() {
    let sshd = sshd!();
    let recovered = after(&sshd, async |job| {
        sshd.at_work().into_iter().for_each(kill);
        until("nothing runs", || sshd.at_work().is_empty()).await;
        fs::remove_dir_all(sshd.at("state")).unwrap();
        another_boot(job);
    })
    .await;
    assert!(matches!(&recovered, Recovered::Unknown(why) if why.contains("restarted")), "{recovered:?}");
}

#[tokio::test]
async fn what_a_lost_engine_has_started_can_still_be_stopped() {
    let sshd = sshd!();
    let jobs = Jobs::new();
    let job = ExecJob { grace: Duration::from_millis(300), ..durable(jobs.script(&waiting(&sshd))) };
    let t = sshd.connect().await;
    tokio::select! {
        _ = t.exec(&job, Arc::new(()), CancellationToken::new()) => panic!("it waits"),
        () = until("it runs", || effects(&sshd) == 1) => {}
    }
    assert!(!capsules(&sshd).is_empty());
    let started = Timestamp::now() - jiff::SignedDuration::from_secs(3600);
    let recovered = t.recover(&job, started, Arc::new(()), CancellationToken::new()).await;
    let Recovered::Ended(report) = recovered else { panic!("{recovered:?}") };
    assert_eq!(report.end, ExecEnd::TimedOut, "{report:?}");
    until("nothing is left", || capsules(&sshd).is_empty()).await;
}

#[tokio::test]
async fn without_a_place_to_write_the_step_says_so() {
    let jobs = Jobs::new();
    // Every command sees read-only directories where a capsule could be.
    let program = jobs.directory().join("read-only");
    let text = "#!/bin/sh\nexec unshare -m sh -c 'mount -t tmpfs -o ro none /var/tmp && mount -t tmpfs -o ro none /tmp && exec sh -c \"$SSH_ORIGINAL_COMMAND\"'\n";
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let able = std::process::Command::new(&program).env("SSH_ORIGINAL_COMMAND", "true").status();
    if !able.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: mount namespaces are not permitted here");
        return;
    }
    let sshd = sshd!(&format!("ForceCommand {}", program.display()));
    let t = sshd.connect().await;
    let job = durable(jobs.script("echo out; exit 3"));
    let started = Timestamp::now();
    let report = exec(&t, &job).await;
    assert_eq!((report.end, report.stdout.head.as_str()), (ExecEnd::Exited(3), "out\n"));
    assert!(report.note.is_some_and(|note| note.contains("nothing can be written on `t`")));
    // Had the engine been lost, nobody would know.
    let recovered = t.recover(&job, started, Arc::new(()), CancellationToken::new()).await;
    assert!(matches!(&recovered, Recovered::Unknown(_)), "{recovered:?}");
}

#[tokio::test]
async fn commands_that_read_end_with_their_connection() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let job = jobs.script("setsid sleep 1000 & sleep 1000");
    {
        let t = sshd.connect().await;
        tokio::select! {
            _ = exec(&t, &job) => panic!("it sleeps"),
            () = until("it runs", || sshd.at_work().len() > 2) => {}
        }
        masters(&sshd).into_iter().for_each(kill);
    }
    until("nothing is left", || sshd.at_work().is_empty()).await;
}

/// How many kills there are to be.
fn wanted() -> u32 {
    std::env::var("RUNBOOK_KILLS").ok().and_then(|number| number.parse().ok()).unwrap_or(25)
}

/// Steps one after another while sessions, masters and clients are killed at random.
///
/// `RUNBOOK_KILLS=3000` makes it the real thing.
#[tokio::test(flavor = "multi_thread")]
async fn random_kills_lose_nothing_and_repeat_nothing() {
    let (sshd, jobs) = (Arc::new(sshd!()), Jobs::new());
    let (chance, over, kills) =
        (RandomState::new(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let killer = std::thread::spawn({
        let (sshd, over, kills, chance) = (sshd.clone(), over.clone(), kills.clone(), chance.clone());
        move || {
            let mut number = 0u64;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                if sshd.at_work().is_empty() {
                    std::thread::sleep(StdDuration::from_millis(5));
                    continue;
                }
                std::thread::sleep(StdDuration::from_millis(chance.hash_one(number) % 200));
                let all = if number.is_multiple_of(2) { masters(&sshd) } else { sshd.sessions() };
                if let Some(pid) = all.get((chance.hash_one((number, 1)) as usize) % all.len().max(1)) {
                    kill(*pid);
                    kills.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    // Connecting is most of the time; this way it costs less.
    let target = sshd.target_with(serde_json::json!({"options": {"KexAlgorithms": "curve25519-sha256"}}));
    let (mut steps, mut lost_engines) = (0, 0u32);
    while kills.load(Ordering::Relaxed) < wanted() {
        let (file, output) = (sshd.at(&format!("effect-{steps}")), format!("step {steps}\n"));
        let script = format!("echo once >>{}\nsleep 0.0{}\necho step {steps}", file.display(), steps % 10);
        let job = durable(jobs.script(&script));
        let started = Timestamp::now();
        let report = loop {
            let Ok(t) = sshd.try_connect(&target).await else { continue };
            let patience = StdDuration::from_millis(500 + chance.hash_one((steps, lost_engines)) % 2500);
            // The client is lost at some moment, and another one asks.
            let begun = job.directory.join("capsule.json").exists();
            let trying = async {
                match begun {
                    false => Some(exec(&t, &job).await),
                    true => match t.recover(&job, started, Arc::new(()), CancellationToken::new()).await {
                        Recovered::Ended(report) => Some(*report),
                        Recovered::NotStarted => None,
                        Recovered::Unknown(why) => panic!("step {steps} is in doubt: {why}"),
                    },
                }
            };
            match tokio::time::timeout(patience, trying).await {
                Ok(Some(report)) if matches!(report.end, ExecEnd::NotStarted(_)) => {}
                Ok(Some(report)) => break report,
                Ok(None) => {}
                Err(_) => {
                    kills.fetch_add(1, Ordering::Relaxed);
                    lost_engines += 1;
                }
            }
        };
        assert_eq!(report.end, ExecEnd::Exited(0), "step {steps}: {report:?}");
        assert_eq!(report.stdout.head, output, "step {steps}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "once\n", "step {steps}");
        steps += 1;
    }
    over.store(true, Ordering::Relaxed);
    killer.join().unwrap();
    let kills = kills.load(Ordering::Relaxed);
    println!(
        "{steps} steps, {kills} kills, {lost_engines} of them of the client: nothing lost, nothing repeated"
    );
}
