//! Commands on this machine: what they get, how they end, and what is left of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod local_support;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use local_support::{
    Collected, Place, argv, bash, connector_for, durable, exec, exec_with, kept, lines, mark, marked, script,
    wait_until,
};
use runbook_core::kind::Target;
use runbook_core::local::{LocalConnector, forget};
use runbook_core::port::{Connector, ExecEnd, ExecJob, Stream};
use runbook_core::run::Captured;
use runbook_core::value::Duration;
use tokio_util::sync::CancellationToken;

/// All ways to run a job must look the same from outside: directly, in a capsule, by a keeper.
fn all(job: ExecJob) -> [ExecJob; 3] {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let other = |make: fn(ExecJob) -> ExecJob| {
        let mut other = make(job.clone());
        other.directory.as_mut_os_string().push(NUMBER.fetch_add(1, Ordering::Relaxed).to_string());
        other
    };
    [job.clone(), other(durable), other(kept)]
}

#[tokio::test]
async fn exit_codes_are_the_commands_own() {
    let place = Place::new();
    for code in [0, 1, 126, 127, 255] {
        for job in all(script(&place, &format!("exit {code}"))) {
            assert_eq!(exec(&job).await.end, ExecEnd::Exited(code), "{job:?}");
        }
    }
    for job in all(argv(&place, &["true"])).into_iter().chain(all(argv(&place, &["/bin/true"]))) {
        assert_eq!(exec(&job).await.end, ExecEnd::Exited(0));
    }
    for job in all(argv(&place, &["false"])) {
        assert_eq!(exec(&job).await.end, ExecEnd::Exited(1));
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_127_and_one_that_may_not_run_is_126() {
    let place = Place::new();
    let plain = place.write("plain", "not a program");
    let no_interpreter = place.program("no-interpreter", "#!/no/such/interpreter\n");
    for (program, code, reason) in [
        ("no-such-program", 127, "no-such-program: command not found\n"),
        ("./no-such-program", 127, "./no-such-program: no such file or directory\n"),
        ("", 127, ": command not found\n"),
        ("/", 126, "/: is a directory\n"),
        (plain.as_str(), 126, "permission denied\n"),
        (no_interpreter.as_str(), 127, "not found"),
    ] {
        for job in all(argv(&place, &[program])) {
            let report = exec(&job).await;
            assert_eq!(report.end, ExecEnd::Exited(code), "{program}");
            assert!(report.stderr.head.contains(reason), "{program}: {:?}", report.stderr);
        }
    }
}

#[tokio::test]
async fn a_program_without_a_first_line_is_a_shell_script() {
    let place = Place::new();
    let program = place.program("bare", "echo \"bare $1\"\nexit 3\n");
    for job in all(argv(&place, &[&program, "a b"])) {
        let report = exec(&job).await;
        assert_eq!((report.end, report.stdout.head.as_str()), (ExecEnd::Exited(3), "bare a b\n"));
    }
}

#[tokio::test]
async fn death_by_a_signal_is_128_and_the_signal() {
    let place = Place::new();
    for (signal, code) in [("TERM", 143), ("KILL", 137), ("INT", 130), ("PIPE", 141), ("USR1", 138)] {
        for job in all(script(&place, &format!("kill -{signal} $$\nsleep 100"))) {
            let report = exec(&job).await;
            assert_eq!(report.end, ExecEnd::Exited(code), "{signal}");
            assert_eq!(report.stderr.head, "", "nobody but the command writes to its output");
        }
    }
}

#[tokio::test]
async fn a_capsule_survives_a_signal_to_its_group() {
    let place = Place::new();
    for signal in ["TERM", "HUP", "INT", "USR1"] {
        let report =
            exec(&durable(script(&place, &format!("trap 'exit 7' {signal}\nkill -{signal} 0\nsleep 100"))))
                .await;
        assert_eq!(report.end, ExecEnd::Exited(7), "{signal}");
        forget(&place.directory()).unwrap();
    }
}

#[tokio::test]
async fn outputs_are_apart_and_input_is_what_was_given_or_empty() {
    let place = Place::new();
    for mut job in all(script(&place, "cat; echo oops >&2")) {
        let report = exec(&job).await;
        assert_eq!((report.stdout, report.stderr), (Captured::default(), Captured::of_text("oops\n")));
        forget(&job.directory).unwrap();
        job.stdin = Some(b"\0one\ntwo".to_vec());
        assert_eq!(exec(&job).await.stdout, Captured::of_text("\0one\ntwo"));
        forget(&job.directory).unwrap();
        job.stdin = Some(vec![b'x'; 200_000]);
        assert_eq!(exec(&job).await.stdout.bytes, 200_000);
    }
}

#[tokio::test]
async fn the_environment_is_the_base_and_what_the_job_adds() {
    let place = Place::new();
    for mut job in all(argv(&place, &["/usr/bin/env"])) {
        job.env = vec![("B".into(), "2 'x' $y".into()), ("A".into(), "job".into())];
        let base = vec![("A".to_owned(), "base".to_owned()), ("C".to_owned(), "привет".to_owned())];
        let report = exec_with(LocalConnector::new(base), &job, Arc::new(())).await;
        let mut got = lines(&report.stdout);
        // A shell sets this itself.
        got.retain(|line| !line.starts_with("PWD="));
        got.sort();
        let token = format!("RUNBOOK_ATTEMPT={}", place.token());
        assert_eq!(got, ["A=job", "B=2 'x' $y", "C=привет", &token]);
    }
}

#[tokio::test]
async fn arguments_arrive_as_they_are() {
    let place = Place::new();
    let hard = ["a b", "", "-n", "$(id)", "'\"\\", "*", "привет, мир 🌍", "line\nline", "--"];
    for job in all(argv(&place, &[&["printf", "[%s]"][..], &hard].concat())) {
        let want: String = hard.iter().map(|argument| format!("[{argument}]")).collect();
        assert_eq!(exec(&job).await.stdout, Captured::of_text(want));
    }
    for job in all(argv(&place, &["echo", "-e", "a"])) {
        assert_eq!(
            exec(&job).await.stdout,
            Captured::of_text("a\n"),
            "the program, not the shell's own `echo`"
        );
    }
    for job in all(argv(&place, &["sh", "-c", "echo $0"])) {
        assert_eq!(exec(&job).await.stdout, Captured::of_text("sh\n"));
    }
}

#[tokio::test]
async fn bytes_that_are_not_text_are_shown_as_such_and_counted() {
    let place = Place::new();
    for job in all(argv(&place, &["printf", r"\377\376ok\0\320"])) {
        let report = exec(&job).await;
        assert_eq!((report.stdout.head.as_str(), report.stdout.bytes), ("\u{fffd}\u{fffd}ok\0\u{fffd}", 6));
    }
}

#[tokio::test]
async fn the_working_directory_is_the_jobs_or_it_does_not_start() {
    let place = Place::new();
    let here = place.root().join("каталог с пробелом");
    std::fs::create_dir(&here).unwrap();
    let here = here.to_str().unwrap().to_owned();
    for mut job in all(script(&place, "pwd")) {
        job.cwd = Some(here.clone());
        assert_eq!(exec(&job).await.stdout, Captured::of_text(format!("{here}\n")));
        forget(&job.directory).unwrap();
        let removed = place.root().join("removed").to_str().unwrap().to_owned();
        for (cwd, why) in [
            ("/no/such", "it does not exist"),
            ("/etc/passwd", "it is not a directory"),
            (&removed, "it does not exist"),
        ] {
            job.cwd = Some(cwd.into());
            let want = ExecEnd::NotStarted(format!("working directory `{cwd}`: {why}"));
            assert_eq!(exec(&job).await.end, want);
        }
    }
    place.program("каталог с пробелом/tool", "#!/bin/sh\necho tool\n");
    for mut job in all(argv(&place, &["./tool"])) {
        job.cwd = Some(here.clone());
        assert_eq!(exec(&job).await.stdout, Captured::of_text("tool\n"));
    }
}

#[tokio::test]
async fn what_cannot_be_said_to_the_system_does_not_start() {
    let place = Place::new();
    for job in all(argv(&place, &["echo", "a\0b"])) {
        assert!(matches!(exec(&job).await.end, ExecEnd::NotStarted(_)));
    }
    for job in all(argv(&place, &["true", &"x".repeat(4 << 20)])) {
        let report = exec(&job).await;
        assert_eq!(report.end, ExecEnd::Exited(126));
        assert_eq!(report.stderr.head, "true: argument list too long\n");
    }
}

#[tokio::test]
async fn scripts_fail_fast() {
    let place = Place::new();
    for make in [script, bash] {
        for job in all(make(&place, "false\necho on")) {
            let report = exec(&job).await;
            assert_eq!((report.end, report.stdout), (ExecEnd::Exited(1), Captured::default()));
        }
        for job in all(make(&place, "echo $RB_UNSET_NAME\necho on")) {
            let report = exec(&job).await;
            assert!(!matches!(report.end, ExecEnd::Exited(0)) && report.stdout.is_empty(), "{report:?}");
            assert!(report.stderr.head.contains("RB_UNSET_NAME"), "{report:?}");
        }
    }
    for job in all(bash(&place, "false | true\necho on")) {
        assert_eq!(exec(&job).await.end, ExecEnd::Exited(1));
    }
    let knows = std::process::Command::new("/bin/sh").args(["-c", "set -o pipefail"]).output().unwrap();
    for job in all(script(&place, "false | true")) {
        assert_eq!(exec(&job).await.end, ExecEnd::Exited(i32::from(knows.status.success())));
    }
    for job in all(bash(&place, "[[ -n ${BASH_VERSION} ]] && echo bash")) {
        assert_eq!(exec(&job).await.stdout, Captured::of_text("bash\n"));
    }
}

#[tokio::test]
async fn a_scripts_text_is_in_no_command_line_and_in_no_file_afterwards() {
    let place = Place::new();
    for job in all(script(&place, "secret=hush-4711\ntr '\\0' ' ' </proc/$$/cmdline /proc/$PPID/cmdline")) {
        let report = exec(&job).await;
        assert!(!report.stdout.head.contains("hush-4711"), "{report:?}");
        assert!(!job.directory.join("script").exists());
    }
    for job in all(script(&place, "stat -c %a \"$0\" \"${0%/*}\"")) {
        assert_eq!(exec(&job).await.stdout, Captured::of_text("600\n700\n"));
    }
}

#[tokio::test]
async fn a_child_that_stays_behind_does_not_hold_the_step_up() {
    let place = Place::new();
    for job in all(script(&place, &format!("echo done; {} sleep 987654 &", mark(&place)))) {
        let report = exec(&job).await;
        assert_eq!((report.end, report.stdout), (ExecEnd::Exited(0), Captured::of_text("done\n")));
        wait_until("it runs on", || marked(&place).len() == 1).await;
        place.kill_marked();
    }
}

#[tokio::test]
async fn a_timeout_ends_everything_the_command_has_started() {
    let place = Place::new();
    let set = mark(&place);
    let text = format!(
        "trap '' TERM
         echo begun
         {set} sleep 987654 &
         {set} setsid sleep 987654 &
         {set} setsid sh -c 'trap \"\" TERM; sleep 987654; sleep 987654' &
         ({set} setsid sleep 987654 &)
         {set} sh -c 'kill -STOP $$; sleep 987654' &
         {set} sh -c 'trap \"\" TERM; while :; do sleep 987654; done'
        "
    );
    for mut job in all(script(&place, &text)) {
        job.timeout = Some(Duration::from_secs(2));
        job.grace = Duration::from_millis(300);
        let (report, ()) = tokio::join!(exec(&job), wait_until("all run", || marked(&place).len() == 8));
        assert_eq!((report.end, report.note), (ExecEnd::TimedOut, None));
        assert_eq!(report.stdout, Captured::of_text("begun\n"));
        assert_eq!(marked(&place), Vec::<i32>::new());
    }
}

#[tokio::test]
async fn a_command_that_obeys_is_not_killed() {
    let place = Place::new();
    for mut job in all(script(&place, "trap 'echo bye; exit 3' TERM\nwhile :; do sleep 0.02; done")) {
        job.timeout = Some(Duration::from_millis(300));
        job.grace = Duration::from_secs(60);
        let report = exec(&job).await;
        assert_eq!((report.end, report.stdout.head.as_str()), (ExecEnd::TimedOut, "bye\n"));
    }
}

#[tokio::test]
async fn a_stop_ends_everything_the_command_has_started() {
    let place = Place::new();
    let set = mark(&place);
    for mut job in all(script(&place, &format!("{set} setsid sleep 987654 & {set} sleep 987654"))) {
        job.grace = Duration::from_millis(300);
        let stop = CancellationToken::new();
        let connector = connector_for(LocalConnector::inherit(), &job);
        let connection = connector.connect(&Target::local()).await.unwrap();
        let running = connection.exec(&job, Arc::new(()), stop.clone());
        let stopping = async {
            wait_until("both run", || marked(&place).len() == 2).await;
            stop.cancel();
        };
        let (report, ()) = tokio::join!(running, stopping);
        assert_eq!((report.end, report.note), (ExecEnd::Cancelled, None));
        assert_eq!(marked(&place), Vec::<i32>::new());
    }
    let stopped = CancellationToken::new();
    stopped.cancel();
    let connection = LocalConnector::inherit().connect(&Target::local()).await.unwrap();
    let report = connection.exec(&script(&place, "true"), Arc::new(()), stopped).await;
    assert!(matches!(report.end, ExecEnd::NotStarted(_)));
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_any_more_is_ended() {
    let place = Place::new();
    let job = script(&place, &format!("{} sleep 987654", mark(&place)));
    {
        let running = exec(&job);
        tokio::pin!(running);
        let begun = wait_until("it runs", || marked(&place).len() == 1);
        tokio::select! { _ = &mut running => panic!("it ended"), () = begun => {} }
    }
    wait_until("it is gone", || marked(&place).is_empty()).await;
    assert!(!job.directory.exists());
}

#[tokio::test]
async fn large_output_needs_no_memory() {
    let place = Place::new();
    const SIZE: u64 = 300_000_000;
    for job in all(script(&place, &format!("head -c {SIZE} /dev/zero | tr '\\0' x"))) {
        let report = exec(&job).await;
        assert_eq!((report.end, report.stdout.bytes), (ExecEnd::Exited(0), SIZE));
        assert_eq!(report.stdout.head, "x".repeat(Captured::ENDS));
        assert_eq!(report.stdout.tail, Some("x".repeat(Captured::ENDS)));
        assert_eq!(report.stdout.file.as_deref(), Some("stdout"));
        let file = job.directory.join("stdout");
        let sum = std::process::Command::new("sha256sum").arg(&file).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        assert_eq!(report.stdout.sha256.as_deref(), sum.split(' ').next());
        forget(&job.directory).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), SIZE, "what the report refers to stays");
        std::fs::remove_file(&file).unwrap();
    }
    assert!(local_support::peak_memory() < 64 << 20, "{} bytes", local_support::peak_memory());
}

#[tokio::test]
async fn the_ends_of_large_output_hold_whole_characters() {
    let place = Place::new();
    for start in ["", "x", "xx"] {
        let job = script(&place, &format!("printf '{start}'; yes 'жэ🌍' | head -n 40000"));
        let report = exec(&job).await;
        let (head, tail) = (report.stdout.head, report.stdout.tail.unwrap());
        assert!(!head.contains('\u{fffd}') && !tail.contains('\u{fffd}'));
        for end in [&head, &tail] {
            assert!((Captured::ENDS - 3..=Captured::ENDS).contains(&end.len()));
        }
        assert!(head.starts_with(&format!("{start}жэ")) && tail.ends_with("🌍\n"));
        std::fs::remove_file(job.directory.join("stdout")).unwrap();
    }
}

#[tokio::test]
async fn output_is_whole_up_to_the_limit() {
    let place = Place::new();
    for (size, whole) in [(Captured::WHOLE, true), (Captured::WHOLE + 1, false)] {
        let report = exec(&script(&place, &format!("head -c {size} /dev/zero"))).await;
        assert_eq!((report.stdout.bytes, report.stdout.whole().is_some()), (size as u64, whole));
        assert_eq!(report.stdout.file.is_some(), !whole);
        assert_eq!(place.directory().exists(), !whole, "what nobody needs is not left behind");
    }
}

#[tokio::test]
async fn output_is_shown_while_it_comes_and_to_its_end() {
    let place = Place::new();
    for job in all(script(
        &place,
        "echo early\necho problem >&2\nwhile [ ! -e \"$GO\" ]; do sleep 0.02; done\necho late",
    )) {
        let go = place.root().join("go");
        let job = ExecJob { env: vec![("GO".into(), go.to_str().unwrap().into())], ..job };
        let shown = Arc::new(Collected::default());
        let running = exec_with(LocalConnector::inherit(), &job, shown.clone());
        let answering = async {
            wait_until("it is shown", || shown.text(Stream::Stdout) == "early\n").await;
            wait_until("it is shown", || shown.text(Stream::Stderr) == "problem\n").await;
            std::fs::write(&go, "").unwrap();
        };
        let (report, ()) = tokio::join!(running, answering);
        assert_eq!(shown.text(Stream::Stdout), "early\nlate\n");
        assert_eq!(report.stdout, Captured::of_text("early\nlate\n"));
        std::fs::remove_file(go).unwrap();
    }
}

#[tokio::test]
async fn nothing_is_left_of_many_commands() {
    let place = Place::new();
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    exec(&script(&place, "true")).await;
    let before = count();
    {
        let jobs = all(script(&place, "echo x; sleep 0.001 &"));
        let mut connections = Vec::new();
        for job in &jobs {
            let connector = connector_for(LocalConnector::inherit(), job);
            connections.push(connector.connect(&Target::local()).await.unwrap());
        }
        for _ in 0..50 {
            for (job, connection) in jobs.iter().zip(&connections) {
                let report = connection.exec(job, Arc::new(()), CancellationToken::new()).await;
                assert_eq!((report.end, report.stdout), (ExecEnd::Exited(0), Captured::of_text("x\n")));
                forget(&job.directory).unwrap();
                assert!(!job.directory.exists());
            }
        }
        for connection in connections {
            connection.close().await;
        }
    }
    assert_eq!(count(), before, "open files");
    let children = || {
        let of = |thread: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default()
        };
        std::fs::read_dir("/proc/self/task").unwrap().map(of).collect::<String>()
    };
    wait_until("no child is left", || children().is_empty()).await;
    assert_eq!(std::fs::read_dir(place.root()).unwrap().count(), 0);
}

#[tokio::test]
async fn files_and_ports_can_be_asked_about() {
    let place = Place::new();
    let file = place.write("file", "12345");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
    let connection = LocalConnector::inherit().connect(&Target::local()).await.unwrap();
    let facts = connection.file_facts(&file).await.unwrap().unwrap();
    assert_eq!((facts.size, facts.is_directory), (5, false));
    assert!(facts.modified <= jiff::Timestamp::now());
    assert!(connection.file_facts(place.root().to_str().unwrap()).await.unwrap().unwrap().is_directory);
    assert_eq!(connection.file_facts(&format!("{file}.none")).await, Ok(None));
    assert_eq!(connection.file_facts(&format!("{file}/below")).await, Ok(None));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(connection.tcp("127.0.0.1", port).await, Ok(()));
    assert_eq!(connection.tcp("localhost", port).await, Ok(()));
    drop(listener);
    let error = connection.tcp("127.0.0.1", port).await.unwrap_err();
    assert!(error.starts_with(&format!("no connection to 127.0.0.1:{port}: Connection refused")), "{error}");
}

#[tokio::test]
async fn a_place_that_cannot_be_written_to_is_named() {
    let place = Place::new();
    let blocked = place.write("blocked", "");
    for mut job in all(script(&place, "true")) {
        job.directory = format!("{blocked}/attempt").into();
        let ExecEnd::NotStarted(why) = exec(&job).await.end else { panic!("it started") };
        assert!(why.contains(&blocked), "{why}");
    }
}
