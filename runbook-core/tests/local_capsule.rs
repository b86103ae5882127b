//! Durable commands on this machine: known when their engine is gone, and never run twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod local_support;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use jiff::{SignedDuration, Timestamp};
use local_support::{
    Collected, Holder, Place, argv, claimed, durable, exec, kill, mark, marked, script, wait_until,
};
use runbook_core::kind::Target;
use runbook_core::local::{LocalConnector, forget};
use runbook_core::port::{Connector, ExecEnd, ExecJob, ExecReport, OutputSink, Recovered, Stream};
use runbook_core::run::Captured;
use runbook_core::value::Duration;
use tokio_util::sync::CancellationToken;

const CAPSULE: &str = include_str!("../src/local/capsule.sh");

/// The same promises, whoever holds the command.
macro_rules! whoever_holds_it {
    ($($name:ident),* $(,)?) => {
        mod in_a_capsule {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Holder::Capsule).await;
            })*
        }
        mod by_a_keeper {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Holder::Keeper).await;
            })*
        }
    };
}

whoever_holds_it!(
    a_killed_engine_loses_and_repeats_nothing,
    of_two_engines_one_runs_it_and_both_know_the_end,
    what_never_began_never_will,
    a_running_command_is_waited_for_and_shown,
    a_running_command_is_still_ended_in_time_and_on_request,
    a_killed_holder_leaves_the_outcome_unknown,
    a_stranger_with_the_holders_process_id_is_not_waited_for,
    after_a_restart_of_the_machine_only_a_recorded_end_is_known,
    large_output_is_recovered_like_any_other,
    it_changes_no_variable_of_the_command,
);

/// A job that adds a line to a file, whose number says how often it ran.
fn counting(place: &Place, rest: &str) -> ExecJob {
    let mut job = durable(script(place, &format!("echo run >>\"$COUNT\"\n{rest}")));
    job.env = vec![("COUNT".into(), place.root().join("count").to_str().unwrap().into())];
    job
}

fn runs(place: &Place) -> usize {
    fs::read_to_string(place.root().join("count")).unwrap_or_default().lines().count()
}

/// A capsule as an engine starts it, for the command `sh -c text`.
fn capsule(place: &Place, text: &str) -> Child {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    Command::new("/bin/sh")
        .args(["-c", CAPSULE, "runbook-capsule"])
        .arg(place.directory())
        .args([boot.trim(), &place.token(), "sh", "-c", text])
        .env("COUNT", place.root().join("count"))
        .env("RUNBOOK_ATTEMPT", place.token())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

async fn recover(job: &ExecJob) -> Recovered {
    recover_with(job, Timestamp::now(), Arc::new(()), CancellationToken::new()).await
}

async fn recover_with(
    job: &ExecJob,
    started: Timestamp,
    output: Arc<dyn OutputSink>,
    stop: CancellationToken,
) -> Recovered {
    let connection = LocalConnector::inherit().connect(&Target::local()).await.unwrap();
    connection.recover(job, started, output, stop).await
}

fn ended(recovered: Recovered) -> ExecReport {
    match recovered {
        Recovered::Ended(report) => *report,
        other => panic!("{other:?}"),
    }
}

/// What is said of a command whose holder was killed.
fn was_killed(holder: Holder) -> &'static str {
    match holder {
        Holder::Capsule => "the command's capsule was killed",
        Holder::Keeper => "the command's keeper was killed",
    }
}

/// The claim of a holder that has this process's id, but is another.
fn claim_of(holder: Holder, boot: &str) -> String {
    match holder {
        Holder::Capsule => format!("{} {boot}\n", std::process::id()),
        Holder::Keeper => format!("keeper {} 1 {boot}\n", std::process::id()),
    }
}

/// The engine of the tests below, in a process of its own: runs one job, and tells just before.
#[tokio::test]
#[ignore = "is started by other tests"]
async fn engine() {
    let Ok(text) = std::env::var("RB_ENGINE_SCRIPT") else { return };
    let root = std::env::var("RB_ENGINE_ROOT").unwrap();
    let holder = if std::env::var("RB_ENGINE_KEEPS").is_ok() { Holder::Keeper } else { Holder::Capsule };
    let job = job_of_engine(Path::new(&root), holder, &text);
    fs::write(format!("{root}/begun"), "").unwrap();
    exec(&job).await;
    fs::write(format!("{root}/ended"), "").unwrap();
}

fn job_of_engine(root: &Path, holder: Holder, text: &str) -> ExecJob {
    let place = Place::with(holder);
    let mut job = durable(script(&place, text));
    job.directory = root.join(place.directory().file_name().unwrap());
    job.token = format!("token-of-{}", root.display());
    job.env = vec![("COUNT".into(), root.join("count").to_str().unwrap().into())];
    job
}

fn start_engine(place: &Place, holder: Holder, text: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if holder == Holder::Keeper {
        command.env("RB_ENGINE_KEEPS", "1");
    }
    command
        .args(["--exact", "engine", "--ignored"])
        .env("RB_ENGINE_SCRIPT", text)
        .env("RB_ENGINE_ROOT", place.root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn a_killed_engine_loses_and_repeats_nothing(holder: Holder) {
    const TEXT: &str = "echo run >>\"$COUNT\"; echo out; sleep 0.002; exit 5";
    let (mut never, mut once) = (0, 0);
    for round in 0..150 {
        let place = Place::with(holder);
        let mut engine = start_engine(&place, holder, TEXT);
        let (begun, limit) = (place.root().join("begun"), Instant::now() + StdDuration::from_secs(20));
        while !begun.exists() {
            assert!(Instant::now() < limit, "the engine never began");
            std::hint::spin_loop();
        }
        // Most of what can go wrong lies in the first moments, the end of the command in the later ones.
        // A keeper takes a while to come up.
        let early = if holder == Holder::Keeper { 12_000 } else { 1000 };
        let wait = RandomState::new().hash_one(round) % if round % 3 == 0 { early + 7000 } else { early };
        let begin = Instant::now();
        while begin.elapsed() < StdDuration::from_micros(wait) {
            std::hint::spin_loop();
        }
        engine.kill().unwrap();
        engine.wait().unwrap();
        let job = job_of_engine(place.root(), holder, TEXT);
        match recover(&job).await {
            Recovered::NotStarted => {
                let late = || place.is_at_work() || !place.keepers().is_empty();
                wait_until("nobody comes late any more", || !late()).await;
                assert_eq!(runs(&place), 0, "after {wait} µs");
                never += 1;
            }
            Recovered::Ended(report) => {
                assert_eq!((&report.end, &report.stdout), (&ExecEnd::Exited(5), &Captured::of_text("out\n")));
                assert_eq!(runs(&place), 1, "after {wait} µs");
                assert_eq!(ended(recover(&job).await), *report, "the answer is the same when asked again");
                once += 1;
            }
            Recovered::Unknown(why) => panic!("after {wait} µs: {why}"),
        }
        assert!(!job.directory.join("script").exists());
        assert!(matches!(exec(&job).await.end, ExecEnd::Exited(5) | ExecEnd::NotStarted(_)));
        assert!(runs(&place) <= 1, "starting it again does not run it again");
    }
    assert!(never > 0 && once > 0, "{never} never, {once} once: the kills hit only one side");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_capsules_one_runs() {
    for _ in 0..200 {
        let place = Place::new();
        fs::create_dir(place.directory()).unwrap();
        let mut both = [(); 2].map(|()| capsule(&place, "echo run >>\"$COUNT\"; exit 9"));
        let mut codes = both.each_mut().map(|child| child.wait().unwrap().code());
        codes.sort();
        assert_eq!((codes, runs(&place)), ([Some(0), Some(9)], 1));
    }
}

async fn of_two_engines_one_runs_it_and_both_know_the_end(holder: Holder) {
    for _ in 0..100 {
        let place = Place::with(holder);
        let job = counting(&place, "echo out; exit 9");
        let other = job.clone();
        let (one, two) = tokio::join!(tokio::spawn(async move { exec(&job).await }), exec(&other));
        assert_eq!(runs(&place), 1);
        assert_eq!(one.unwrap(), two);
        assert_eq!((two.end, two.stdout), (ExecEnd::Exited(9), Captured::of_text("out\n")));
    }
}

#[tokio::test]
async fn a_capsule_and_a_recovery_agree_who_was_first() {
    for round in 0..200 {
        let place = Place::new();
        fs::create_dir(place.directory()).unwrap();
        let job = counting(&place, "");
        let mut late = capsule(&place, "echo run >>\"$COUNT\"");
        std::thread::sleep(StdDuration::from_micros(RandomState::new().hash_one(round) % 1500));
        let found = recover(&job).await;
        late.wait().unwrap();
        match found {
            Recovered::NotStarted => assert_eq!(runs(&place), 0),
            Recovered::Ended(report) => assert_eq!((report.end, runs(&place)), (ExecEnd::Exited(0), 1)),
            Recovered::Unknown(why) => panic!("{why}"),
        }
    }
}

async fn what_never_began_never_will(holder: Holder) {
    let place = Place::with(holder);
    let job = counting(&place, "");
    assert_eq!(recover(&job).await, Recovered::NotStarted);
    assert_eq!(recover(&job).await, Recovered::NotStarted);
    assert!(matches!(exec(&job).await.end, ExecEnd::NotStarted(_)));
    assert!(capsule(&place, "echo run >>\"$COUNT\"").wait().unwrap().success());
    forget(&job.directory).unwrap();
    assert!(capsule(&place, "echo run >>\"$COUNT\"").wait().unwrap().success());
    assert_eq!((runs(&place), job.directory.exists()), (0, false));
}

#[tokio::test]
async fn a_capsule_that_died_while_it_claimed_has_not_begun() {
    let place = Place::new();
    let job = counting(&place, "");
    fs::create_dir(place.directory()).unwrap();
    fs::write(place.directory().join("claim"), "").unwrap();
    assert_eq!(recover(&job).await, Recovered::NotStarted);
    assert!(capsule(&place, "echo run >>\"$COUNT\"").wait().unwrap().success());
    assert_eq!(runs(&place), 0);
}

async fn a_running_command_is_waited_for_and_shown(holder: Holder) {
    let place = Place::with(holder);
    let text = "echo early; while [ ! -e \"$COUNT\" ]; do sleep 0.02; done; echo late; exit 4";
    let mut engine = start_engine(&place, holder, text);
    let job = job_of_engine(place.root(), holder, text);
    wait_until("it runs", || fs::read_to_string(job.directory.join("stdout")).is_ok_and(|t| t == "early\n"))
        .await;
    engine.kill().unwrap();
    engine.wait().unwrap();
    let shown = Arc::new(Collected::default());
    let answering = async {
        wait_until("it is shown", || shown.text(Stream::Stdout) == "early\n").await;
        fs::write(place.root().join("count"), "").unwrap();
    };
    let recovering = recover_with(&job, Timestamp::now(), shown.clone(), CancellationToken::new());
    let (found, ()) = tokio::join!(recovering, answering);
    let report = ended(found);
    assert_eq!((report.end, report.stdout), (ExecEnd::Exited(4), Captured::of_text("early\nlate\n")));
    assert_eq!(shown.text(Stream::Stdout), "early\nlate\n");
}

async fn a_running_command_is_still_ended_in_time_and_on_request(holder: Holder) {
    for late in [true, false] {
        let place = Place::with(holder);
        let set = mark(&place);
        let text = format!(
            "echo begun; {set} setsid sleep 987654 & trap '' TERM; {set} sleep 987654; {set} sleep 987654"
        );
        let mut engine = start_engine(&place, holder, &text);
        wait_until("both run", || marked(&place).len() == 2).await;
        engine.kill().unwrap();
        engine.wait().unwrap();
        let mut job = job_of_engine(place.root(), holder, &text);
        job.grace = Duration::from_millis(200);
        let stop = CancellationToken::new();
        let mut started = Timestamp::now();
        let want = if late {
            job.timeout = Some(Duration::from_millis(60_500));
            started -= SignedDuration::from_secs(60);
            ExecEnd::TimedOut
        } else {
            stop.cancel();
            ExecEnd::Cancelled
        };
        let report = ended(recover_with(&job, started, Arc::new(()), stop).await);
        assert_eq!((&report.end, report.note), (&want, None));
        assert_eq!(report.stdout, Captured::of_text("begun\n"));
        assert_eq!(marked(&place), Vec::<i32>::new());
        assert_eq!(ended(recover(&job).await).end, want, "the next engine is told the same");
    }
}

async fn a_killed_holder_leaves_the_outcome_unknown(holder: Holder) {
    let place = Place::with(holder);
    let job = counting(&place, &format!("{} sleep 987654", mark(&place)));
    let killing = async {
        wait_until("it runs", || marked(&place).len() == 1).await;
        kill(claimed(&job.directory).unwrap());
    };
    let (report, ()) = tokio::join!(exec(&job), killing);
    let ExecEnd::Lost(why) = report.end else { panic!("{:?}", report.end) };
    assert!(why.starts_with(&format!("{}; still running: process ", was_killed(holder))), "{why}");
    let Recovered::Unknown(again) = recover(&job).await else { panic!("not unknown") };
    assert!(again.contains("(sleep)"), "{again}");
    assert_eq!(runs(&place), 1);
}

async fn a_stranger_with_the_holders_process_id_is_not_waited_for(holder: Holder) {
    let place = Place::with(holder);
    let job = counting(&place, "");
    fs::create_dir(place.directory()).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let claim = claim_of(holder, boot.trim());
    fs::write(place.directory().join("claim"), claim).unwrap();
    assert_eq!(recover(&job).await, Recovered::Unknown(was_killed(holder).into()));
}

async fn after_a_restart_of_the_machine_only_a_recorded_end_is_known(holder: Holder) {
    let place = Place::with(holder);
    let job = counting(&place, "");
    let before = Timestamp::now() - SignedDuration::from_hours(24 * 3650);
    let found = recover_with(&job, before, Arc::new(()), CancellationToken::new()).await;
    assert!(matches!(&found, Recovered::Unknown(why) if why.contains("restarted")), "{found:?}");
    fs::create_dir(place.directory()).unwrap();
    let claim = claim_of(holder, "another-boot");
    fs::write(place.directory().join("claim"), &claim).unwrap();
    let found = recover(&job).await;
    assert!(matches!(&found, Recovered::Unknown(why) if why.contains("restarted")), "{found:?}");
    let leave = |code: &str| match holder {
        Holder::Capsule => fs::write(place.directory().join("code"), code).unwrap(),
        Holder::Keeper => {
            fs::write(place.directory().join("claim"), format!("{claim}command 7\ncode {code}")).unwrap();
        }
    };
    leave("3");
    assert!(
        matches!(recover(&job).await, Recovered::Unknown(_)),
        "a code without its newline is not complete"
    );
    leave("33\n");
    let found = recover_with(&job, before, Arc::new(()), CancellationToken::new()).await;
    assert_eq!(ended(found).end, ExecEnd::Exited(33));
}

#[tokio::test]
async fn a_claim_that_no_capsule_wrote_is_not_taken_for_an_answer() {
    let place = Place::new();
    fs::create_dir(place.directory()).unwrap();
    fs::write(place.directory().join("claim"), "nonsense\n").unwrap();
    let job = counting(&place, "");
    assert!(matches!(recover(&job).await, Recovered::Unknown(_)));
    assert!(matches!(exec(&job).await.end, ExecEnd::NotStarted(_)));
    assert_eq!(runs(&place), 0);
}

async fn large_output_is_recovered_like_any_other(holder: Holder) {
    let place = Place::with(holder);
    let job = durable(argv(&place, &["head", "-c", "1000000", "/dev/zero"]));
    let report = exec(&job).await;
    assert_eq!(report.stdout.bytes, 1_000_000);
    assert_eq!(ended(recover(&job).await), report);
    forget(&job.directory).unwrap();
    let mut left: Vec<_> =
        fs::read_dir(&job.directory).unwrap().map(|item| item.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["claim", "stdout"], "the claim goes last: nobody runs it here again");
}

async fn it_changes_no_variable_of_the_command(holder: Holder) {
    let place = Place::with(holder);
    for name in ["d", "code", "dir", "claim", "x", "PS1", "LANG"] {
        let mut job = durable(argv(&place, &["printenv", name]));
        job.directory = place.root().join(name);
        job.env = vec![(name.into(), "mine".into())];
        let direct =
            exec(&ExecJob { durable: false, directory: place.root().join("direct"), ..job.clone() }).await;
        assert_eq!(exec(&job).await, direct, "{name}");
    }
}
