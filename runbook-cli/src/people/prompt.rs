//! What people are asked, word for word, and what counts as an answer.
//!
//! Silence is never an answer: an empty line is asked again, the end of input means that nobody is there.

use runbook_core::ids::NodeId;
use runbook_core::model::{Effect, Input, Manual};
use runbook_core::plan::Plan;
use runbook_core::port::{Ask, Reply};
use runbook_core::run::{Approval, Choice, Decision, GateQuestion, NotEntitled, Resolution, Undoing};
use runbook_core::value::{Object, display};

use super::console::Dialogue;
use crate::render::agree;
use crate::render::title::{key_and_title, purpose};
use crate::text::{safe, safe_line};

/// Puts `ask` to whoever is at the other end of `talk`. `None`: nobody.
pub(crate) async fn ask(talk: &dyn Dialogue, plan: &Plan, ask: &Ask) -> Option<Reply> {
    match ask {
        Ask::Gate { node, question, approvals, .. } => {
            heading(talk, plan, *node);
            show_gate(talk, question, approvals);
            let decision = gate(talk, question).await?;
            Some(Reply::Gate { decision })
        }
        Ask::Manual { node, instructions, checklist, manual: form } => {
            heading(talk, plan, *node);
            manual(talk, instructions, checklist, form).await
        }
        Ask::Failure { node, reason } => {
            heading(talk, plan, *node);
            talk.say(&format!("  it failed: {}\n", safe_line(reason)));
            let choice = failure(talk).await?;
            Some(Reply::Failure { choice })
        }
        Ask::Doubt { node, reason } => {
            heading(talk, plan, *node);
            talk.say(&format!("  nobody knows what became of it: {}\n", safe_line(reason)));
            talk.say("  done: it happened · failed: it failed or half happened · retry: it did not happen\n");
            let options = [
                (&["done"][..], Resolution::Done),
                (&["failed"][..], Resolution::Failed),
                (&["retry"][..], Resolution::Retry),
            ];
            let resolution = choose(talk, "what is the truth? [done/failed/retry] ", &options).await?;
            Some(Reply::Doubt { resolution })
        }
        Ask::Rollback { steps } => {
            let decision = rollback(talk, plan, steps).await?;
            Some(Reply::Rollback { decision })
        }
        _ => None,
    }
}

/// Shows `ask` to somebody who cannot agree to it because of `why`; at a gate they may still be able to say no.
pub(crate) async fn leave_to_others(
    talk: &dyn Dialogue,
    plan: &Plan,
    ask: &Ask,
    why: NotEntitled,
) -> Option<Reply> {
    let (node, roles) = match ask {
        Ask::Gate { node, question, .. } => (*node, &question.roles),
        Ask::Manual { node, manual, .. } => (*node, &manual.roles),
        _ => return None,
    };
    heading(talk, plan, node);
    if let Ask::Gate { question, approvals, .. } = ask {
        show_gate(talk, question, approvals);
        say_message(talk, question);
    }
    let (why, may_deny) = match why {
        NotEntitled::Requester => ("you started this run: somebody else must agree".to_owned(), true),
        NotEntitled::Again => ("you have agreed: somebody else must as well".to_owned(), true),
        _ => (format!("somebody else must answer: {}", safe_line(&agree::roles(roles))), false),
    };
    talk.say(&format!("  {why}\n"));
    if !may_deny {
        return None;
    }
    loop {
        talk.say("no to deny it, Enter to leave it to others: ");
        let line = talk.line().await?;
        if line.trim().is_empty() {
            return None;
        }
        if is_one_of(&line, &NO) {
            return Some(Reply::Gate { decision: Decision::Deny });
        }
    }
}

fn say_message(talk: &dyn Dialogue, question: &GateQuestion) {
    let message = safe(&question.message).into_owned();
    talk.say(&format!("\n  {}\n", talk.paint().strong(&message.replace('\n', "\n  "))));
}

fn heading(talk: &dyn Dialogue, plan: &Plan, node: NodeId) {
    let about = purpose(plan, node).map_or_else(String::new, |purpose| format!(" ({purpose})"));
    let head = talk.paint().strong(&safe_line(&key_and_title(plan, node)));
    talk.say(&format!("\n{} {head}{about}\n", talk.paint().lively("?")));
}

/// `  label     text`, further lines of the text under the first.
fn field(talk: &dyn Dialogue, label: &str, text: &str) {
    let text = safe(text.trim_end());
    let mut lines = text.split('\n');
    let label = talk.paint().dim(&format!("{label:<9}"));
    talk.say(&format!("  {label} {}\n", lines.next().unwrap_or_default()));
    for line in lines {
        talk.say(&format!("  {:9} {line}\n", ""));
    }
}

fn show_gate(talk: &dyn Dialogue, question: &GateQuestion, approvals: &[Approval]) {
    field(talk, "action", &question.action);
    field(talk, "target", &question.target);
    let effect = question.effect.name();
    if question.effect == Effect::Destroy {
        talk.say(&format!("  {} {}\n", talk.paint().dim("effect   "), talk.paint().bad(effect)));
    } else {
        field(talk, "effect", effect);
    }
    match &question.undo[..] {
        [] if question.effect == Effect::Read => {}
        [] => field(talk, "undo", "nothing would undo it"),
        steps => field(talk, "undo", &steps.join("\n")),
    }
    if question.irreversible {
        let text = "nothing before this step will be rolled back after it";
        talk.say(&format!("  {} {text}\n", talk.paint().bad("point of no return:")));
    }
    if let Some(show) = &question.show {
        field(talk, "shown", show);
    }
    if let Some(preview) = &question.preview {
        let nothing = preview.trim().is_empty();
        field(talk, "change", if nothing { "nothing: it is so already" } else { preview.trim_end() });
    }
    if let Some(needs) = agree::needs(question) {
        field(talk, "needs", &needs);
    }
    if !approvals.is_empty() {
        let said: Vec<String> = approvals.iter().map(agree::approval).collect();
        field(talk, "so far", &said.join("\n"));
    }
}

async fn gate(talk: &dyn Dialogue, question: &GateQuestion) -> Option<Decision> {
    say_message(talk, question);
    let Some(phrase) = &question.phrase else {
        let options = [(&YES[..], Decision::Approve), (&NO[..], Decision::Deny)];
        return choose(talk, "approve? [yes/no, да/нет] ", &options).await;
    };
    loop {
        talk.say(&format!("type `{}` to approve, or no to deny: ", safe_line(phrase)));
        let line = talk.line().await?;
        if line == *phrase {
            return Some(Decision::Approve);
        }
        if is_one_of(&line, &NO) {
            return Some(Decision::Deny);
        }
        if !line.trim().is_empty() {
            talk.say("that is not the phrase; upper and lower case and spaces count\n");
        }
    }
}

async fn manual(
    talk: &dyn Dialogue,
    instructions: &str,
    checklist: &[String],
    form: &Manual,
) -> Option<Reply> {
    talk.say(&format!("  {}\n", safe(instructions.trim_end()).replace('\n', "\n  ")));
    for link in &form.links {
        talk.say(&format!("  {}: {}\n", safe_line(&link.title), safe_line(&link.url)));
    }
    let mut done = true;
    for item in checklist {
        let options = [
            (&["", "done", "yes", "y", "да", "д"][..], true),
            (&["failed", "f", "no", "n", "нет", "н"][..], false),
        ];
        done = choose(talk, &format!("[ ] {} (Enter: done, f: failed) ", safe_line(item)), &options).await?;
        if !done {
            break;
        }
    }
    let mut fields = Object::new();
    if done {
        for input in &form.fields {
            if let Some(value) = value(talk, input).await? {
                fields.insert(input.name.value.clone(), value);
            }
        }
        let options = [
            (&["done", "d", "yes", "y", "да", "д", "готово"][..], true),
            (&["failed", "f", "no", "n", "нет", "н"][..], false),
        ];
        done = choose(talk, "how did it go? [done/failed] ", &options).await?;
    }
    let mut note = None;
    if !done {
        talk.say("what went wrong? (Enter: nothing to add) ");
        note = Some(talk.line().await?.trim().to_owned()).filter(|note| !note.is_empty());
    }
    Some(Reply::Manual { done, fields, note })
}

/// The value of `input`. `Some(None)`: it was left out, which is allowed.
async fn value(talk: &dyn Dialogue, input: &Input) -> Option<Option<runbook_core::value::Value>> {
    loop {
        talk.say(&question_for(input));
        match read_value(input, &talk.line().await?) {
            Ok(value) => return Some(value),
            Err(why) => talk.say(&format!("{}\n", safe_line(&why))),
        }
    }
}

/// What asks for `input`: `branch: Ветка, such as `main` [v2] `.
pub(crate) fn question_for(input: &Input) -> String {
    let mut text = input.name.value.clone();
    if let Some(description) = &input.description {
        text.push_str(&format!(" · {}", safe_line(description)));
    }
    if !input.options.is_empty() {
        let options: Vec<String> = input.options.iter().map(|option| safe_line(&display(option))).collect();
        text.push_str(&format!(" ({})", options.join(" | ")));
    } else {
        text.push_str(&format!(" ({})", input.expected()));
    }
    if let Some(default) = &input.default {
        text.push_str(&format!(" [{}]", safe_line(&display(default))));
    } else if let Some(example) = &input.example {
        text.push_str(&format!(", such as {}", safe_line(&display(example))));
    }
    text.push_str(": ");
    text
}

/// What `line` means for `input`; an empty line is its default, or nothing.
pub(crate) fn read_value(input: &Input, line: &str) -> Result<Option<runbook_core::value::Value>, String> {
    if line.is_empty() {
        return match &input.default {
            Some(default) => Ok(Some(default.clone())),
            None if input.required => Err(format!("a value is needed: {}", input.expected())),
            None => Ok(None),
        };
    }
    input.parse(line).map(Some).map_err(|why| why.to_string())
}

async fn failure(talk: &dyn Dialogue) -> Option<Choice> {
    talk.say("  retry: try again · skip: go on without it · rollback: stop and undo · stop: stop\n");
    let options = [
        (&["retry", "r"][..], Choice::Retry),
        (&["skip"][..], Choice::Skip),
        (&["rollback"][..], Choice::Rollback),
        (&["stop"][..], Choice::Stop),
    ];
    choose(talk, "what now? [retry/skip/rollback/stop] ", &options).await
}

async fn rollback(talk: &dyn Dialogue, plan: &Plan, steps: &[NodeId]) -> Option<Undoing> {
    talk.say(&format!(
        "\n{} {}\n",
        talk.paint().lively("?"),
        talk.paint().strong("the run failed; undo what it has done?")
    ));
    for id in steps {
        talk.say(&format!("  {}\n", safe_line(&key_and_title(plan, *id))));
    }
    let options = [
        (&YES[..], Undoing::Begin),
        (&NO[..], Undoing::Decline),
        (&["later", "l", "позже", "п"][..], Undoing::Defer),
    ];
    choose(talk, "undo these, in this order? [yes/no/later] ", &options).await
}

const YES: [&str; 4] = ["yes", "y", "да", "д"];
const NO: [&str; 4] = ["no", "n", "нет", "н"];

fn is_one_of(line: &str, words: &[&str]) -> bool {
    let line = line.trim().to_lowercase();
    words.contains(&line.as_str())
}

/// Asks until the answer is one of the words of `options`.
async fn choose<T: Copy + Sync>(talk: &dyn Dialogue, prompt: &str, options: &[(&[&str], T)]) -> Option<T> {
    loop {
        talk.say(prompt);
        let line = talk.line().await?;
        if let Some((_, choice)) = options.iter().find(|(words, _)| is_one_of(&line, words)) {
            return Some(*choice);
        }
        if !line.trim().is_empty() {
            talk.say(&format!("`{}` is none of the answers\n", safe_line(line.trim())));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#[path = "prompt_tests.rs"]
mod tests;
