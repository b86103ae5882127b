//! Timers beside the steps, with real channels and a clock that stands still.

use std::fs;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use runbook_core::drive::{Engine, gate_token};
use runbook_core::port::Clock as _;
use runbook_core::run::{Answerer, Decision, Event, Fired};
use runbook_core::testing::ManualClock;
use runbook_core::value::Duration;

use crate::support::{Bench, End, PATIENCE, approve, ended};

const PEOPLE: &str = r#"
inputs: {dir: {type: path}, since: {type: string, required: false}}
channels:
  log: {file: "${{ inputs.dir }}/told"}
  broken: {command: [sh, -c, 'echo "no such number" >&2; exit 3']}
  missing: {command: [runbook-no-such-program]}
  hanging: {command: [sleep, "600"], timeout: 300ms}
contacts:
  L1: {role: On-call Engineer, channel: log}
  L2: {role: Tech Lead, channel: log}
  L4: {role: Director, channel: log}
"#;

const LEVELS: &str = r#"
escalation:
  until: steps.recover.status == 'succeeded'
  levels:
    - {after: 0m, to: L1}
    - {after: 15m, to: L2, unless: run.progress}
    - {after: 60m, to: [L4, log], require: postmortem}
"#;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

struct Scene {
    bench: Bench,
    clock: Arc<ManualClock>,
}

impl Scene {
    fn new(bench: Bench) -> Self {
        Scene { bench, clock: Arc::default() }
    }

    fn engine(&self) -> Engine {
        self.bench.builder().clock(self.clock.clone()).build().unwrap()
    }

    async fn start(&self, book: &str) -> runbook_core::drive::Run {
        self.engine().start(self.bench.plan(&format!("{}{book}", PEOPLE.trim_start())), None).await.unwrap()
    }

    async fn resume(&self, end: &End) -> End {
        ended(self.engine().resume(end.id()).await.unwrap()).await
    }

    /// The lines that were told: who, subject, message.
    fn told(&self) -> Vec<[String; 3]> {
        let text = fs::read_to_string(self.bench.path("told")).unwrap_or_default();
        let fields = |line: &str| -> [String; 3] {
            let fields: Vec<&str> = line.split('\t').collect();
            [fields[2].to_owned(), fields[3].to_owned(), fields[4].to_owned()]
        };
        text.lines().map(fields).collect()
    }

    fn told_to(&self) -> Vec<String> {
        self.told().into_iter().map(|[to, ..]| to).collect()
    }

    fn escalated(&self) -> usize {
        let entries = self.bench.heard.entries.lock().unwrap();
        entries.iter().filter(|entry| matches!(entry.event, Event::Escalated { .. })).count()
    }

    /// Waits until so many levels have been written down.
    async fn levels(&self, count: usize) {
        let waiting = async {
            loop {
                if self.escalated() >= count {
                    return;
                }
                tokio::time::sleep(StdDuration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("level {count} does not come"));
    }
}

fn fired(end: &End) -> &[Fired] {
    &end.0.machine.state().escalation.fired
}

#[tokio::test]
async fn levels_fire_at_their_time_while_a_step_runs() {
    let scene = Scene::new(Bench::new());
    let book =
        format!("severity: P1\ntitle: Service is down\n{LEVELS}steps:\n  - {{id: recover, wait: 2h}}\n");
    let run = scene.start(&book).await;
    let begun = scene.clock.now();
    scene.levels(1).await;
    assert_eq!(scene.told_to(), ["L1"]);
    scene.clock.advance(minutes(14));
    tokio::time::sleep(StdDuration::from_millis(100)).await;
    assert_eq!(scene.told_to(), ["L1"], "nobody is told before it is time");
    scene.clock.advance(minutes(1));
    scene.levels(2).await;
    scene.clock.advance(minutes(45));
    scene.levels(3).await;
    scene.clock.advance(minutes(60));
    let end = ended(run).await;
    assert_eq!(end.outcome(), "succeeded");
    let mut told = scene.told();
    told[2..].sort();
    assert_eq!(told.iter().map(|[to, ..]| to.as_str()).collect::<Vec<_>>(), ["L1", "L2", "L4", "log"]);
    let [to, subject, text] = &told[2];
    assert_eq!((to.as_str(), subject.as_str()), ("L4", "P1 · Service is down: level 3"));
    let id = end.id();
    let expected = format!(
        "{subject}\\nto: L4 (Director), log\\nsince {begun}, 1h ago\\nrunning: recover\\nrequired: postmortem\\nrun {id}"
    );
    assert_eq!(*text, expected);
    let times: Vec<i64> =
        fired(&end).iter().map(|one| (one.at.as_second() - begun.as_second()) / 60).collect();
    assert_eq!(times, [0, 15, 60]);
    assert!(
        fired(&end).iter().all(|one| one.late.is_none() && one.held_back.is_none() && one.failed.is_empty())
    );
    assert_eq!(fired(&end)[2].sent, ["L4", "log"]);
}

#[tokio::test]
async fn progress_holds_a_level_back_and_the_end_of_it_all_the_others() {
    let scene = Scene::new(Bench::new());
    let book = format!(
        "{LEVELS}    - {{after: 90m, to: L4}}\nsteps:\n  - {{id: first, wait: 1m}}\n  - {{id: look, run: 'true', effect: read}}\n  - {{id: long, wait: 30m}}\n  - {{id: recover, run: 'true'}}\n  - {{id: longer, wait: 2h}}\n"
    );
    let run = scene.start(&book).await;
    scene.levels(1).await;
    // Only now, so that what succeeds does so after the first level.
    scene.bench.heard_of("first").await;
    scene.clock.advance(minutes(1));
    scene.bench.heard_of("long").await;
    scene.clock.advance(minutes(14));
    scene.levels(2).await;
    scene.clock.advance(minutes(16));
    scene.bench.heard_of("longer").await;
    scene.clock.advance(minutes(29));
    scene.levels(3).await;
    scene.clock.advance(minutes(200));
    let end = ended(run).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(scene.told_to(), ["L1"]);
    let why: Vec<Option<&str>> = fired(&end).iter().map(|one| one.held_back.as_deref()).collect();
    assert_eq!(
        why,
        [None, Some("`run.progress` holds"), Some("`steps.recover.status == 'succeeded'` holds")]
    );
}

#[tokio::test]
async fn a_channel_that_fails_is_a_note_and_the_run_goes_on() {
    let scene = Scene::new(Bench::new());
    let book = r#"
escalation:
  levels:
    - {after: 0s, to: [broken, missing, hanging, L1], message: "look at ${{ steps.quick.status }}"}
steps:
  - {id: quick, run: echo quick >> effects}
"#;
    let end = ended(scene.start(book).await).await;
    // The run is long over when the channel that hangs gives up; who was told is written down all the same.
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(scene.bench.effects(), ["quick"]);
    let [level] = fired(&end) else { panic!("{:?}", fired(&end)) };
    assert_eq!(level.sent, ["L1"]);
    let failed: Vec<&str> = level.failed.iter().map(|not| not.to.as_str()).collect();
    assert_eq!(failed, ["broken", "missing", "hanging"]);
    assert_eq!(level.failed[0].reason, "exit code 3: no such number");
    assert_eq!(level.failed[2].reason, "took longer than 300ms");
    let [[to, subject, text]] = &scene.told()[..] else { panic!("{:?}", scene.told()) };
    assert_eq!((to.as_str(), subject.as_str()), ("L1", "test: level 1"));
    assert!(text.starts_with("look at "), "{text}");
}

#[tokio::test]
async fn a_suspended_run_fires_late_and_each_level_once() {
    let scene = Scene::new(Bench::new());
    let book = format!("{LEVELS}steps:\n  - {{id: recover, confirm: May it?, run: echo done >> effects}}\n");
    let end = ended(scene.start(&book).await).await;
    assert_eq!(end.outcome(), "waits");
    assert_eq!(scene.told_to(), ["L1"]);
    // Nobody has the run for 20 minutes.
    scene.clock.advance(minutes(20));
    let end = scene.resume(&end).await;
    assert_eq!(end.outcome(), "waits");
    assert_eq!(scene.told_to(), ["L1", "L2"]);
    let late: Vec<Option<String>> =
        fired(&end).iter().map(|one| one.late.map(|late| late.to_string())).collect();
    assert_eq!(late, [None, Some("5m".to_owned())]);
    // The same engine again: nothing is due, nothing is said twice.
    let end = scene.resume(&end).await;
    assert_eq!(scene.told_to(), ["L1", "L2"]);
    let machine = &end.0.machine;
    let digest = match &machine.state().node(machine.plan().find("recover").unwrap()).phase {
        runbook_core::run::Phase::Gate { question, .. } => question.digest.clone(),
        other => panic!("{other:?}"),
    };
    let yes = runbook_core::port::Reply::Gate { decision: Decision::Approve };
    assert!(scene.bench.leave(end.id(), gate_token("recover", 1, &digest, 1), yes).await);
    let end = scene.resume(&end).await;
    assert_eq!(end.outcome(), "succeeded");
    scene.clock.advance(minutes(600));
    assert_eq!(scene.told_to(), ["L1", "L2"]);
    assert_eq!(fired(&end).len(), 2, "a run that is over tells nobody");
}

#[tokio::test]
async fn every_beginning_of_a_log_fires_the_rest_once() {
    let scene = Scene::new(Bench::new());
    let book = format!("{LEVELS}steps:\n  - {{id: recover, confirm: May it?, run: 'true'}}\n");
    let end = ended(scene.start(&book).await).await;
    scene.clock.advance(minutes(70));
    let end = scene.resume(&end).await;
    assert_eq!(fired(&end).len(), 3);
    let log = scene.bench.log(end.id()).await;
    for cut in 1..=log.len() {
        fs::remove_file(scene.bench.path("told")).unwrap();
        let before = log[..cut].iter().filter(|entry| matches!(entry.event, Event::Escalated { .. })).count();
        let run = scene.bench.with_log(end.id(), &log[..cut]).await;
        let again = ended(scene.engine().resume(&run).await.unwrap()).await;
        let levels: Vec<u32> = fired(&again).iter().map(|one| one.level).collect();
        assert_eq!(levels, [1, 2, 3], "cut after entry {cut}");
        let expected = [vec!["L1"], vec!["L2"], vec!["L4", "log"]][before..].concat();
        let mut told = scene.told_to();
        told.sort();
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(told, expected, "cut after entry {cut}");
        if !scene.bench.path("told").exists() {
            fs::write(scene.bench.path("told"), "").unwrap();
        }
    }
}

#[tokio::test]
async fn time_can_count_from_what_an_operator_says() {
    let clock: Arc<ManualClock> = Arc::default();
    let since = clock.now() - jiff::SignedDuration::from_mins(16);
    let scene = Scene { bench: Bench::new().input("since", since.to_string()), clock };
    let levels = LEVELS.replace("escalation:", "escalation:\n  clock: {input: since}");
    let book = format!("{levels}steps:\n  - {{id: recover, confirm: May it?, run: 'true'}}\n");
    let end = ended(scene.start(&book).await).await;
    assert_eq!(scene.told_to(), ["L1", "L2"]);
    let late: Vec<Option<String>> =
        fired(&end).iter().map(|one| one.late.map(|late| late.to_string())).collect();
    assert_eq!(late, [Some("16m".to_owned()), Some("1m".to_owned())]);
    assert!(
        scene.told()[1][2].contains(&format!("since {since}, 16m ago\\nwaiting for people: recover")),
        "{:?}",
        scene.told()
    );
}

#[test]
fn a_clock_that_is_no_point_in_time_is_refused() {
    let text = "apiVersion: runbook/v1\nkind: Runbook\nname: test\ninputs: {since: {type: string}}\n\
        channels: {log: {file: /tmp/log}}\nescalation: {clock: input since, levels: [{after: 1m, to: log}]}\n\
        steps: [{run: 'true', effect: read}]\n";
    let loaded = runbook_core::read::parse("test.yaml", text, &runbook_core::kind::Kinds::default());
    let book = loaded.runbook.unwrap();
    let plan = |since: &str| {
        let request = runbook_core::plan::PlanRequest::default().text_input("since", since);
        runbook_core::plan::Plan::build(&book, &request)
    };
    assert!(plan("2026-11-20T10:00:00Z").is_ok());
    let found = plan("about noon").unwrap_err();
    assert_eq!(found[0].message, "`about noon` of input `since` is not a point in time");
}

#[tokio::test]
async fn a_failed_run_tells_until_it_is_over_and_its_end_is_the_same() {
    let scene = Scene::new(Bench::new().people(|_, _| approve()));
    let book = "escalation: {levels: [{after: 0s, to: L1}, {after: 1h, to: L2}]}\nsteps:\n  - {id: bad, run: exit 3}\n";
    let end = ended(scene.start(book).await).await;
    assert_eq!(end.outcome(), "failed");
    assert!(fired(&end).len() <= 1, "{:?}", fired(&end));
    scene.clock.advance(minutes(120));
    let by = Answerer::new("ann", "test");
    let event = Event::RollbackDecided { decision: runbook_core::run::Undoing::Begin, by };
    assert!(end.0.machine.admit(&event).is_err());
    assert!(end.0.machine.next_level().is_none());
}
