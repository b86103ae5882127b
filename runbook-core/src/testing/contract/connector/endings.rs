//! How commands are ended, and what is left of them.

use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use tokio_util::sync::CancellationToken;

use super::super::{Kept, ensure};
use super::bench::{Bench, PATIENCE, exited};
use crate::port::{ExecEnd, ExecJob, ExecReport};
use crate::value::Duration;

/// A command with descendants that would go on for ever; their ids are in the file at `pids`.
fn tree(pids: &str) -> String {
    // The ids come in one write, so that who waits for the file sees them all.
    format!("sleep 987654 & first=$!\n(sleep 987654 & echo \"$$ $first $!\" >'{pids}'; wait) & wait")
}

/// Runs `job`, and stops it as soon as the file at `begun` is written.
async fn stopped(bench: &Bench, job: &ExecJob, begun: &str) -> Result<ExecReport, String> {
    let (connection, stop) = (bench.connect().await?, CancellationToken::new());
    let running = connection.exec(job, Arc::new(()), stop.clone());
    let stopping = async {
        let written = bench.written(begun).await;
        stop.cancel();
        written
    };
    let (report, written) = tokio::join!(running, stopping);
    connection.close().await;
    written.map(|_| report)
}

pub(super) async fn a_timeout_ends_the_tree(bench: &Bench) -> Kept {
    let pids = [bench.path("pids"), bench.path("pids")];
    for (mut job, pids) in bench.both(bench.script("")).into_iter().zip(pids) {
        job.command = bench.script(&tree(&pids)).command;
        // Long enough for the command to begin on a slow machine.
        job.timeout = Some(Duration::from_secs(3));
        let (report, begin) = (bench.run(&job).await?, Instant::now());
        ensure(report.end == ExecEnd::TimedOut, || format!("expected a timeout, got {:?}", report.end))?;
        bench.gone(&bench.written(&pids).await?).await?;
        ensure(begin.elapsed() < PATIENCE, || "its end came late".to_owned())?;
    }
    Ok(())
}

pub(super) async fn a_stop_ends_the_tree(bench: &Bench) -> Kept {
    let pids = [bench.path("pids"), bench.path("pids")];
    for (mut job, pids) in bench.both(bench.script("")).into_iter().zip(pids) {
        job.command = bench.script(&tree(&pids)).command;
        let report = stopped(bench, &job, &pids).await?;
        ensure(report.end == ExecEnd::Cancelled, || format!("expected a stop, got {:?}", report.end))?;
        bench.gone(&bench.written(&pids).await?).await?;
    }
    Ok(())
}

pub(super) async fn what_ignores_term_is_killed(bench: &Bench) -> Kept {
    let begun = [bench.path("begun"), bench.path("begun")];
    for (mut job, begun) in bench.both(bench.script("")).into_iter().zip(begun) {
        let text = format!("trap '' TERM; echo $$ >'{begun}'; while :; do sleep 1; done");
        job.command = bench.script(&text).command;
        job.grace = Duration::from_millis(300);
        let report = stopped(bench, &job, &begun).await?;
        ensure(report.end == ExecEnd::Cancelled, || format!("expected a stop, got {:?}", report.end))?;
        bench.gone(&bench.written(&begun).await?).await?;
    }
    Ok(())
}

pub(super) async fn term_comes_first(bench: &Bench) -> Kept {
    let files = [(bench.path("begun"), bench.path("tidy")), (bench.path("begun"), bench.path("tidy"))];
    for (mut job, (begun, tidy)) in bench.both(bench.script("")).into_iter().zip(files) {
        let text = format!(
            "trap 'echo tidied >\"{tidy}\"; exit 0' TERM; echo $$ >'{begun}'; while :; do sleep 0.1; done"
        );
        job.command = bench.script(&text).command;
        job.grace = Duration::from_secs(30);
        let report = stopped(bench, &job, &begun).await?;
        ensure(report.end == ExecEnd::Cancelled, || format!("expected a stop, got {:?}", report.end))?;
        let left = bench.ask(&format!("cat '{tidy}' 2>/dev/null || true")).await?;
        ensure(left == "tidied", || "it could not tidy up before it was killed".to_owned())?;
    }
    Ok(())
}

pub(super) async fn what_was_stopped_before_does_not_run(bench: &Bench) -> Kept {
    for mut job in bench.both(bench.script("")) {
        let mark = bench.path("mark");
        job.command = bench.script(&format!("sleep 5; echo ran >'{mark}'")).command;
        let (connection, stop) = (bench.connect().await?, CancellationToken::new());
        stop.cancel();
        let report = connection.exec(&job, Arc::new(()), stop).await;
        connection.close().await;
        let ended = matches!(report.end, ExecEnd::NotStarted(_) | ExecEnd::Cancelled);
        ensure(ended, || format!("it was stopped before it began, and ends with {:?}", report.end))?;
        let left = bench.ask(&format!("cat '{mark}' 2>/dev/null || true")).await?;
        ensure(left.is_empty(), || "it ran all the same".to_owned())?;
    }
    Ok(())
}

pub(super) async fn a_process_left_behind_does_not_delay(bench: &Bench) -> Kept {
    for job in bench.both(bench.script("sleep 987654 & echo $!")) {
        let running = tokio::time::timeout(StdDuration::from_secs(30), bench.run(&job)).await;
        let report = running.map_err(|_| "it waits for a process that was left behind".to_owned())??;
        exited(&report, 0)?;
        let left = report.stdout.whole().unwrap_or_default().trim().to_owned();
        ensure(!left.is_empty(), || "what it wrote was lost".to_owned())?;
        bench.ask(&format!("kill -9 {left} 2>/dev/null || true")).await?;
    }
    Ok(())
}
