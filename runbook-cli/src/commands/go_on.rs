//! `runbook resume` and `runbook rollback`: a run that exists already.

use std::sync::Arc;

use jiff::Timestamp;
use runbook_core::drive::{doubt_token, failure_token};
use runbook_core::ids::RunId;
use runbook_core::plan::Plan;
use runbook_core::port::{PendingAnswer, Reply, Store};
use runbook_core::run::{Answerer, Choice, Machine, Phase, Resolution};
use runbook_core::store::SqliteStore;

use super::session::{Stage, quiet};
use crate::args::{Color, Resume, Rollback, Sensitive, Session, Truth, Way};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::people::flags::{Flags, find};
use crate::policies::Outside;
use crate::state_dir::StateDir;
use crate::{identity, inputs};

/// Goes on with a run.
pub(crate) fn resume(
    command: &Resume,
    state: StateDir,
    policies: &Outside,
    color: Color,
) -> Result<Exit, Fault> {
    let store = Arc::new(state.open_for(&command.run)?);
    super::runtime()?.block_on(async {
        let (run, machine) = look(&store, &command.run, &command.session).await?;
        for (step, truth) in &command.resolve {
            resolve(&store, &run, &machine, step, *truth).await?;
        }
        for (step, way) in &command.choose {
            choose(&store, &run, &machine, step, *way).await?;
        }
        let Sensitive { input, inputs: file } = &command.sensitive;
        let given = inputs::sensitive(machine.plan(), input, file.as_deref(), false)?;
        let stage = Stage::new(&command.session, state, store, given, policies, color)?;
        let resumed = stage.engine.resume(&run).await;
        stage.see_through(&machine.plan().runbook, resumed).await
    })
}

/// Undoes what a run has done.
pub(crate) fn rollback(
    command: &Rollback,
    state: StateDir,
    policies: &Outside,
    color: Color,
) -> Result<Exit, Fault> {
    let store = Arc::new(state.open_for(&command.run)?);
    super::runtime()?.block_on(async {
        let (run, machine) = look(&store, &command.run, &command.session).await?;
        let Sensitive { input, inputs: file } = &command.sensitive;
        let given = inputs::sensitive(machine.plan(), input, file.as_deref(), false)?;
        let stage = Stage::new(&command.session, state, store, given, policies, color)?;
        let undoing = stage.engine.rollback(&run).await;
        stage.see_through(&machine.plan().runbook, undoing).await
    })
}

async fn look(store: &Arc<SqliteStore>, run: &str, session: &Session) -> Result<(RunId, Machine), Fault> {
    let run = store.resolve(run).await?;
    let (_, machine) = quiet(store.clone())?.inspect(&run).await?;
    Flags::of(session).check(machine.plan())?;
    Ok((run, machine))
}

async fn resolve(
    store: &SqliteStore,
    run: &RunId,
    machine: &Machine,
    step: &str,
    truth: Truth,
) -> Result<(), Fault> {
    let node = find(machine.plan(), "--resolve", step)?;
    let (plan, state) = (machine.plan(), machine.state());
    let in_doubt = |phase: &Phase| matches!(phase, Phase::Doubt(_) | Phase::Acting);
    if !in_doubt(&state.node(node).phase) {
        let doubtful: Vec<&str> = plan
            .iter()
            .filter(|(id, _)| in_doubt(&state.node(*id).phase))
            .map(|(_, node)| node.key.as_str())
            .collect();
        return Err(elsewhere(
            format!("`--resolve`: the step `{step}` is not in doubt"),
            "in doubt",
            &doubtful,
        ));
    }
    let resolution = match truth {
        Truth::Done => Resolution::Done,
        Truth::Failed => Resolution::Failed,
        Truth::Retry => Resolution::Retry,
    };
    let token = doubt_token(step_key(plan, node), state.node(node).attempt);
    leave(store, run, token, Reply::Doubt { resolution }, "--resolve").await
}

async fn choose(
    store: &SqliteStore,
    run: &RunId,
    machine: &Machine,
    step: &str,
    way: Way,
) -> Result<(), Fault> {
    let node = find(machine.plan(), "--choose", step)?;
    let (plan, state) = (machine.plan(), machine.state());
    if state.node(node).phase != Phase::Choosing {
        let open: Vec<&str> = plan
            .iter()
            .filter(|(id, _)| state.node(*id).phase == Phase::Choosing)
            .map(|(_, node)| node.key.as_str())
            .collect();
        let message = format!("`--choose`: nothing is to be chosen about the step `{step}`");
        return Err(elsewhere(message, "open", &open));
    }
    let choice = match way {
        Way::Retry => Choice::Retry,
        Way::Skip => Choice::Skip,
        Way::Rollback => Choice::Rollback,
        Way::Stop => Choice::Stop,
    };
    let token = failure_token(step_key(plan, node), state.node(node).chosen);
    leave(store, run, token, Reply::Failure { choice }, "--choose").await
}

fn step_key(plan: &Plan, node: runbook_core::ids::NodeId) -> &str {
    &plan.node(node).key
}

fn elsewhere(message: String, what: &str, steps: &[&str]) -> Fault {
    let fault = Fault::usage(message);
    match steps {
        [] => fault.note(format!("no step of this run is {what}")),
        steps => fault.note(format!("{what}: {}", steps.join(", "))),
    }
}

/// Leaves an answer for the engine that will go on with the run.
pub(super) async fn leave(
    store: &SqliteStore,
    run: &RunId,
    token: String,
    reply: Reply,
    how: &str,
) -> Result<(), Fault> {
    let by = Answerer::new(identity::user(), how);
    leave_by(store, run, token, reply, by).await
}

/// Leaves an answer of `by`.
pub(super) async fn leave_by(
    store: &SqliteStore,
    run: &RunId,
    token: String,
    reply: Reply,
    by: Answerer,
) -> Result<(), Fault> {
    let answer = PendingAnswer { token, reply, by, at: Timestamp::now(), expires: None };
    if store.leave_answer(run, &answer).await? {
        return Ok(());
    }
    let earlier = store.answers(run).await?.into_iter().find(|earlier| earlier.token == answer.token);
    let by =
        earlier.map_or_else(String::new, |earlier| format!(" by {} ({})", earlier.by.who, earlier.by.how));
    Err(Fault::usage(format!("this question has been answered already{by}")))
}
