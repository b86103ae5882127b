//! What the engine costs, each next to what it is compared with. See `docs/benchmarks.md`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark that cannot go on may stop")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use runbook_core::drive::Engine;
use runbook_core::kind::Kinds;
use runbook_core::local::{KeeperProgram, LocalConnector};
use runbook_core::model::Runbook;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::read;
use runbook_core::run::{Entry, Machine, Outcome};
use runbook_core::store::SqliteStore;
use serde::Deserialize;

/// A runbook with `steps` steps as people write them: an id, a title, a command, a check, an output.
fn realistic(steps: usize) -> String {
    let mut text = header();
    for n in 0..steps {
        let _ = write!(
            text,
            "  - id: step_{n}\n    title: Шаг {n}\n    effect: change\n    run: systemctl restart app_{n}\n    \
             timeout: 2m\n    verify:\n      - run: systemctl is-active app_{n}\n        expect: {{stdout: {{equals: active}}}}\n"
        );
    }
    text
}

fn header() -> String {
    "apiVersion: runbook/v1\nkind: Runbook\nname: bench\nsteps:\n".to_owned()
}

/// `steps` steps that run `true`, beside each other or in a chain.
fn trues(steps: usize, effect: &str, parallel: bool) -> String {
    let mut text = header();
    let indent = if parallel { "      " } else { "  " };
    if parallel {
        text.push_str("  - parallel:\n");
    }
    for n in 0..steps {
        let _ = writeln!(text, "{indent}- {{id: s{n}, run: ['true'], effect: {effect}}}");
    }
    text
}

/// `layers` layers of `width` steps, each waiting for the whole layer before.
fn layered(layers: usize, width: usize) -> String {
    let mut text = header();
    for layer in 0..layers {
        for n in 0..width {
            let needs: Vec<String> = match layer {
                0 => Vec::new(),
                _ => (0..width).map(|m| format!("l{}_{m}", layer - 1)).collect(),
            };
            let _ = writeln!(
                text,
                "  - {{id: l{layer}_{n}, run: ['true'], effect: read, needs: [{}]}}",
                needs.join(", ")
            );
        }
    }
    text
}

fn load(text: &str) -> Runbook {
    let loaded = read::parse("bench.yaml", text, &Kinds::default());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics.first());
    loaded.runbook.unwrap()
}

fn plan(text: &str) -> Plan {
    Plan::build(&load(text), &PlanRequest::default()).unwrap()
}

/// The same file, read by serde into types that name every key it has.
#[derive(Deserialize)]
#[allow(dead_code, reason = "what is measured is reading them")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TypedBook {
    api_version: String,
    kind: String,
    name: String,
    steps: Vec<TypedStep>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "what is measured is reading them")]
#[serde(deny_unknown_fields)]
struct TypedStep {
    id: String,
    title: String,
    effect: String,
    run: String,
    timeout: String,
    verify: Vec<TypedCheck>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "what is measured is reading them")]
#[serde(deny_unknown_fields)]
struct TypedCheck {
    run: String,
    expect: BTreeMap<String, BTreeMap<String, String>>,
}

fn validate(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for steps in [1_000, 10_000, 100_000] {
        let text = realistic(steps);
        group.throughput(Throughput::Elements(steps as u64));
        group.bench_with_input(BenchmarkId::new("runbook", steps), &text, |b, text| {
            b.iter_with_large_drop(|| read::parse("bench.yaml", text, &Kinds::default()));
        });
        group.bench_with_input(BenchmarkId::new("typed serde_yaml", steps), &text, |b, text| {
            b.iter_with_large_drop(|| serde_yaml::from_str::<TypedBook>(text).unwrap());
        });
    }
    group.finish();
}

fn plans(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    group.sample_size(10);
    let book = load(&layered(20, 50));
    group.bench_function("20 layers of 50, fully connected", |b| {
        b.iter(|| black_box(Plan::build(&book, &PlanRequest::default()).unwrap()));
    });
    group.finish();
}

const STEPS: usize = 1_000;

fn runs(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = c.benchmark_group("1000 x true");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (shape, jobs, parallel) in [("two at a time", 2, true), ("chain", 1, false)] {
        group.bench_function(BenchmarkId::new("bare tokio spawn", shape), |b| {
            b.iter(|| runtime.block_on(bare(jobs)));
        });
        for effect in ["read", "change"] {
            let plan = plan(&trues(STEPS, effect, parallel));
            group.bench_function(BenchmarkId::new(format!("engine, {effect}"), shape), |b| {
                b.iter(|| runtime.block_on(engine(plan.clone(), jobs)));
            });
        }
    }
    group.finish();
}

async fn bare(jobs: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..STEPS {
        if tasks.len() >= jobs {
            tasks.join_next().await;
        }
        tasks.spawn(async {
            let status = tokio::process::Command::new("true").stdin(std::process::Stdio::null()).status();
            assert!(status.await.unwrap().success());
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// The whole thing: a new store on disk, every intent durable, every output kept.
async fn engine(plan: Plan, jobs: usize) {
    let directory = tempfile::tempdir_in(".").unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let keeper = KeeperProgram { path: std::env::current_exe().unwrap(), args: vec![KEEPER.into()] };
    let local = Arc::new(LocalConnector::inherit().with_keeper(keeper));
    let engine = Engine::builder().store(store).connector(local).jobs(jobs).build().unwrap();
    let end = engine.start(plan, None).await.unwrap().wait().await.unwrap();
    assert_eq!(end.outcome, Some(Outcome::Succeeded));
}

fn resume(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut text = header();
    for n in 0..10_000 {
        let _ = writeln!(text, "  - {{id: s{n}, set: {{x: {n}}}}}");
    }
    text.push_str("  - {id: gate, run: ['true'], confirm: go on?}\n");
    let plan = plan(&text);
    let directory = tempfile::tempdir_in(".").unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let engine = Engine::builder().store(store).build().unwrap();
    let id = runtime.block_on(async {
        let end = engine.start(plan, None).await.unwrap().wait().await.unwrap();
        assert_eq!(end.outcome, None);
        end.id
    });
    let mut group = c.benchmark_group("resume");
    group.sample_size(10);
    group.bench_function("a run of 10000 steps", |b| {
        b.iter(|| runtime.block_on(async { engine.resume(&id).await.unwrap().wait().await.unwrap() }));
    });
    let (record, log): (_, Vec<Entry>) = runtime.block_on(async {
        let store = SqliteStore::open(directory.path()).unwrap();
        use runbook_core::port::Store as _;
        (store.record(&id).await.unwrap(), store.entries(&id).await.unwrap())
    });
    let plan = Arc::new(Plan::from_json(&record.plan).unwrap());
    group.bench_function("replay of its log", |b| {
        b.iter(|| black_box(Machine::replay(Arc::clone(&plan), &log)));
    });
    group.finish();
}

criterion_group!(benches, validate, plans, runs, resume);

/// How this program is started as a keeper of commands.
const KEEPER: &str = "keep-commands";

fn main() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == KEEPER) {
        runbook_core::local::keep().unwrap();
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
