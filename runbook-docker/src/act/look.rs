//! `ps`, `inspect`, `stats` and `logs`: what is known of containers.

use std::collections::HashMap;
use std::fmt::Write as _;

use bollard::container::LogOutput;
use bollard::models::{ContainerStatsResponse, ContainerSummary};
use bollard::query_parameters::{ListContainersOptionsBuilder, LogsOptionsBuilder, StatsOptionsBuilder};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use runbook_core::port::Stream;
use runbook_core::run::{Captured, StepResult};
use runbook_core::value::{Duration, Value};
use serde_json::json;

use super::{Act, data};
use crate::capture::Capture;
use crate::container::{PROJECT, SERVICE, inspect};
use crate::refusal::{Refusal, answer, failed, not_started};

impl Act<'_> {
    /// Containers, those that run or all.
    pub(super) async fn ps(&self) -> Result<StepResult, Refusal> {
        let mut filters: HashMap<String, Vec<String>> =
            self.params().pairs("filters").into_iter().map(|(name, value)| (name, vec![value])).collect();
        let names = self.params().names("ps", "a container")?;
        if !names.is_empty() {
            filters.insert("name".into(), names.iter().map(|name| format!("^/{name}$")).collect());
        }
        let options =
            ListContainersOptionsBuilder::new().all(self.params().flag("all")).filters(&filters).build();
        let found: Vec<Value> =
            self.docker.list_containers(Some(options)).await?.iter().map(summary).collect();
        let mut lines = String::new();
        for container in &found {
            let text = |name: &str| container[name].as_str().unwrap_or_default().to_owned();
            let _ = writeln!(lines, "{}  {}  {}", text("name"), text("image"), text("status"));
        }
        let mut result = answer(Value::Array(found));
        result.stdout = Captured::of_text(lines);
        Ok(result)
    }

    /// Everything about containers.
    pub(super) async fn inspect(&self) -> Result<StepResult, Refusal> {
        let mut found = Vec::new();
        for name in self.params().names("inspect", "a container")? {
            let container = inspect(&self.docker, &name).await.map_err(failed)?;
            found.push(data(container.ok_or_else(|| failed(format!("there is no container `{name}`")))?));
        }
        Ok(self.listed("inspect", found))
    }

    /// What containers use.
    pub(super) async fn stats(&self) -> Result<StepResult, Refusal> {
        let mut names = self.params().names("stats", "a container")?;
        if names.is_empty() {
            let running =
                self.docker.list_containers(Some(ListContainersOptionsBuilder::new().build())).await?;
            names = running.into_iter().filter_map(|container| container.id).collect();
        }
        let mut found = Vec::new();
        for name in names {
            let options = StatsOptionsBuilder::new().stream(false).one_shot(false).build();
            let stats = self.docker.stats(&name, Some(options)).next().await;
            found.push(usage(&stats.ok_or_else(|| failed(format!("nothing is known of `{name}`")))??));
        }
        let mut lines = String::new();
        for used in &found {
            let _ = writeln!(
                lines,
                "{}  cpu {} %  memory {} of {} bytes",
                used["name"].as_str().unwrap_or_default(),
                used["cpu_percent"],
                used["memory_bytes"],
                used["memory_limit_bytes"]
            );
        }
        let mut result = self.listed("stats", found);
        result.stdout = Captured::of_text(lines);
        Ok(result)
    }

    /// The output of a container, its two streams apart.
    pub(super) async fn logs(&self) -> Result<StepResult, Refusal> {
        let name = self.params().name("logs", "a container")?;
        let mut options =
            LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(self.params().flag("timestamps"));
        if let Some(tail) = self.params().text("tail") {
            options = options.tail(&tail);
        }
        if let Some(since) = self.params().text("since") {
            options = options.since(since_when(&since).map_err(not_started)?);
        }
        let mut logs = self.docker.logs(&name, Some(options.build()));
        let mut capture = Capture::new(self.context.output.clone(), &self.context.directory, false);
        while let Some(piece) = logs.next().await {
            match piece? {
                LogOutput::StdErr { message } => capture.push(Stream::Stderr, &message),
                other => capture.push(Stream::Stdout, other.as_ref()),
            }
        }
        let (stdout, stderr, note) = capture.finish().await;
        let mut result = StepResult::success();
        (result.stdout, result.stderr) = (stdout, stderr);
        result.fields.extend(note.map(|note| ("note".to_owned(), note.into())));
        Ok(result)
    }
}

/// `10m` ago, a point in time, or seconds since 1970: as seconds since 1970.
fn since_when(text: &str) -> Result<i32, String> {
    let seconds = if let Ok(ago) = text.parse::<Duration>() {
        Timestamp::now().as_second() - i64::try_from(ago.as_millis() / 1000).unwrap_or(i64::MAX)
    } else if let Ok(at) = text.parse::<Timestamp>() {
        at.as_second()
    } else {
        text.parse().map_err(|_| {
            format!("`since`: `{text}` is neither a duration such as `10m` nor a point in time")
        })?
    };
    i32::try_from(seconds.max(0)).map_err(|_| format!("`since`: `{text}` is too far away"))
}

/// What a list of containers says of one.
pub(crate) fn summary(container: &ContainerSummary) -> Value {
    let label = |name| container.labels.as_ref().and_then(|labels| labels.get(name));
    let names: Vec<&str> =
        container.names.iter().flatten().map(|name| name.trim_start_matches('/')).collect();
    let status = container.status.as_deref().unwrap_or_default();
    let health = ["healthy", "unhealthy", "health: starting"]
        .into_iter()
        .find(|health| status.ends_with(&format!("({health})")))
        .map(|health| health.trim_start_matches("health: "));
    json!({
        "id": container.id,
        "name": names.first(),
        "image": container.image,
        "state": container.state.map(|state| state.to_string()),
        "status": status,
        "health": health,
        "project": label(PROJECT),
        "service": label(SERVICE),
        "created": container.created,
        "ports": container.ports,
        "labels": container.labels,
    })
}

/// What a container uses, in numbers that mean the same everywhere.
fn usage(stats: &ContainerStatsResponse) -> Value {
    let memory = stats.memory_stats.clone().unwrap_or_default();
    // What `docker stats` shows: without what the system only keeps in case it is read again.
    let inactive = |name: &str| memory.stats.as_ref().and_then(|stats| stats.get(name)).copied();
    let cached = inactive("total_inactive_file").or_else(|| inactive("inactive_file")).unwrap_or(0);
    let used = memory.usage.unwrap_or(0).saturating_sub(cached);
    let limit = memory.limit.unwrap_or(0);
    let cpu = |stats: &Option<bollard::models::ContainerCpuStats>| {
        let stats = stats.clone().unwrap_or_default();
        let own = stats.cpu_usage.and_then(|usage| usage.total_usage).unwrap_or(0);
        (own, stats.system_cpu_usage.unwrap_or(0), stats.online_cpus.unwrap_or(1))
    };
    let ((own, system, cpus), (own_before, system_before, _)) =
        (cpu(&stats.cpu_stats), cpu(&stats.precpu_stats));
    let percent = |part: u64, whole: u64, times: f64| {
        let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 * times * 100.0 };
        (share * 100.0).round() / 100.0
    };
    let networks = stats.networks.iter().flat_map(|networks| networks.values());
    let (received, sent) = networks.fold((0, 0), |(received, sent), network| {
        (received + network.rx_bytes.unwrap_or(0), sent + network.tx_bytes.unwrap_or(0))
    });
    json!({
        "id": stats.id,
        "name": stats.name.as_deref().map(|name| name.trim_start_matches('/')),
        "cpu_percent": percent(own.saturating_sub(own_before), system.saturating_sub(system_before), f64::from(cpus)),
        "memory_bytes": used,
        "memory_limit_bytes": limit,
        "memory_percent": percent(used, limit, 1.0),
        "pids": stats.pids_stats.as_ref().and_then(|pids| pids.current),
        "network_received_bytes": received,
        "network_sent_bytes": sent,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_understood() {
        assert_eq!(since_when("1700000000"), Ok(1_700_000_000));
        assert_eq!(since_when("2023-11-14T22:13:20Z"), Ok(1_700_000_000));
        let ago = i64::from(since_when("10m").unwrap());
        assert!((Timestamp::now().as_second() - 600 - ago).abs() < 60);
        assert!(since_when("yesterday").is_err());
    }
}
