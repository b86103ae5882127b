//! A step's action with every value in it.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::enter::resolve_target;
use crate::expr::{EvalError, Piece, Template};
use crate::ids::NodeId;
use crate::kind::Target;
use crate::model::{Action, Become, Command, Run, Shell, TargetRef};
use crate::plan::{Node, Plan, shown_secret};
use crate::run::GateQuestion;
use crate::shell::{self, Dialect, Part};
use crate::value::{Object, Value, display, type_name};

/// A step's action as it will be carried out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rendered {
    /// Where it acts.
    pub target: Target,
    /// A command, when it is one.
    pub run: Option<RenderedRun>,
    /// Parameters of another executor's action.
    pub params: Value,
    /// For people.
    pub shown: String,
    /// Digest over all that decides what happens.
    pub digest: String,
}

/// A command with every value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedRun {
    /// The command.
    pub command: RenderedCommand,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Data on standard input.
    pub stdin: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// As which user it runs.
    pub run_as: Option<RenderedBecome>,
}

/// Another user, through `sudo`.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedBecome {
    /// The user's name.
    pub user: String,
    /// What `sudo` is told when it asks for a password.
    pub password: Option<String>,
}

impl std::fmt::Debug for RenderedBecome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RenderedBecome").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A program with its arguments, or a script with its values in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderedCommand {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A script.
    Script {
        /// The shell that reads it.
        shell: Shell,
        /// Assignments, then the script.
        text: String,
        /// The script for people, values in their places.
        shown: String,
    },
}

/// Why an action cannot be rendered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

impl From<EvalError> for RenderError {
    fn from(error: EvalError) -> Self {
        let mut text = format!("{} (in `{}`)", error.message, error.expr);
        if let Some(help) = &error.help {
            text = format!("{text}; {help}");
        }
        RenderError(text)
    }
}

/// The action of `node`, with values from `scope`.
///
/// `plan_digest` is the plan's own: the values of inputs are under it.
pub fn render_action(
    plan: &Plan,
    plan_digest: &str,
    node: &Node,
    scope: &Object,
    shown_custom: impl Fn(&str, &Value) -> String,
) -> Result<Rendered, RenderError> {
    let target = match &node.spec.target {
        // What acts nowhere itself needs no place.
        TargetRef::Around if node.spec.action.is_group() => Target::local(),
        place => resolve_target(plan, place, scope)?,
    };
    let (run, params, shown) = match &node.spec.action {
        Action::Run(run) => {
            let rendered = render_run(plan, run, &target, scope)?;
            let shown = rendered.shown();
            (Some(rendered), Value::Null, shown)
        }
        Action::Custom(custom) => {
            let params = custom.params.render(scope)?;
            let shown = shown_custom(&custom.kind, &params);
            (None, params, shown)
        }
        Action::Manual(manual) => {
            let text = manual.instructions.render_text(scope)?;
            (None, Value::String(text.clone()), text)
        }
        Action::Wait(pause) => (None, Value::String(pause.to_string()), format!("wait {pause}")),
        Action::Group { .. } | Action::Choose | Action::Remedies(_) | Action::Each(_) | Action::Call(_) => {
            (None, Value::Null, group_shown(plan, node))
        }
        Action::Notify(notify) => {
            let to: Vec<&str> = notify.to.iter().map(|name| name.value.as_str()).collect();
            let subject = notify.subject.as_ref().map(|subject| subject.render_text(scope)).transpose()?;
            let message = notify.message.render_text(scope)?;
            let first = subject.as_ref().map(|subject| format!("{subject}\n")).unwrap_or_default();
            let shown = format!("{}: {first}{message}", to.join(", "));
            (None, json!({ "to": to, "subject": subject, "message": message }), shown)
        }
        Action::Set(_) | Action::Assert(_) | Action::WaitFor(_) => {
            (None, Value::Null, node.spec.action.key().to_owned())
        }
    };
    let decides = json!({
        "plan": plan_digest,
        "step": node.key,
        "target": target.name,
        "effect": node.spec.effect,
        "kind": node.spec.action.key(),
        "run": run.as_ref().map(RenderedRun::decides),
        "params": params,
    });
    // What stands for a secret differs from engine to engine, and is not for people.
    let (shown, decides) = (without_marks(&shown, scope), without_marks(&decides.to_string(), scope));
    Ok(Rendered { target, run, params, shown, digest: sha256(&decides) })
}

/// `text` with the names of secrets in place of what stands for them.
pub(crate) fn without_marks(text: &str, scope: &Object) -> String {
    let Some(Value::Object(marks)) = scope.get("secrets") else { return text.to_owned() };
    let mut text = text.to_owned();
    for (name, mark) in marks {
        let mark = mark.as_str().unwrap_or_default();
        // As it is, and as JSON writes it.
        for mark in [mark.to_owned(), mark.replace('\u{1}', "\\u0001")] {
            if !mark.is_empty() && text.contains(&mark) {
                text = text.replace(&mark, &shown_secret(name));
            }
        }
    }
    text
}

/// How many members of a group a question lists.
const SHOWN_MEMBERS: usize = 50;

fn group_shown(plan: &Plan, node: &Node) -> String {
    let line = |id: &NodeId| {
        let child = plan.node(*id);
        let title = child.spec.title.as_ref().map(|title| format!(" — {}", title.source_text()));
        format!("{}{}", child.key, title.unwrap_or_default())
    };
    // One that is repeated may be repeated very often; who is asked reads the first of them.
    let mut lines: Vec<String> = node.children.iter().take(SHOWN_MEMBERS).map(line).collect();
    if node.children.len() > SHOWN_MEMBERS {
        lines.push(format!("… and {} more", node.children.len() - SHOWN_MEMBERS));
    }
    lines.join("\n")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A command, with values from `scope`.
pub fn render_run(
    plan: &Plan,
    run: &Run,
    target: &Target,
    scope: &Object,
) -> Result<RenderedRun, RenderError> {
    let command = match &run.command {
        Command::Argv(argv) => RenderedCommand::Argv(render_argv(plan, argv, scope)?),
        Command::Script(script) => render_script(script, run.shell, scope)?,
    };
    let mut env = Vec::with_capacity(run.env.len());
    for (name, value) in &run.env {
        env.push((name.clone(), no_nul(value.render_text(scope)?, name)?));
    }
    let stdin = run.stdin.as_ref().map(|data| data.render_text(scope)).transpose()?;
    let cwd = match &run.cwd {
        Some(cwd) => Some(no_nul(cwd.render_text(scope)?, "cwd")?),
        None => target.cwd.clone(),
    };
    let run_as = run.run_as.as_ref().map(|other| render_become(other, scope)).transpose()?;
    Ok(RenderedRun { command, env, stdin, cwd, run_as })
}

fn render_become(other: &Become, scope: &Object) -> Result<RenderedBecome, RenderError> {
    let user = other.user.render_text(scope)?;
    // With a dash in front, `sudo` would read it as an option.
    if user.is_empty()
        || user.starts_with('-')
        || user.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(RenderError(format!("`become` needs the name of a user, not `{}`", user.escape_debug())));
    }
    let password = other.password.as_ref().map(|password| password.render_text(scope)).transpose()?;
    let password = password.map(|password| no_nul(password, "password")).transpose()?;
    Ok(RenderedBecome { user, password })
}

fn no_nul(text: String, what: &str) -> Result<String, RenderError> {
    if text.contains('\0') {
        return Err(RenderError(format!("`{what}` would contain a NUL character")));
    }
    Ok(text)
}

fn render_argv(plan: &Plan, argv: &[Template], scope: &Object) -> Result<Vec<String>, RenderError> {
    let mut words = Vec::with_capacity(argv.len());
    for template in argv {
        let word = no_nul(template.render_text(scope)?, &template.source_text())?;
        let computed = matches!(template.pieces().first(), Some(Piece::Expr(_)));
        let after_dashes = words.iter().any(|word| word == "--");
        if computed && word.starts_with('-') && !after_dashes && !may_be_option(plan, template) {
            return Err(RenderError(format!(
                "the argument `{}` would be `{word}`, which a program reads as an option; \
                 put `--` before it, or limit the input with `options`",
                template.source_text()
            )));
        }
        words.push(word);
    }
    Ok(words)
}

/// Whether an argument that begins with `-` is one its author has allowed for: a number, or one of listed values.
fn may_be_option(plan: &Plan, template: &Template) -> bool {
    let [Piece::Expr(expr)] = template.pieces() else { return false };
    match expr.references().as_slice() {
        [only] if only.path.len() == 2 && only.path[0] == "inputs" => plan
            .dash_inputs
            .iter()
            .any(|name| *name == only.path[1] && expr.source().trim() == format!("inputs.{name}")),
        _ => false,
    }
}

fn render_script(script: &Template, shell: Shell, scope: &Object) -> Result<RenderedCommand, RenderError> {
    let dialect = match shell {
        Shell::Sh => Dialect::Sh,
        Shell::Bash => Dialect::Bash,
    };
    let mut texts = Vec::with_capacity(script.pieces().len());
    for piece in script.pieces() {
        texts.push(match piece {
            Piece::Text(text) => (text.clone(), true),
            Piece::Expr(expr) => {
                let value = expr.eval(scope)?;
                if matches!(value, Value::Null | Value::Array(_) | Value::Object(_)) {
                    return Err(RenderError(format!(
                        "`{}` is a {} and cannot stand in a script; use `| join(' ')` or `| to_json`",
                        expr.source(),
                        type_name(&value)
                    )));
                }
                (display(&value), expr.ends_with_filter("raw"))
            }
        });
    }
    let parts: Vec<Part<'_>> = script
        .pieces()
        .iter()
        .zip(&texts)
        .map(|(piece, (text, raw))| match piece {
            Piece::Text(_) => Part::Text(text),
            Piece::Expr(_) if *raw => Part::Raw(text),
            Piece::Expr(_) => Part::Hole,
        })
        .collect();
    let lowered = shell::lower(&parts, dialect).map_err(|refusals| {
        let reasons: Vec<_> = refusals.iter().map(|refusal| refusal.reason.to_string()).collect();
        RenderError(format!("the script cannot take its values: {}", reasons.join("; ")))
    })?;
    let holes = || parts.iter().zip(&texts).filter(|(part, _)| matches!(part, Part::Hole));
    let values: Vec<String> = holes().map(|(_, (text, _))| text.clone()).collect();
    let assignments =
        shell::assignments(&lowered.holes, &values).map_err(|error| RenderError(error.to_string()))?;
    let shown = parts.iter().zip(&texts).map(|(part, (text, _))| match part {
        Part::Hole => shell::quote(text),
        _ => text.clone(),
    });
    Ok(RenderedCommand::Script {
        shell,
        text: format!("{assignments}{}", lowered.text),
        shown: shown.collect(),
    })
}

impl RenderedRun {
    /// The command for people.
    pub fn shown(&self) -> String {
        let command = self.shown_command();
        let env: String =
            self.env.iter().map(|(name, value)| format!("{name}={}\n", shell::quote(value))).collect();
        let cwd = self.cwd.as_ref().map(|cwd| format!("cd {}\n", shell::quote(cwd))).unwrap_or_default();
        let user = self.run_as.as_ref().map(|other| format!("as {}:\n", other.user)).unwrap_or_default();
        format!("{user}{cwd}{env}{command}")
    }

    /// The command alone for people, without environment and directory.
    pub fn shown_command(&self) -> String {
        match &self.command {
            RenderedCommand::Argv(argv) => {
                argv.iter().map(|word| shell::quote(word)).collect::<Vec<_>>().join(" ")
            }
            RenderedCommand::Script { shown, .. } => shown.trim_end().to_owned(),
        }
    }

    fn decides(&self) -> Value {
        let command = match &self.command {
            RenderedCommand::Argv(argv) => json!({ "argv": argv }),
            RenderedCommand::Script { shell, text, .. } => {
                json!({ "shell": shell.program(), "script": text })
            }
        };
        let mut decides =
            json!({ "command": command, "env": self.env, "stdin": self.stdin, "cwd": self.cwd });
        if let Some(other) = &self.run_as {
            decides["become"] = other.user.as_str().into();
        }
        decides
    }
}

/// The question at the gate of `node`, for exactly what `rendered` would do.
pub fn gate_question(
    plan: &Plan,
    node: &Node,
    rendered: &Rendered,
    scope: &Object,
) -> Result<GateQuestion, RenderError> {
    let Some(confirm) = &node.spec.confirm else {
        return Err(RenderError("this step has no gate".to_owned()));
    };
    let text = |template: &Option<Template>| template.as_ref().map(|t| t.render_text(scope)).transpose();
    let effect = plan.gate_effect(node);
    let mut question = GateQuestion {
        message: confirm.message.render_text(scope)?,
        action: rendered.shown.clone(),
        target: rendered.target.name.clone(),
        effect,
        undo: node.rollback.iter().map(|id| undo_line(plan, *id)).collect(),
        show: text(&confirm.show)?,
        preview: None,
        phrase: text(&confirm.phrase)?,
        roles: confirm.roles.clone(),
        approvers_min: confirm.approvers_min,
        by_others: !confirm.allows_requester(effect),
        irreversible: node.spec.irreversible,
        asked_by: node.asked_by.clone(),
        digest: String::new(),
    };
    let all = json!([rendered.digest, serde_json::to_value(&question).unwrap_or(Value::Null)]);
    question.digest = sha256(&all.to_string());
    Ok(question)
}

fn undo_line(plan: &Plan, id: NodeId) -> String {
    let node = plan.node(id);
    match (&node.spec.title, &node.spec.action) {
        (Some(title), _) => title.source_text(),
        (None, Action::Run(run)) => match &run.command {
            Command::Argv(argv) => argv.iter().map(Template::source_text).collect::<Vec<_>>().join(" "),
            Command::Script(script) => script.source_text().trim_end().to_owned(),
        },
        (None, action) => action.key().to_owned(),
    }
}
