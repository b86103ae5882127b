//! Commands in real containers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use common::{Container, Jobs, Shown, connect, docker, docker_says, engine_is_there, run, target, unique};
use jiff::Timestamp;
use runbook_core::port::{ExecCommand, ExecEnd, Recovered, Stream};
use runbook_core::run::Captured;
use runbook_core::value::Duration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn commands_and_scripts_end_as_they_say() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("ends");
    let connection = container.connect().await;
    let jobs = Jobs::new();

    let report = run(&*connection, &jobs.argv(&["printf", "%s|", "a b", "", "$HOME", "'\"ящик"])).await;
    assert_eq!(report.end, ExecEnd::Exited(0), "{report:?}");
    assert_eq!(report.stdout.head, "a b||$HOME|'\"ящик|");
    for code in [1, 126, 127, 137, 255] {
        let report = run(&*connection, &jobs.argv(&["sh", "-c", &format!("exit {code}")])).await;
        assert_eq!(report.end, ExecEnd::Exited(code));
    }
    let report = run(&*connection, &jobs.argv(&["sh", "-c", "kill -9 $$"])).await;
    assert_eq!(report.end, ExecEnd::Exited(137));

    let mut job = jobs.script("echo out\necho err >&2\nfalse\necho never\n");
    job.durable = false;
    let report = run(&*connection, &job).await;
    assert_eq!(
        (&report.end, &*report.stdout.head, &*report.stderr.head),
        (&ExecEnd::Exited(1), "out\n", "err\n")
    );
    let report = run(&*connection, &jobs.script("echo $unset_variable")).await;
    assert!(matches!(report.end, ExecEnd::Exited(code) if code != 0), "{report:?}");
    let report = run(&*connection, &jobs.script("cat; echo \"end: $#\"")).await;
    assert_eq!(report.stdout.head, "end: 0\n", "a script without input must not read itself");
    let mut bash = jobs.script("");
    let text = "set -o | grep pipefail; a=(x y); echo ${#a[@]}; false | true".to_owned();
    bash.command = ExecCommand::Script { shell: runbook_core::model::Shell::Bash, text };
    let report = run(&*connection, &bash).await;
    assert_eq!(report.end, ExecEnd::Exited(1));
    assert!(report.stdout.head.contains("on\n2\n"), "{report:?}");
}

#[tokio::test]
async fn environment_directory_user_and_input_are_the_jobs_own() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("own");
    let jobs = Jobs::new();
    let connection = container.connect().await;

    let input = "строка\\n с \\ чертой\n\0\x01binary";
    let mut job = jobs.script("pwd; echo \"$NAME\"; cat\n# a comment in the last line");
    job.env = vec![("NAME".into(), "two\nlines и кириллица".into())];
    job.cwd = Some("/var/lib".into());
    job.stdin = Some(input.into());
    let report = run(&*connection, &job).await;
    assert_eq!(report.end, ExecEnd::Exited(0), "{report:?}");
    assert_eq!(report.stdout.head, format!("/var/lib\ntwo\nlines и кириллица\n{input}"));

    let mut job = jobs.argv(&["wc", "-c"]);
    job.stdin = Some(vec![b'x'; 5_000_000]);
    assert_eq!(run(&*connection, &job).await.stdout.head.trim(), "5000000");
    // Who reads nothing does not hold it up.
    let mut job = jobs.argv(&["true"]);
    job.stdin = Some(vec![b'x'; 5_000_000]);
    assert_eq!(run(&*connection, &job).await.end, ExecEnd::Exited(0));

    let as_redis = connect(&target("container", json!({"name": container.name, "user": "redis"}))).await;
    assert_eq!(run(&*as_redis, &jobs.argv(&["id", "-un"])).await.stdout.head.trim(), "redis");
}

#[tokio::test]
async fn what_cannot_begin_says_so() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("cannot");
    let connection = container.connect().await;
    let jobs = Jobs::new();

    let report = run(&*connection, &jobs.argv(&["no-such-program"])).await;
    assert_eq!(report.end, ExecEnd::Exited(127), "{report:?}");
    assert!(report.stderr.head.contains("no-such-program") && report.stdout.is_empty(), "{report:?}");
    let report = run(&*connection, &jobs.argv(&["/etc/passwd"])).await;
    assert_eq!(report.end, ExecEnd::Exited(126), "{report:?}");
    let mut job = jobs.argv(&["true"]);
    job.cwd = Some("/no/such/place".into());
    let report = run(&*connection, &job).await;
    assert!(matches!(&report.end, ExecEnd::NotStarted(why) if why.contains("/no/such/place")), "{report:?}");
    let nobody = connect(&target("container", json!({"name": container.name, "user": "no-such-user"}))).await;
    let report = run(&*nobody, &jobs.argv(&["true"])).await;
    assert!(matches!(&report.end, ExecEnd::NotStarted(why) if why.contains("no-such-user")), "{report:?}");

    let absent = connect(&target("container", json!({"name": unique("absent")}))).await;
    let report = run(&*absent, &jobs.argv(&["true"])).await;
    assert!(
        matches!(&report.end, ExecEnd::NotStarted(why) if why.contains("there is no container")),
        "{report:?}"
    );
    docker_says(&["stop", &container.name]);
    let report = run(&*connection, &jobs.argv(&["true"])).await;
    assert!(matches!(&report.end, ExecEnd::NotStarted(why) if why.contains("is not running")), "{report:?}");
}

#[tokio::test]
async fn output_streams_and_large_output_goes_to_a_file() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("output");
    let connection = container.connect().await;
    let jobs = Jobs::new();

    let shown = Arc::new(Shown::default());
    let job = jobs.script("echo первая; mkfifo /tmp/gate; read line </tmp/gate; echo \"got $line\" >&2");
    let running = connection.exec(&job, shown.clone(), CancellationToken::new());
    let opening = async {
        shown.until("первая\n").await;
        docker_says(&[
            "exec",
            &container.name,
            "sh",
            "-c",
            "until [ -p /tmp/gate ]; do :; done; echo open >/tmp/gate",
        ]);
    };
    let (report, ()) = tokio::join!(running, opening);
    assert_eq!(report.end, ExecEnd::Exited(0));
    assert_eq!(shown.text(Stream::Stderr), "got open\n");

    let mut job = jobs.argv(&["sh", "-c", "head -c 100000000 /dev/zero | tr '\\0' 'x'; printf 'конец'"]);
    job.timeout = Some(Duration::from_secs(300));
    for durable in [true, false] {
        job.durable = durable;
        job.token = unique("large");
        job.directory = jobs.path(&job.token);
        let report = run(&*connection, &job).await;
        assert_eq!(report.end, ExecEnd::Exited(0));
        assert_eq!(report.stdout.bytes, 100_000_010);
        assert!(report.stdout.tail.as_deref().unwrap().ends_with("xконец"));
        assert_eq!(
            std::fs::metadata(job.directory.join(report.stdout.file.unwrap())).unwrap().len(),
            100_000_010
        );
    }
    let binary = run(&*connection, &jobs.argv(&["printf", "\\377\\000\\001ok"])).await;
    assert_eq!(binary.stdout, Captured { bytes: 5, ..Captured::of_text("\u{fffd}\0\u{1}ok") });
}

#[tokio::test]
async fn what_outlives_its_command_does_not_hold_it_up() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("outlives");
    let connection = container.connect().await;
    let jobs = Jobs::new();
    let report = run(&*connection, &jobs.script("sleep 600 &\necho started")).await;
    assert_eq!((&report.end, &*report.stdout.head), (&ExecEnd::Exited(0), "started\n"));
    assert_eq!(container.says("pgrep -c sleep"), "2", "only the container's own and this one");
    // Closed output is not the end either.
    let report = run(&*connection, &jobs.script("exec >&- 2>&-; sleep 1; exit 5")).await;
    assert_eq!(report.end, ExecEnd::Exited(5));
}

#[tokio::test]
async fn time_limits_and_stops_end_everything_inside() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("stops");
    let jobs = Jobs::new();
    // One that ignores TERM, one in a session of its own, one in the background.
    let text = "trap '' TERM; setsid sleep 601 & sleep 602 & echo ready; sleep 603";
    for user in [None, Some("redis")] {
        let connection = connect(&target("container", json!({"name": container.name, "user": user}))).await;
        let mut job = jobs.script(text);
        job.timeout = Some(Duration::from_secs(1));
        let report = run(&*connection, &job).await;
        assert_eq!((report.end, report.note), (ExecEnd::TimedOut, None));
        assert_eq!(report.stdout.head, "ready\n");
        assert_eq!(container.says("pgrep -a sleep | grep -c 60 || true"), "0");

        let stop = CancellationToken::new();
        let shown = Arc::new(Shown::default());
        let job = jobs.script(text);
        let stopping = async {
            shown.until("ready").await;
            stop.cancel();
        };
        let (report, ()) = tokio::join!(connection.exec(&job, shown.clone(), stop.clone()), stopping);
        assert_eq!((report.end, report.note), (ExecEnd::Cancelled, None));
        assert_eq!(container.says("pgrep -a sleep | grep -c 60 || true"), "0");
    }
    let stop = CancellationToken::new();
    stop.cancel();
    let connection = container.connect().await;
    let report = connection.exec(&jobs.argv(&["touch", "/tmp/begun"]), Arc::new(()), stop).await;
    assert!(matches!(report.end, ExecEnd::NotStarted(_)));
    assert!(container.says("ls /tmp/begun 2>&1 || true").contains("No such file"));
}

#[tokio::test]
async fn a_lost_engine_finds_out_what_became_of_it() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("lost");
    let jobs = Jobs::new();
    let job = jobs.script("echo begun >>/tmp/log; echo before; sleep 2; echo after; exit 7");
    let shown = Arc::new(Shown::default());
    {
        let connection = container.connect().await;
        let running = connection.exec(&job, shown.clone(), CancellationToken::new());
        tokio::select! {
            report = running => panic!("{report:?}"),
            () = shown.until("before") => {}
        }
    }
    let connection = container.connect().await;
    let recover = || connection.recover(&job, Timestamp::now(), Arc::new(()), CancellationToken::new());
    // Once while it runs, once when it has ended, and once more by somebody who would begin it.
    for _ in 0..2 {
        let Recovered::Ended(report) = recover().await else { panic!("not ended") };
        assert_eq!(report.end, ExecEnd::Exited(7));
        assert!(report.stdout.head.starts_with("before\n"), "{report:?}");
        assert!(report.note.is_some_and(|note| note.contains("not known")));
    }
    let report = run(&*connection, &job).await;
    assert_eq!(report.end, ExecEnd::Exited(7));
    assert_eq!(container.says("cat /tmp/log"), "begun", "it ran once");

    let never = jobs.argv(&["touch", "/tmp/never"]);
    let found = connection.recover(&never, Timestamp::now(), Arc::new(()), CancellationToken::new()).await;
    assert_eq!(found, Recovered::NotStarted);
    assert!(matches!(run(&*connection, &never).await.end, ExecEnd::NotStarted(_)), "given up is given up");
}

#[tokio::test]
async fn a_container_that_is_restarted_leaves_a_doubt() {
    if !engine_is_there() {
        return;
    }
    let jobs = Jobs::new();
    for end in ["restart", "kill", "stop", "rm"] {
        let container = Container::idle(end);
        let connection = container.connect().await;
        let shown = Arc::new(Shown::default());
        let job = jobs.script("echo begun; sleep 600");
        let ending = async {
            shown.until("begun").await;
            let args: &[&str] = if end == "rm" { &["rm", "-f"] } else { &[end] };
            assert!(docker(&[args, &[&*container.name]].concat()).status.success());
        };
        let (report, ()) =
            tokio::join!(connection.exec(&job, shown.clone(), CancellationToken::new()), ending);
        assert!(
            matches!(&report.end, ExecEnd::Lost(why) if why.contains("while the command ran") || why.contains("no longer knows")),
            "{end}: {report:?}"
        );
        assert_eq!(report.stdout.head, "begun\n");
    }
    // The same for an engine that comes later.
    let container = Container::idle("later");
    let connection = container.connect().await;
    let shown = Arc::new(Shown::default());
    let job = jobs.script("echo begun; sleep 600");
    tokio::select! {
        report = connection.exec(&job, shown.clone(), CancellationToken::new()) => panic!("{report:?}"),
        () = shown.until("begun") => {}
    }
    docker_says(&["restart", &container.name]);
    let found = connection.recover(&job, Timestamp::now(), Arc::new(()), CancellationToken::new()).await;
    assert!(matches!(found, Recovered::Unknown(_)), "{found:?}");
}

#[tokio::test]
async fn memory_that_ran_out_is_named() {
    if !engine_is_there() {
        return;
    }
    let container = Container::with("memory", &["--init", "--memory=64m"], &["sleep", "infinity"]);
    let connection = container.connect().await;
    let jobs = Jobs::new();
    let report = run(&*connection, &jobs.argv(&["python3", "-c", "x = bytearray(500_000_000)"])).await;
    assert_eq!(report.end, ExecEnd::Exited(137), "{report:?}");
    assert!(report.note.as_deref().is_some_and(|note| note.contains("out of memory")), "{report:?}");
}

#[tokio::test]
async fn ports_and_files_are_the_containers_own() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("ports");
    let connection = container.connect().await;
    assert!(connection.tcp("localhost", 6379).await.is_err());
    container.says(
        "redis-server --daemonize yes --save '' >/dev/null; until redis-cli ping >/dev/null 2>&1; do :; done",
    );
    connection.tcp("localhost", 6379).await.unwrap();

    container.says("printf 12345 >'/tmp/файл с пробелом'; touch -d @1700000000 '/tmp/файл с пробелом'; ln -s /etc/nope /tmp/broken");
    let facts = connection.file_facts("/tmp/файл с пробелом").await.unwrap().unwrap();
    assert_eq!((facts.size, facts.modified.as_second(), facts.is_directory), (5, 1_700_000_000, false));
    assert!(connection.file_facts("/etc").await.unwrap().unwrap().is_directory);
    for absent in ["/tmp/absent", "/etc/passwd/x", "/tmp/broken", "-x"] {
        assert_eq!(connection.file_facts(absent).await, Ok(None), "{absent}");
    }
}

#[tokio::test]
async fn a_service_is_found_by_its_labels() {
    if !engine_is_there() {
        return;
    }
    let (one, two) = (unique("one"), unique("two"));
    let labelled = |what: &str, project: &str, number: u32, command: &[&str]| {
        let labels = [
            format!("--label=com.docker.compose.project={project}"),
            "--label=com.docker.compose.service=api".to_owned(),
            format!("--label=com.docker.compose.container-number={number}"),
            "--label=com.docker.compose.oneoff=False".to_owned(),
        ];
        let options: Vec<&str> = std::iter::once("--init").chain(labels.iter().map(String::as_str)).collect();
        Container::with(what, &options, command)
    };
    let idle = &["sleep", "infinity"][..];
    let _stopped = labelled("stopped", &one, 1, &["true"]);
    let first = labelled("first", &one, 2, idle);
    let _second = labelled("second", &one, 3, idle);
    let _other = labelled("other", &two, 1, idle);
    first.says("touch /tmp/here");
    let jobs = Jobs::new();
    let service = |compose: serde_json::Value| target("service", json!({"name": "api", "compose": compose}));
    let connection = connect(&service(json!({"project": one}))).await;
    let report = run(&*connection, &jobs.argv(&["ls", "/tmp/here"])).await;
    assert_eq!(report.end, ExecEnd::Exited(0), "{report:?}");

    let connection = connect(&service(json!({}))).await;
    let report = run(&*connection, &jobs.argv(&["true"])).await;
    assert!(
        matches!(&report.end, ExecEnd::NotStarted(why) if why.contains(&one) && why.contains(&two)),
        "{report:?}"
    );
    let connection = connect(&service(json!({"project": unique("absent")}))).await;
    let report = run(&*connection, &jobs.argv(&["true"])).await;
    assert!(
        matches!(&report.end, ExecEnd::NotStarted(why) if why.contains("has no container")),
        "{report:?}"
    );
}
