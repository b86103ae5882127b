//! `runbook approve` and `runbook deny`: answers for a run that waits, or that another process carries out.

use std::sync::Arc;

use jiff::Timestamp;
use runbook_core::drive::{APPROVAL_HOLDS, DecideError, Standing, decide, manual_token};
use runbook_core::ids::NodeId;
use runbook_core::model::{Action, Manual, Role};
use runbook_core::port::{Reply, Store as _};
use runbook_core::render::manual_form;
use runbook_core::run::{Answerer, Decision, GateQuestion, Machine, NotEntitled, Phase};
use runbook_core::value::{Duration, Object};

use super::go_on::leave_by;
use super::local_time;
use super::session::quiet;
use crate::args::{Approve, Deny};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::output;
use crate::people::flags::{fields, find};
use crate::render::agree;
use crate::render::standing::next;
use crate::state_dir::StateDir;
use crate::text::{safe, safe_line};

/// Says yes to a step that waits.
pub(crate) fn approve(command: &Approve, state: &StateDir) -> Result<Exit, Fault> {
    let given: Vec<(&str, &str)> = command.field.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let holds = command.expires.unwrap_or(APPROVAL_HOLDS);
    if holds == Duration::default() {
        return Err(Fault::usage("`--expires` leaves no time at all"));
    }
    answer(state, &command.run, &command.step, "approve", |scene, waiting| match waiting {
        Waiting::Gate(question) => {
            if let Some((name, _)) = given.first() {
                return Err(Fault::usage(format!("`--field {name}`: the step is not a manual one")));
            }
            phrase(question, command.phrase.as_deref())?;
            Ok(Said::Gate { decision: Decision::Approve, holds })
        }
        Waiting::Manual(form) => {
            let fields = fields(form, given.iter().copied())?;
            let reply = Reply::Manual { done: true, fields, note: command.note.clone() };
            Ok(Said::Manual { reply, done: "recorded as done", attempt: scene.attempt() })
        }
    })
}

/// Says no to a step that waits.
pub(crate) fn deny(command: &Deny, state: &StateDir) -> Result<Exit, Fault> {
    answer(state, &command.run, &command.step, "deny", |scene, waiting| match waiting {
        Waiting::Gate(_) => Ok(Said::Gate { decision: Decision::Deny, holds: APPROVAL_HOLDS }),
        Waiting::Manual(_) => {
            let reply = Reply::Manual { done: false, fields: Object::new(), note: command.note.clone() };
            Ok(Said::Manual { reply, done: "recorded as failed", attempt: scene.attempt() })
        }
    })
}

/// What a step waits for.
enum Waiting<'a> {
    Gate(&'a GateQuestion),
    Manual(&'a Manual),
}

/// An answer to it.
enum Said {
    Gate { decision: Decision, holds: Duration },
    Manual { reply: Reply, done: &'static str, attempt: u32 },
}

/// A step that waits, in its run.
struct Scene<'a> {
    machine: &'a Machine,
    node: NodeId,
}

impl Scene<'_> {
    fn attempt(&self) -> u32 {
        self.machine.state().node(self.node).attempt + 1
    }

    fn key(&self) -> &str {
        &self.machine.plan().node(self.node).key
    }
}

fn answer(
    state: &StateDir,
    run: &str,
    step: &str,
    how: &str,
    say: impl FnOnce(&Scene<'_>, Waiting<'_>) -> Result<Said, Fault>,
) -> Result<Exit, Fault> {
    let store = Arc::new(state.open_for(run)?);
    super::runtime()?.block_on(async {
        let run = store.resolve(run).await?;
        let (_, machine) = quiet(store.clone())?.inspect(&run).await?;
        let node = find(machine.plan(), how, step)?;
        let scene = Scene { machine: &machine, node };
        if !is_waiting(&machine, node) {
            return Err(not_waiting(&machine, step));
        }
        let form;
        let waiting = match &machine.state().node(node).phase {
            Phase::Gate { question, .. } => Waiting::Gate(question),
            _ => {
                form = manual_form(machine.plan(), machine.state(), node);
                Waiting::Manual(form.as_ref().map_err(|error| Fault::failed(error.to_string()))?)
            }
        };
        let (who, way) = (Identity::of_process(), format!("runbook {how}"));
        let roles = match &waiting {
            Waiting::Gate(question) => &question.roles,
            Waiting::Manual(form) => &form.roles,
        };
        let by = who.answers(&way, roles);
        let may_answer = match &waiting {
            Waiting::Manual(form) => form.may_answer(&by.who, &by.roles),
            Waiting::Gate(_) => true,
        };
        if !may_answer {
            return Err(not_entitled(NotEntitled::Role, &by, roles));
        }
        let asked = match &waiting {
            Waiting::Gate(question) => what_is_asked(question),
            Waiting::Manual(_) => String::new(),
        };
        let roles = roles.clone();
        match say(&scene, waiting)? {
            Said::Gate { decision, holds } => {
                let now = Timestamp::now();
                let left = decide(&*store, &run, &machine, node, decision, by.clone(), now, holds).await;
                let standing = left.map_err(|error| match error {
                    DecideError::NotEntitled(why) => not_entitled(why, &by, &roles),
                    DecideError::Store(error) => error.into(),
                    error => Fault::usage(error.to_string()),
                })?;
                output::talk(&asked);
                output::talk(&format!(
                    "`{}` of run {run}: {}\n",
                    safe_line(scene.key()),
                    told(decision, &standing)
                ));
            }
            Said::Manual { reply, done, attempt } => {
                leave_by(&store, &run, manual_token(scene.key(), attempt), reply, by).await?;
                output::talk(&format!("`{}` of run {run}: {done}\n", safe_line(scene.key())));
            }
        }
        let alive = store.list().await?.into_iter().any(|one| one.id == run && one.alive);
        let answers = store.answers(&run).await?;
        let commands = next(&run, &machine, &answers, Timestamp::now(), state);
        if !alive && let Some(command) = commands.first() {
            output::talk(&format!("next: {command}\n"));
        }
        Ok(Exit::Succeeded)
    })
}

/// What somebody has answered, so that they see it.
fn what_is_asked(question: &GateQuestion) -> String {
    let line = |label: &str, text: &str| {
        let text = safe(text.trim_end()).replace('\n', &format!("\n  {:9} ", ""));
        format!("  {label:<9} {text}\n")
    };
    let mut asked = line("question", &question.message);
    asked.push_str(&line("action", &question.action));
    asked.push_str(&line("target", &question.target));
    asked.push_str(&line("effect", question.effect.name()));
    asked
}

fn told(decision: Decision, standing: &Standing) -> String {
    if decision == Decision::Deny {
        return "denied".to_owned();
    }
    let until = agree::hold_until(&standing.approvals);
    let until =
        until.map_or_else(String::new, |end| format!("; the step must begin before {}", local_time(end)));
    match agree::more(standing.needs) {
        Some(more) => {
            let so_far: Vec<&str> = standing.approvals.iter().map(|one| one.by.who.as_str()).collect();
            format!("approved by {}; {more}", safe_line(&so_far.join(", ")))
        }
        None => format!("approved{until}"),
    }
}

fn not_entitled(why: NotEntitled, by: &Answerer, roles: &[Role]) -> Fault {
    let fault = Fault::usage(format!("`{}` cannot answer this: {why}", by.who));
    match why {
        NotEntitled::Role => fault
            .note(format!("somebody of {} can", agree::roles(roles)))
            .help("a role that names nobody is a group of the operating system"),
        NotEntitled::Requester => fault
            .note("somebody else must look at it: a user of their own on this machine, with access to this directory")
            .help("where one person is enough, the runbook says so: `confirm: {message: …, self: allow}`"),
        _ => fault.note("the others can: `runbook show` says who has agreed"),
    }
}

fn is_waiting(machine: &Machine, node: NodeId) -> bool {
    let manual = matches!(machine.plan().node(node).spec.action, Action::Manual(_));
    let phase = &machine.state().node(node).phase;
    machine.state().finished.is_none()
        && (matches!(phase, Phase::Gate { .. }) || manual && matches!(phase, Phase::Ready { .. }))
}

fn not_waiting(machine: &Machine, step: &str) -> Fault {
    let all = machine.plan().iter().filter(|(id, _)| is_waiting(machine, *id));
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
