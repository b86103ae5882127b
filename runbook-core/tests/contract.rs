//! This machine and the actions on files keep the contracts that everybody else's connectors and executors keep.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod local_support;

use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::files::{CopyExecutor, EditExecutor, WriteExecutor};
use runbook_core::kind::{ActionKind, Target};
use runbook_core::local::LocalConnector;
use runbook_core::port::{
    ActionContext, ConnectError, Connection, Connector, ExecJob, ExecReport, Executor, FileFacts, OutputSink,
    Recovered,
};
use runbook_core::run::{Ending, StepResult};
use runbook_core::testing::{ConnectorContract, ExecutorContract, ForbiddenConnector};

use local_support::keeper_program;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_keeps_the_contract_of_connectors() {
    let place = tempfile::tempdir().unwrap();
    let scratch = place.path().to_str().unwrap();
    let connector = Arc::new(LocalConnector::inherit());
    let contract = ConnectorContract::new(connector, Target::local(), scratch, place.path().join("engine"));
    contract.verify().await.unwrap_or_else(|broken| panic!("{broken}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_with_a_keeper_keeps_the_contract_of_connectors() {
    let place = tempfile::tempdir().unwrap();
    let scratch = place.path().to_str().unwrap();
    let engine = place.path().join("kept");
    let connector = Arc::new(LocalConnector::inherit().with_keeper(keeper_program(&engine)));
    let contract = ConnectorContract::new(connector, Target::local(), scratch, engine);
    contract.verify().await.unwrap_or_else(|broken| panic!("{broken}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_reaches_nothing_keeps_no_promise() {
    let place = tempfile::tempdir().unwrap();
    let scratch = place.path().to_str().unwrap();
    let connector = Arc::new(ForbiddenConnector::new("local"));
    let contract = ConnectorContract::new(connector, Target::local(), scratch, place.path().join("engine"));
    let broken = contract.verify().await.unwrap_err();
    assert_eq!(broken.clauses.len(), ConnectorContract::clauses().count(), "{broken}");
    assert_eq!(contract.check("no_such_clause").await, Err("there is no clause `no_such_clause`".to_owned()));
}

/// This machine, badly connected: outputs are mixed, tokens mean nothing, nobody can be stopped.
struct Careless(Arc<dyn Connection>);

#[async_trait]
impl Connector for Careless {
    fn kind(&self) -> &str {
        "local"
    }

    async fn connect(&self, _target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        Ok(Arc::new(Careless(Arc::clone(&self.0))))
    }
}

#[async_trait]
impl Connection for Careless {
    async fn exec(&self, job: &ExecJob, output: Arc<dyn OutputSink>, _stop: CancellationToken) -> ExecReport {
        let again = ExecJob { durable: false, ..job.clone() };
        let mut report = self.0.exec(&again, output, CancellationToken::new()).await;
        report.stdout.head.push_str(&std::mem::take(&mut report.stderr).head);
        report
    }

    async fn recover(
        &self,
        _job: &ExecJob,
        _started: jiff::Timestamp,
        _output: Arc<dyn OutputSink>,
        _stop: CancellationToken,
    ) -> Recovered {
        Recovered::NotStarted
    }

    async fn file_facts(&self, path: &str) -> Result<Option<FileFacts>, String> {
        self.0.file_facts(path).await
    }

    async fn tcp(&self, _host: &str, _port: u16) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careless_connector_is_found_out() {
    let place = tempfile::tempdir().unwrap();
    let local = LocalConnector::inherit().connect(&Target::local()).await.unwrap();
    let scratch = place.path().to_str().unwrap();
    let connector = Arc::new(Careless(local));
    let contract = ConnectorContract::new(connector, Target::local(), scratch, place.path().join("engine"));
    for kept in ["exit_codes_are_the_commands_own", "arguments_arrive_as_they_are"] {
        contract.check(kept).await.unwrap();
    }
    for (broken, why) in [
        ("outputs_are_apart", "oops"),
        ("what_was_stopped_before_does_not_run", "ends with Exited(0)"),
        ("a_token_never_runs_twice", " times"),
        ("an_end_is_found_again", "its end is not known: NotStarted"),
        ("what_never_began_never_will", "ran 1 times"),
        ("a_closed_port_refuses", "accepts"),
    ] {
        let found = contract.check(broken).await.unwrap_err();
        assert!(found.contains(why), "{broken}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_on_files_keep_the_contract_of_executors() {
    let place = tempfile::tempdir().unwrap();
    let path = |dir: &std::path::Path, name: &str| dir.join(name).display().to_string();
    let contracts = [
        ExecutorContract::new(Arc::new(WriteExecutor), place.path())
            .good(move |dir| {
                format!("{{path: '{}', content: \"привет\\n\", mode: \"0640\"}}", path(dir, "a b"))
            })
            .secret(move |dir| {
                format!("{{path: '{}', content: 'KEY=${{{{ secrets.canary }}}}'}}", path(dir, "env"))
            })
            .refused(|_| "{content: nowhere}".to_owned())
            .refused(|_| "{path: /tmp/x, content: x, mode: rwx}".to_owned()),
        ExecutorContract::new(Arc::new(EditExecutor), place.path())
            .good(move |dir| format!("{{path: '{}', create: true, set: {{KEY: value}}}}", path(dir, ".env")))
            .refused(move |dir| format!("{{path: '{}', set: [1]}}", path(dir, ".env"))),
        ExecutorContract::new(Arc::new(CopyExecutor), place.path())
            .good(move |dir| {
                std::fs::write(dir.join("from"), "x").unwrap();
                format!("{{from: '{}', to: 'local:{}'}}", path(dir, "from"), path(dir, "to"))
            })
            .refused(|_| "{from: /etc/hostname}".to_owned()),
    ];
    for contract in contracts {
        contract.verify().await.unwrap_or_else(|broken| panic!("{broken}"));
    }
}

/// An executor with every bad habit: panics, does not listen, and says nothing.
struct Rude;

#[async_trait]
impl Executor for Rude {
    fn kind(&self) -> Arc<dyn ActionKind> {
        WriteExecutor.kind()
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        let path = context.params["path"].as_str().unwrap().to_owned();
        if path.ends_with("slow") {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        let mut result = StepResult::new(Ending::Completed, path.starts_with('/'));
        result.fields.insert("Path".to_owned(), path.into());
        result
    }

    async fn recover(&self, _context: &ActionContext, _started: jiff::Timestamp) -> StepResult {
        StepResult::success()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_habits_are_found_out() {
    let place = tempfile::tempdir().unwrap();
    let broken = ExecutorContract::new(Arc::new(Rude), place.path())
        .good(|dir| format!("{{path: '{}/a', content: x}}", dir.display()))
        .slow(|dir| format!("{{path: '{}/slow', content: x}}", dir.display()))
        .refused(|_| "{path: /x}".to_owned())
        .verify()
        .await
        .unwrap_err();
    let clauses: Vec<&str> = broken.clauses.iter().map(|(clause, _)| *clause).collect();
    assert_eq!(
        clauses,
        [
            "results_survive_the_log",
            "refused_parameters_do_not_begin",
            "strange_parameters_end_in_words",
            "what_was_stopped_before_does_not_act",
            "the_time_limit_is_kept",
            "a_stop_is_heard",
            "what_never_was_is_no_success",
        ],
        "{broken}"
    );
}
