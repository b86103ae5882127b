//! Jobs that outlive their engine.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::{Kept, ensure};
use super::bench::{Bench, Shown, exited, printed};
use crate::port::{ExecEnd, ExecJob, ExecReport, OutputSink, Recovered};
use crate::run::Captured;

/// A durable job that adds a line to the file at `count` when it runs.
fn counting(bench: &Bench, count: &str, rest: &str) -> ExecJob {
    let job = bench.script(&format!("echo run >>'{count}'\n{rest}"));
    ExecJob { durable: true, ..job }
}

async fn runs(bench: &Bench, count: &str) -> Result<usize, String> {
    Ok(bench.ask(&format!("cat '{count}' 2>/dev/null || true")).await?.lines().count())
}

/// What another engine finds, over a connection of its own.
async fn recover(
    bench: &Bench,
    job: &ExecJob,
    output: Arc<dyn OutputSink>,
    stop: CancellationToken,
) -> Result<Recovered, String> {
    let connection = bench.connect().await?;
    let found = connection.recover(job, Timestamp::now(), output, stop).await;
    connection.close().await;
    Ok(found)
}

fn ended(found: Recovered) -> Result<ExecReport, String> {
    match found {
        Recovered::Ended(report) => Ok(*report),
        other => Err(format!("its end is not known: {other:?}")),
    }
}

/// Starts `job` and loses the engine as soon as the file at `begun` is written.
async fn lose(bench: &Bench, job: &ExecJob, begun: &str) -> Kept {
    let connection = bench.connect().await?;
    let running = connection.exec(job, Arc::new(()), CancellationToken::new());
    tokio::select! {
        report = running => Err(format!("it ended early: {:?}", report.end)),
        written = bench.written(begun) => written.map(drop),
    }
}

pub(super) async fn a_durable_job_ends_like_any_other(bench: &Bench) -> Kept {
    let count = bench.path("count");
    let report = bench.run(&counting(bench, &count, "echo out; echo err >&2; exit 7")).await?;
    exited(&report, 7)?;
    let wrote = (&report.stdout, &report.stderr);
    ensure(wrote == (&Captured::of_text("out\n"), &Captured::of_text("err\n")), || format!("{wrote:?}"))
}

pub(super) async fn a_token_never_runs_twice(bench: &Bench) -> Kept {
    let count = bench.path("count");
    let job = counting(bench, &count, "echo out; exit 9");
    let (one, two) = tokio::join!(bench.run(&job), bench.run(&job));
    let three = bench.run(&job).await?;
    let times = runs(bench, &count).await?;
    ensure(times == 1, || format!("it ran {times} times"))?;
    for report in [one?, two?, three] {
        // Who is told an end is told the one that there was.
        ensure(matches!(report.end, ExecEnd::Exited(9) | ExecEnd::NotStarted(_) | ExecEnd::Lost(_)), || {
            format!("somebody was told {:?}", report.end)
        })?;
    }
    Ok(())
}

pub(super) async fn an_end_is_found_again(bench: &Bench) -> Kept {
    let count = bench.path("count");
    let job = counting(bench, &count, "echo итог; echo err >&2; exit 3");
    exited(&bench.run(&job).await?, 3)?;
    for _ in 0..2 {
        let report = ended(recover(bench, &job, Arc::new(()), CancellationToken::new()).await?)?;
        exited(&report, 3)?;
        let wrote = (&report.stdout, &report.stderr);
        ensure(wrote == (&Captured::of_text("итог\n"), &Captured::of_text("err\n")), || {
            format!("{wrote:?}")
        })?;
    }
    ensure(runs(bench, &count).await? == 1, || "to ask is to run it again".to_owned())
}

pub(super) async fn what_never_began_never_will(bench: &Bench) -> Kept {
    let count = bench.path("count");
    let job = counting(bench, &count, "");
    for _ in 0..2 {
        let found = recover(bench, &job, Arc::new(()), CancellationToken::new()).await?;
        ensure(found == Recovered::NotStarted, || format!("nobody began it, and it is {found:?}"))?;
    }
    // The lost engine's request may still be on its way.
    let late = bench.run(&job).await?;
    let times = runs(bench, &count).await?;
    ensure(times == 0, || format!("it was said never to begin, and ran {times} times"))?;
    ensure(matches!(late.end, ExecEnd::NotStarted(_)), || format!("who comes late is told {:?}", late.end))
}

pub(super) async fn what_still_runs_is_waited_for(bench: &Bench) -> Kept {
    let (begun, go) = (bench.path("begun"), bench.path("go"));
    let text = format!("echo early; while [ ! -e '{go}' ]; do sleep 0.05; done; echo late");
    let job = counting(bench, &begun, &text);
    lose(bench, &job, &begun).await?;
    let (sender, mut shown) = mpsc::unbounded_channel();
    let recovering = recover(bench, &job, Arc::new(Shown(sender)), CancellationToken::new());
    let answering = async {
        let first = tokio::time::timeout(super::bench::PATIENCE, shown.recv()).await.ok().flatten();
        bench.ask(&format!(": >'{go}'")).await?;
        ensure(first.is_some(), || "what it wrote is not shown to the next engine".to_owned())
    };
    let (found, answered) = tokio::join!(recovering, answering);
    answered?;
    printed(&ended(found?)?, "early\nlate\n")?;
    ensure(runs(bench, &begun).await? == 1, || "it was run again".to_owned())
}

pub(super) async fn what_still_runs_can_be_stopped(bench: &Bench) -> Kept {
    let pids = bench.path("pids");
    let job = ExecJob {
        durable: true,
        ..bench.script(&format!("sleep 987654 & echo \"$$ $!\" >'{pids}'; wait; sleep 987654"))
    };
    lose(bench, &job, &pids).await?;
    let stop = CancellationToken::new();
    stop.cancel();
    let report = ended(recover(bench, &job, Arc::new(()), stop).await?)?;
    ensure(report.end == ExecEnd::Cancelled, || format!("it was stopped, and ends with {:?}", report.end))?;
    bench.gone(&bench.written(&pids).await?).await
}
