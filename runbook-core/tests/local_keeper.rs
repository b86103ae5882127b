//! Keepers: one process that holds all durable commands of an engine, and what happens when it does not.
//!
//! What capsules and keepers have in common is in `local_capsule.rs` and `local.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod local_support;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use jiff::Timestamp;
use local_support::{
    Holder, Place, argv, claimed, durable, exec, keeper_program, kept, kill, lines, mark, marked, script,
    wait_until,
};
use runbook_core::kind::Target;
use runbook_core::local::{KeeperProgram, LocalConnector, forget};
use runbook_core::port::{Connection, Connector, ExecEnd, ExecJob, ExecReport, Recovered};
use runbook_core::run::Captured;
use runbook_core::value::Duration;
use tokio_util::sync::CancellationToken;

async fn connection(place: &Place) -> Arc<dyn Connection> {
    let connector = LocalConnector::inherit().with_keeper(keeper_program(&place.directory()));
    connector.connect(&Target::local()).await.unwrap()
}

async fn run(connection: &Arc<dyn Connection>, job: &ExecJob) -> ExecReport {
    connection.exec(job, Arc::new(()), CancellationToken::new()).await
}

async fn recover(job: &ExecJob) -> Recovered {
    let connection = LocalConnector::inherit().connect(&Target::local()).await.unwrap();
    connection.recover(job, Timestamp::now(), Arc::new(()), CancellationToken::new()).await
}

/// The same job in an attempt of its own.
fn numbered(job: ExecJob, number: usize) -> ExecJob {
    let directory = job.directory.parent().unwrap().join(format!("kept-{number}"));
    ExecJob { directory, token: format!("{}/{number}", job.token), ..job }
}

fn claim(job: &ExecJob) -> String {
    fs::read_to_string(job.directory.join("claim")).unwrap()
}

#[tokio::test]
async fn one_keeper_holds_all_and_goes_when_nobody_needs_it() {
    let place = Place::with(Holder::Keeper);
    {
        let connection = connection(&place).await;
        assert_eq!(run(&connection, &script(&place, "true")).await.end, ExecEnd::Exited(0));
        assert_eq!(place.keepers(), Vec::<i32>::new(), "nothing durable, no keeper");
        for number in 0..5 {
            let job = numbered(durable(script(&place, &format!("exit {number}"))), number);
            assert_eq!(run(&connection, &job).await.end, ExecEnd::Exited(number as i32));
            assert_eq!(place.keepers(), [claimed(&job.directory).unwrap()]);
        }
        connection.close().await;
    }
    wait_until("the keeper is gone", || place.keepers().is_empty()).await;
}

#[tokio::test]
async fn a_keeper_waits_for_its_last_command() {
    let place = Place::with(Holder::Keeper);
    let go = place.root().join("go");
    let job = durable(script(&place, "while [ ! -e \"$GO\" ]; do sleep 0.01; done; exit 6"));
    let job = ExecJob { env: vec![("GO".into(), go.to_str().unwrap().into())], ..job };
    {
        let connection = connection(&place).await;
        let running = run(&connection, &job);
        let begun = wait_until("it runs", || {
            fs::read_to_string(job.directory.join("claim")).is_ok_and(|claim| claim.contains("\ncommand "))
        });
        tokio::select! { _ = running => panic!("it ended"), () = begun => {} }
    }
    tokio::time::sleep(StdDuration::from_millis(100)).await;
    assert_eq!(place.keepers().len(), 1);
    fs::write(go, "").unwrap();
    wait_until("the keeper is gone", || place.keepers().is_empty()).await;
    let Recovered::Ended(report) = recover(&job).await else { panic!("not ended") };
    assert_eq!(report.end, ExecEnd::Exited(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_commands_at_once_are_told_apart() {
    let place = Place::with(Holder::Keeper);
    let connection = connection(&place).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let text = format!(
            "sleep 0.$(({number} % 7)); echo out {number}; echo err {number} >&2; exit {}",
            number % 100
        );
        let job = numbered(durable(script(&place, &text)), number);
        let connection = Arc::clone(&connection);
        tasks.spawn(async move { (number, run(&connection, &job).await, claimed(&job.directory)) });
    }
    let mut holders = std::collections::BTreeSet::new();
    while let Some(done) = tasks.join_next().await {
        let (number, report, holder) = done.unwrap();
        assert_eq!(report.end, ExecEnd::Exited((number % 100) as i32));
        assert_eq!(report.stdout, Captured::of_text(format!("out {number}\n")));
        assert_eq!(report.stderr, Captured::of_text(format!("err {number}\n")));
        holders.insert(holder.unwrap());
    }
    assert_eq!(holders.into_iter().collect::<Vec<_>>(), place.keepers());
}

#[tokio::test]
async fn a_keeper_that_is_killed_at_any_moment_repeats_nothing_and_invents_nothing() {
    let (mut known, mut unknown) = (0, 0);
    let chance = RandomState::new();
    for round in 0..200_u64 {
        let place = Place::with(Holder::Keeper);
        let connection = connection(&place).await;
        // So that it is up.
        let warm = numbered(durable(argv(&place, &["true"])), 0);
        assert_eq!(run(&connection, &warm).await.end, ExecEnd::Exited(0));
        let keeper = place.keepers()[0];
        let count = place.root().join("count");
        let mut job = durable(script(&place, "echo run >>\"$COUNT\"; sleep 0.001; exit 5"));
        job.env = vec![("COUNT".into(), count.to_str().unwrap().into())];
        let wait = StdDuration::from_micros(chance.hash_one(round) % 5000);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(wait);
            kill(keeper);
        });
        let report = run(&connection, &job).await;
        killer.join().unwrap();
        let runs = || fs::read_to_string(&count).unwrap_or_default().lines().count();
        match report.end {
            ExecEnd::Exited(5) => {
                assert_eq!(runs(), 1);
                known += 1;
                assert!(
                    matches!(recover(&job).await, Recovered::Ended(again) if again.end == ExecEnd::Exited(5))
                );
            }
            ExecEnd::Lost(why) => {
                assert!(why.starts_with("the command's keeper was killed"), "{why}");
                unknown += 1;
                assert!(matches!(recover(&job).await, Recovered::Unknown(_)));
            }
            other => panic!("after {wait:?}: {other:?}"),
        }
        wait_until("it is over", || !place.is_at_work()).await;
        assert!(runs() <= 1, "after {wait:?}");
        // Nobody runs it again, and others have a keeper again.
        run(&connection, &job).await;
        assert!(runs() <= 1, "after {wait:?}");
        for number in 1..3 {
            let next = numbered(durable(script(&place, "exit 8")), number);
            assert_eq!(run(&connection, &next).await.end, ExecEnd::Exited(8));
        }
        assert!(claim(&numbered(durable(script(&place, "")), 2)).starts_with("keeper "));
    }
    assert!(known > 0 && unknown > 0, "{known} known, {unknown} unknown: the kills hit only one side");
}

#[tokio::test]
async fn without_a_keeper_there_is_a_capsule() {
    let programs: [(&str, &[&str]); 5] = [
        ("/no/such/program", &[]),
        ("/bin/true", &[]),
        ("/bin/sh", &["-c", "echo hello >&0; sleep 100"]),
        ("/bin/sh", &["-c", "printf 'runbook-keeper 0\\r\\n' >&0; sleep 100"]),
        ("/bin/sh", &["-c", "printf 'runbook-keeper 1\\r\\n' >&0"]),
    ];
    for (path, args) in programs {
        let place = Place::new();
        let args = args.iter().map(Into::into).collect();
        let connector = LocalConnector::inherit().with_keeper(KeeperProgram { path: path.into(), args });
        let connection = connector.connect(&Target::local()).await.unwrap();
        for number in 0..3 {
            let job = numbered(durable(script(&place, "cat; exit 3")), number);
            let job = ExecJob { stdin: Some(b"data".into()), ..job };
            let report = run(&connection, &job).await;
            assert_eq!(
                (report.end, report.stdout),
                (ExecEnd::Exited(3), Captured::of_text("data")),
                "{path}"
            );
            assert!(claim(&job).starts_with(|first: char| first.is_ascii_digit()), "{}", claim(&job));
        }
    }
}

#[tokio::test]
async fn a_request_may_be_larger_than_the_pipe() {
    let place = Place::with(Holder::Keeper);
    let mut job = kept(script(&place, "printf '%s' \"$V0$V1$V2$V3$V4$V5$V6$V7$V8$V9\" | wc -c; wc -c"));
    job.env = (0..10).map(|n| (format!("V{n}"), "x".repeat(100_000))).collect();
    job.stdin = Some(vec![b'y'; 3_000_000]);
    let report = exec(&job).await;
    assert_eq!(lines(&report.stdout), ["1000000", "3000000"]);
}

#[tokio::test]
async fn standard_input_has_no_name() {
    let place = Place::with(Holder::Keeper);
    let mut job = kept(argv(&place, &["readlink", "/proc/self/fd/0"]));
    assert_eq!(exec(&job).await.stdout, Captured::of_text("/dev/null\n"));
    forget(&job.directory).unwrap();
    job.stdin = Some(b"secret".into());
    assert_eq!(exec(&job).await.stdout, Captured::of_text("/memfd:runbook-stdin (deleted)\n"));
}

#[tokio::test]
async fn a_stop_reaches_the_tree_and_the_record_says_why() {
    for late in [true, false] {
        let place = Place::with(Holder::Keeper);
        let set = mark(&place);
        let mut job = durable(script(&place, &format!("{set} setsid sleep 987654 & {set} sleep 987654")));
        job.grace = Duration::from_millis(300);
        job.timeout = late.then(|| Duration::from_millis(1500));
        let connection = connection(&place).await;
        let stop = CancellationToken::new();
        let stopping = async {
            wait_until("both run", || marked(&place).len() == 2).await;
            if !late {
                stop.cancel();
            }
        };
        let (report, ()) = tokio::join!(connection.exec(&job, Arc::new(()), stop.clone()), stopping);
        let want = if late { ExecEnd::TimedOut } else { ExecEnd::Cancelled };
        assert_eq!((&report.end, report.note), (&want, None));
        assert_eq!(marked(&place), Vec::<i32>::new());
        assert!(claim(&job).contains("\ncode "), "the keeper has seen the end: {}", claim(&job));
        let Recovered::Ended(again) = recover(&job).await else { panic!("not ended") };
        assert_eq!(again.end, want);
        // The keeper itself is not of the tree.
        let next = numbered(durable(argv(&place, &["true"])), 1);
        assert_eq!(run(&connection, &next).await.end, ExecEnd::Exited(0));
        assert_eq!(claimed(&next.directory), claimed(&job.directory));
    }
}

#[tokio::test]
async fn a_stop_before_the_keeper_has_begun_keeps_it_from_beginning() {
    let place = Place::with(Holder::Keeper);
    let connection = connection(&place).await;
    let warm = numbered(durable(argv(&place, &["true"])), 0);
    assert_eq!(run(&connection, &warm).await.end, ExecEnd::Exited(0));
    let keeper = rustix::process::Pid::from_raw(place.keepers()[0]).unwrap();
    rustix::process::kill_process(keeper, rustix::process::Signal::STOP).unwrap();
    let count = place.root().join("count");
    let mut job = durable(script(&place, "echo run >>\"$COUNT\""));
    job.env = vec![("COUNT".into(), count.to_str().unwrap().into())];
    job.timeout = Some(Duration::from_millis(200));
    assert_eq!(run(&connection, &job).await.end, ExecEnd::TimedOut);
    assert_eq!(claim(&job), "engine\n");
    assert_eq!(recover(&job).await, Recovered::NotStarted);
    rustix::process::kill_process(keeper, rustix::process::Signal::CONT).unwrap();
    let next = numbered(durable(argv(&place, &["true"])), 1);
    assert_eq!(run(&connection, &next).await.end, ExecEnd::Exited(0));
    forget(&job.directory).unwrap();
    assert!(!count.exists() && !job.directory.exists());
}

#[tokio::test]
async fn what_the_system_refuses_is_recorded() {
    let place = Place::with(Holder::Keeper);
    let bad = place.program("bad", "#!/no/such/interpreter\n");
    let job = kept(argv(&place, &[&bad]));
    let report = exec(&job).await;
    assert_eq!(report.end, ExecEnd::Exited(127));
    assert!(claim(&job).ends_with("\ncode 127\n"), "{}", claim(&job));
    let Recovered::Ended(again) = recover(&job).await else { panic!("not ended") };
    assert_eq!(*again, report);
}

/// Says everything about itself that must not depend on how it was started.
const TELL: &str = "
    env | grep -v -e ^PWD= -e ^OLDPWD= -e ^_= | sort
    pwd; umask; ulimit -a
    tr '\\0' '|' </proc/$$/cmdline | sed 's:[^|]*/script:script:'; echo
    grep -e ^Sig[BIC] -e ^ShdPnd -e ^Threads -e ^Uid -e ^NoNewPrivs /proc/self/status
    cut -d' ' -f5,6,7,18,19 /proc/$$/stat | sed \"s/^$$ /own-group /\"
    for fd in /proc/$$/fd/*; do
        case $fd in
        */0) readlink $fd;;
        */1|*/2) stat -L -c '%F %a' $fd; sed -n 's/^flags:.*\\(..\\)00\\(.\\)$/flags: \\1..\\2/p' /proc/$$/fdinfo/${fd##*/};;
        *) # The shell's own, or what whoever runs the tests has left open.
            to=$(readlink $fd) || continue
            case $to in */script|/proc/*|pipe:*) ;; *) echo more: ${fd##*/} $to;; esac;;
        esac
    done
";

/// Prints how a command sees itself in the three ways; in a process of its own, see below.
#[tokio::test]
#[ignore = "is started by other tests"]
async fn teller() {
    let Ok(root) = std::env::var("RB_TELL_ROOT") else { return };
    let place = Place::with(Holder::Keeper);
    let base = ExecJob { env: vec![("MORE".into(), "of it".into())], ..script(&place, TELL) };
    let capsule = ExecJob { directory: place.root().join("capsule"), ..durable(base.clone()) };
    let direct = ExecJob { directory: place.root().join("direct"), ..base.clone() };
    let keeper = kept(base);
    for (name, job) in [("direct", direct), ("capsule", capsule), ("keeper", keeper)] {
        let report = exec(&job).await;
        let text = format!("{:?}\n{}{}", report.end, report.stdout.head, report.stderr.head);
        fs::write(Path::new(&root).join(name), text).unwrap();
    }
}

#[tokio::test]
async fn a_command_cannot_tell_how_it_was_started() {
    for before in ["", "trap '' HUP USR1 QUIT; umask 027; ulimit -n 512; cd /;"] {
        let place = Place::new();
        let status = Command::new("/bin/sh")
            .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "teller", "--ignored"])
            .env("RB_TELL_ROOT", place.root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let told = |name| fs::read_to_string(place.root().join(name)).unwrap();
        let direct = told("direct");
        for needed in ["Exited(0)", "MORE=of it\n", "RUNBOOK_ATTEMPT=", "SigIgn:", "own-group", "/dev/null"] {
            assert!(direct.contains(needed), "{needed}: {direct}");
        }
        assert!(!direct.contains("socket:") && !direct.contains("anon_inode:"), "{direct}");
        assert_eq!(direct.contains("0027"), !before.is_empty(), "{direct}");
        assert_same(&direct, &told("keeper"));
        // A capsule leads the group of its command.
        let but_for_the_group = |text: &str| {
            // The line with the group ends with priority and niceness, whatever the niceness of this test is.
            let is_group = |line: &&str| {
                let numbers: Vec<i32> = line.rsplit(' ').take(2).filter_map(|n| n.parse().ok()).collect();
                matches!(numbers[..], [nice, priority] if priority == 20 + nice)
            };
            text.lines().filter(|line| !is_group(line)).collect::<Vec<_>>().join("\n")
        };
        assert_same(&but_for_the_group(&direct), &but_for_the_group(&told("capsule")));
    }
}

/// Compares line by line: the whole is long.
fn assert_same(left: &str, right: &str) {
    let differ: Vec<_> = left.lines().zip(right.lines()).filter(|(left, right)| left != right).collect();
    assert!(differ.is_empty() && left.lines().count() == right.lines().count(), "{differ:#?}");
}

/// Changes its directory between two jobs.
#[tokio::test]
#[ignore = "is started by other tests"]
async fn mover() {
    let Ok(root) = std::env::var("RB_MOVE_ROOT") else { return };
    let place = Place::with(Holder::Keeper);
    let connection = connection(&place).await;
    let mut told = String::new();
    for (number, to) in [".", "/", root.as_str()].into_iter().enumerate() {
        std::env::set_current_dir(to).unwrap();
        let job = numbered(durable(argv(&place, &["pwd"])), number);
        told += &run(&connection, &job).await.stdout.head;
    }
    fs::write(Path::new(&root).join("told"), told).unwrap();
}

#[tokio::test]
async fn an_engine_that_has_moved_is_where_it_is() {
    let place = Place::new();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "mover", "--ignored"])
        .current_dir("/tmp")
        .env("RB_MOVE_ROOT", place.root())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let told = fs::read_to_string(place.root().join("told")).unwrap();
    assert_eq!(told, format!("/tmp\n/\n{}\n", place.root().display()));
}
