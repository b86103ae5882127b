//! `runbook approve` and `runbook deny`: answers for a run that waits, or that another process carries out.

use std::sync::Arc;

use runbook_core::drive::{gate_token, manual_token};
use runbook_core::ids::NodeId;
use runbook_core::model::Action;
use runbook_core::port::{Reply, Store};
use runbook_core::render::manual_form;
use runbook_core::run::{Decision, GateQuestion, Machine, Phase};
use runbook_core::value::Object;

use super::go_on::leave;
use super::session::quiet;
use crate::args::{Approve, Deny};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::people::flags::{fields, find};
use crate::state_dir::StateDir;
use crate::text::safe_line;

/// Says yes to a step that waits.
pub(crate) fn approve(command: &Approve, state: &StateDir) -> Result<Exit, Fault> {
    let given: Vec<(&str, &str)> = command.field.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    answer(state, &command.run, &command.step, "approve", |machine, node, waiting| match waiting {
        Waiting::Gate(question) => {
            if let Some((name, _)) = given.first() {
                return Err(Fault::usage(format!("`--field {name}`: the step is not a manual one")));
            }
            phrase(question, command.phrase.as_deref())?;
            Ok((Reply::Gate { decision: Decision::Approve }, "approved"))
        }
        Waiting::Manual => {
            let form = manual_form(machine.plan(), machine.state(), node);
            let form = form.map_err(|error| Fault::failed(error.to_string()))?;
            let fields = fields(&form, given.iter().copied())?;
            Ok((Reply::Manual { done: true, fields, note: command.note.clone() }, "recorded as done"))
        }
    })
}

/// Says no to a step that waits.
pub(crate) fn deny(command: &Deny, state: &StateDir) -> Result<Exit, Fault> {
    answer(state, &command.run, &command.step, "deny", |_, _, waiting| match waiting {
        Waiting::Gate(_) => Ok((Reply::Gate { decision: Decision::Deny }, "denied")),
        Waiting::Manual => {
            let reply = Reply::Manual { done: false, fields: Object::new(), note: command.note.clone() };
            Ok((reply, "recorded as failed"))
        }
    })
}

/// What a step waits for.
enum Waiting<'a> {
    Gate(&'a GateQuestion),
    Manual,
}

fn answer(
    state: &StateDir,
    run: &str,
    step: &str,
    how: &str,
    reply: impl FnOnce(&Machine, NodeId, Waiting<'_>) -> Result<(Reply, &'static str), Fault>,
) -> Result<Exit, Fault> {
    let store = Arc::new(state.open_for(run)?);
    super::runtime()?.block_on(async {
        let run = store.resolve(run).await?;
        let (_, machine) = quiet(store.clone())?.inspect(&run).await?;
        let node = find(machine.plan(), how, step)?;
        let key = &machine.plan().node(node).key;
        let one = machine.state().node(node);
        let Some(waiting) = waiting(&machine, node) else { return Err(not_waiting(&machine, step)) };
        let token = match &waiting {
            Waiting::Gate(question) => gate_token(key, &question.digest),
            Waiting::Manual => manual_token(key, one.attempt + 1),
        };
        let (reply, done) = reply(&machine, node, waiting)?;
        leave(&store, &run, token, reply, &format!("runbook {how}")).await?;
        output::talk(&format!("`{}` of run {run}: {done}\n", safe_line(key)));
        let alive = store.list().await?.into_iter().any(|one| one.id == run && one.alive);
        if !alive {
            output::talk(&format!("next: {}\n", state.command(&format!("resume {run}"))));
        }
        Ok(Exit::Succeeded)
    })
}

fn waiting<'a>(machine: &'a Machine, node: NodeId) -> Option<Waiting<'a>> {
    if machine.state().finished.is_some() {
        return None;
    }
    let manual = matches!(machine.plan().node(node).spec.action, Action::Manual(_));
    match &machine.state().node(node).phase {
        Phase::Gate { question, .. } => Some(Waiting::Gate(question)),
        Phase::Ready { .. } if manual => Some(Waiting::Manual),
        _ => None,
    }
}

fn not_waiting(machine: &Machine, step: &str) -> Fault {
    let all = machine.plan().iter().filter(|(id, _)| waiting(machine, *id).is_some());
    let keys: Vec<&str> = all.map(|(_, node)| node.key.as_str()).collect();
    let fault = Fault::usage(format!("the step `{step}` does not wait for an answer"));
    match &keys[..] {
        [] => fault.note(format!("no step of this run does; it is {}", machine.state().run_status())),
        keys => fault.note(format!("these steps wait: {}", keys.join(", "))),
    }
}

fn phrase(question: &GateQuestion, given: Option<&str>) -> Result<(), Fault> {
    match (&question.phrase, given) {
        (None, _) => Ok(()),
        (Some(asked), Some(given)) if asked == given => Ok(()),
        (Some(asked), given) => {
            let wrong =
                if given.is_some() { "that is not the phrase" } else { "this step asks for a phrase" };
            Err(Fault::usage(wrong)
                .help(format!("to agree, give `--phrase` with exactly this text: {asked}")))
        }
    }
}
