//! Commands on a real server: what they get, how they end, what is left of them.

use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use runbook_core::port::{ExecEnd, ExecJob, Stream};
use runbook_core::value::Duration;
use tokio_util::sync::CancellationToken;

use crate::support::{Collected, Jobs, cmdline, exec, sshd, until};

#[tokio::test]
async fn exit_codes_are_the_commands_own() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    for code in [0, 1, 2, 126, 127, 255] {
        for job in jobs.both(jobs.script(&format!("exit {code}"))) {
            let report = exec(&t, &job).await;
            assert_eq!(report.end, ExecEnd::Exited(code), "{job:?}: {report:?}");
            assert_eq!(report.note, None);
        }
    }
    for job in jobs.both(jobs.argv(&["no-such-program"])) {
        let report = exec(&t, &job).await;
        assert_eq!(report.end, ExecEnd::Exited(127));
        assert!(report.stderr.head.contains("no-such-program"), "{report:?}");
    }
    for job in jobs.both(jobs.script("kill -TERM $$")) {
        assert_eq!(exec(&t, &job).await.end, ExecEnd::Exited(143));
    }
}

#[tokio::test]
async fn scripts_are_strict_and_read_by_their_shell() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    for job in jobs.both(jobs.script("echo one\nfalse\necho two")) {
        let report = exec(&t, &job).await;
        assert_eq!((report.end, report.stdout.head.as_str()), (ExecEnd::Exited(1), "one\n"));
    }
    for job in jobs.both(jobs.script("echo \"$NOT_SET\"")) {
        assert_ne!(exec(&t, &job).await.end, ExecEnd::Exited(0));
    }
    for job in jobs.both(jobs.bash("false | true; echo \"${BASH_VERSION:+bash}\"")) {
        assert_eq!(exec(&t, &job).await.end, ExecEnd::Exited(1));
    }
    let words = ["a b", "it's", "", "*", "$HOME", "\\n", "\n", "ключ", "-n"];
    for job in jobs.both(jobs.argv(&[&["printf", "[%s]"][..], &words[..]].concat())) {
        let expected: String = words.iter().map(|word| format!("[{word}]")).collect();
        assert_eq!(exec(&t, &job).await.stdout.head, expected);
    }
    for job in jobs.both(jobs.script("if then")) {
        assert_eq!(exec(&t, &job).await.end, ExecEnd::Exited(2));
    }
}

#[tokio::test]
async fn both_outputs_stay_apart_and_are_shown_while_they_come() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    for job in jobs.both(jobs.script("echo сюда; echo туда >&2; printf end; printf 'без конца' >&2"))
    {
        let shown = Arc::new(Collected::default());
        let report = t.exec(&job, shown.clone(), CancellationToken::new()).await;
        assert_eq!(report.stdout.head, "сюда\nend");
        assert_eq!(report.stderr.head, "туда\nбез конца");
        assert_eq!(shown.text(Stream::Stdout), "сюда\nend");
        assert_eq!(shown.text(Stream::Stderr), "туда\nбез конца");
    }
    for job in jobs.both(
        jobs.script(&format!("echo first; while ! [ -e {}/go ]; do sleep 0.05; done", sshd.root().display())),
    ) {
        let _ = std::fs::remove_file(sshd.at("go"));
        let shown = Arc::new(Collected::default());
        let running = t.exec(&job, shown.clone(), CancellationToken::new());
        let watching = async {
            until("output is shown", || shown.text(Stream::Stdout) == "first\n").await;
            std::fs::write(sshd.at("go"), "").unwrap();
        };
        let (report, ()) = tokio::join!(running, watching);
        assert_eq!(report.end, ExecEnd::Exited(0));
    }
}

#[tokio::test]
async fn what_a_command_gets() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    let directory = sshd.root().to_str().unwrap().to_owned();
    for job in jobs.both(jobs.script("pwd; printf '%s|' \"$A\" \"$B\"; cat")) {
        let job = ExecJob {
            env: vec![("A".into(), "it's\n$HOME \"x\"".into()), ("B".into(), "привет".into())],
            stdin: Some("вход 'x'\n".into()),
            cwd: Some(directory.clone()),
            ..job
        };
        let report = exec(&t, &job).await;
        assert_eq!(
            report.stdout.head,
            format!("{directory}\nit's\n$HOME \"x\"|привет|вход 'x'\n"),
            "{report:?}"
        );
    }
    for job in jobs.both(jobs.argv(&["od", "-An", "-tx1"])) {
        let job = ExecJob { stdin: Some(vec![0, 1, 0xff, b'\'', b'\n', b'%']), ..job };
        assert_eq!(exec(&t, &job).await.stdout.head.trim(), "00 01 ff 27 0a 25");
    }
    // Without input there is none, and the script is not taken for it.
    for job in jobs.both(jobs.script("cat; echo after")) {
        assert_eq!(exec(&t, &job).await.stdout.head, "after\n");
    }
    for job in jobs.both(jobs.argv(&["cat"])) {
        assert_eq!(exec(&t, &job).await.stdout.head, "");
    }
    for job in jobs.both(jobs.argv(&["true"])) {
        let report = exec(&t, &ExecJob { cwd: Some("/no/such".into()), ..job }).await;
        assert!(matches!(&report.end, ExecEnd::NotStarted(why) if why.contains("`/no/such`")), "{report:?}");
    }
}

#[tokio::test]
async fn values_are_not_for_other_users_to_see() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    for job in jobs.both(jobs.script(&format!(
        "RB_0='tell-nobody'\ntouch {0}/here; while ! [ -e {0}/go ]; do sleep 0.05; done",
        sshd.root().display()
    ))) {
        for name in ["here", "go"] {
            let _ = std::fs::remove_file(sshd.at(name));
        }
        let job = ExecJob {
            env: vec![("SECRET".into(), "tell-nobody".into())],
            stdin: Some(b"tell-nobody".to_vec()),
            ..job
        };
        let running = exec(&t, &job);
        let watching = async {
            until("it runs", || sshd.at("here").exists()).await;
            let seen: Vec<String> = sshd.at_work().into_iter().map(cmdline).collect();
            std::fs::write(sshd.at("go"), "").unwrap();
            assert!(!seen.is_empty());
            assert!(!seen.iter().any(|line| line.contains("tell-nobody")), "{seen:#?}");
        };
        let (report, ()) = tokio::join!(running, watching);
        assert_eq!(report.end, ExecEnd::Exited(0));
    }
}

/// Resident memory of this process in bytes.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn large_and_binary_output_comes_whole_in_bounded_memory() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    let size = 100 << 20;
    for job in jobs.both(jobs.script(&format!("head -c {size} /dev/zero | tr '\\0' '\\377'; echo last >&2")))
    {
        let before = memory();
        let report = exec(&t, &job).await;
        let grown = memory().saturating_sub(before);
        assert_eq!(report.end, ExecEnd::Exited(0));
        assert_eq!(report.stdout.bytes, size);
        assert_eq!(report.stderr.head, "last\n");
        assert!(report.stdout.tail.is_some() && report.stdout.sha256.is_some());
        assert_eq!(std::fs::metadata(job.directory.join("stdout")).unwrap().len(), size);
        assert!(grown < 32 << 20, "{grown} bytes");
    }
}

#[tokio::test]
async fn timeouts_and_stops_end_everything() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    let idle = sshd.at_work().len();
    let stubborn =
        "trap '' TERM HUP\necho on\nsetsid sleep 1000 &\nsleep 1000 &\nwhile :; do sleep 1000; done";
    for job in jobs.both(jobs.script(stubborn)) {
        let job =
            ExecJob { timeout: Some(Duration::from_millis(700)), grace: Duration::from_millis(300), ..job };
        let report = exec(&t, &job).await;
        assert_eq!(report.end, ExecEnd::TimedOut, "{report:?}");
        assert_eq!((report.stdout.head.as_str(), report.note), ("on\n", None));
        until("nothing is left", || sshd.at_work().len() <= idle).await;
    }
    for job in
        jobs.both(jobs.script("trap 'echo bye; exit 3' TERM\necho on\nwhile :; do sleep 0.1 || :; done"))
    {
        let (shown, stop) = (Arc::new(Collected::default()), CancellationToken::new());
        let running = t.exec(&job, shown.clone(), stop.clone());
        let stopping = async {
            until("it runs", || shown.text(Stream::Stdout) == "on\n").await;
            stop.cancel();
        };
        let (report, ()) = tokio::join!(running, stopping);
        assert_eq!(report.end, ExecEnd::Cancelled, "{report:?}");
        assert_eq!(report.stdout.head, "on\nbye\n");
        until("nothing is left", || sshd.at_work().len() <= idle).await;
    }
}

#[tokio::test]
async fn who_outlives_a_command_does_not_hold_it_up() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    for job in jobs.both(jobs.script("sleep 1000 & echo done")) {
        let start = Instant::now();
        let report = exec(&t, &job).await;
        assert_eq!((report.end, report.stdout.head.as_str()), (ExecEnd::Exited(0), "done\n"));
        assert!(start.elapsed() < StdDuration::from_secs(20));
    }
}

#[tokio::test]
async fn fetched_capsules_are_removed() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    let many = (0..20).map(|_| crate::support::durable(jobs.script("echo x"))).collect::<Vec<_>>();
    for job in &many {
        assert_eq!(exec(&t, job).await.end, ExecEnd::Exited(0));
    }
    t.close().await;
    until("capsules are removed", || sshd.capsule_count() == 0).await;
}

#[tokio::test]
async fn many_at_once_do_not_meet_the_servers_limits() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    let t = sshd.connect().await;
    let all: Vec<ExecJob> =
        (0..30).flat_map(|number| jobs.both(jobs.script(&format!("sleep 0.2; echo {number}")))).collect();
    let reports = futures(all.iter().map(|job| exec(&t, job))).await;
    for report in reports {
        assert_eq!(report.end, ExecEnd::Exited(0), "{report:?}");
    }
}

#[tokio::test]
async fn a_server_with_lower_limits_only_takes_longer() {
    let (sshd, jobs) = (sshd!("MaxSessions 2\nMaxStartups 2:50:4"), Jobs::new());
    let t = sshd.connect().await;
    let all: Vec<ExecJob> = (0..12).map(|_| jobs.script("sleep 0.1")).collect();
    for report in futures(all.iter().map(|job| exec(&t, job))).await {
        assert_eq!(report.end, ExecEnd::Exited(0), "{report:?}");
    }
    let connections = futures((0..16).map(|_| sshd.connect())).await;
    assert_eq!(connections.len(), 16);
}

#[tokio::test]
async fn busybox_is_enough() {
    let jobs = Jobs::new();
    let tools = jobs.directory().join("tools");
    std::fs::create_dir(&tools).unwrap();
    let installed = std::process::Command::new("busybox").arg("--install").arg("-s").arg(&tools).status();
    if !installed.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("RUNBOOK_REQUIRE_E2E").is_none(), "there is no busybox");
        eprintln!("SKIPPED: there is no busybox");
        return;
    }
    let shell = jobs.directory().join("shell");
    let text = format!("#!{0}/sh\nexport PATH={0}\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n", tools.display());
    std::fs::write(&shell, text).unwrap();
    std::fs::set_permissions(&shell, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let sshd = sshd!(&format!("ForceCommand {}", shell.display()));
    let t = sshd.connect().await;
    for job in jobs.both(jobs.script("readlink /proc/$$/exe; cat; exit 5")) {
        let job = ExecJob { stdin: Some(b"in\n".to_vec()), ..job };
        let report = exec(&t, &job).await;
        assert_eq!(report.end, ExecEnd::Exited(5), "{report:?}");
        assert!(
            report.stdout.head.contains("busybox") && report.stdout.head.ends_with("\nin\n"),
            "{report:?}"
        );
    }
    for job in jobs
        .both(jobs.script("trap '' TERM; setsid sleep 1000 & sleep 1000 & while :; do sleep 1 || :; done"))
    {
        let job =
            ExecJob { timeout: Some(Duration::from_millis(500)), grace: Duration::from_millis(200), ..job };
        let report = exec(&t, &job).await;
        assert_eq!((report.end, report.note), (ExecEnd::TimedOut, None));
    }
    let files = t.files().unwrap();
    let path = sshd.at("file").to_str().unwrap().to_owned();
    files.write(&path, b"content", &runbook_core::port::FileLook::default()).await.unwrap();
    files.keep(&path, &format!("{path}.before")).await.unwrap();
    assert_eq!(files.read(&path, 100).await.unwrap().unwrap(), b"content");
    assert_eq!(files.put(jobs.directory(), &format!("{path}.tree"), &Default::default()).await.err(), None);
    assert_eq!(files.get(&format!("{path}.tree"), &sshd.at("back")).await.err(), None);
    assert_eq!(files.put_back(&path, &format!("{path}.before")).await, Ok(true));
    t.close().await;
    until("capsules are removed", || sshd.capsule_count() == 0).await;
}

/// All at once, in order.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(|one| (Some(Box::pin(one)), None)).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, result) in &mut waiting {
            if let Some(running) = future {
                match running.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => {
                        *result = Some(value);
                        *future = None;
                    }
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        match pending {
            true => std::task::Poll::Pending,
            false => {
                std::task::Poll::Ready(waiting.iter_mut().filter_map(|(_, result)| result.take()).collect())
            }
        }
    })
    .await
}
