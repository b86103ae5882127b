//! What a step does, as policies look at it.

use std::ops::Range;

use super::{ActionView, PolicySet, Verdict, Violation};
use crate::command::{Hole, Script, Words};
use crate::expr::Expr;
use crate::ids::is_identifier;
use crate::model::{self, Action, Check, CheckKind, Command, CustomAction, PolicyException, Run, Shell};
use crate::shell::Dialect;
use crate::value::{Value, display};

/// An action, with as much of it as is known.
#[derive(Clone, Debug)]
pub struct Seen {
    what: What,
    cwd: Option<String>,
    variables: Vec<String>,
    stdin: bool,
}

#[derive(Clone, Debug)]
enum What {
    Script(Script),
    Words(Words),
    Other { key: String, params: Value, effect: model::Effect, writes: Vec<Option<String>> },
}

/// What is known around an action.
pub struct Surroundings<'a> {
    /// The directory in which commands of the target start when they name none.
    pub cwd: Option<&'a str>,
    /// The value of an expression, where it is known.
    pub value: &'a dyn Fn(&Expr) -> Option<Value>,
    /// Whether the value of an expression is known not to begin with a dash.
    pub operand: &'a dyn Fn(&Expr) -> bool,
}

impl Surroundings<'static> {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Surroundings { cwd: None, value: &|_| None, operand: &|_| false }
    }
}

impl Seen {
    /// What `action` does; nothing for actions that do nothing to the world themselves.
    pub fn of_action(action: &Action, effect: model::Effect, around: &Surroundings<'_>) -> Option<Seen> {
        match action {
            Action::Run(run) => Some(Seen::of_run(run, around)),
            Action::Custom(custom) => Some(Seen::of_custom(custom, effect, around)),
            _ => None,
        }
    }

    /// What `check` asks; nothing for questions that cannot have an effect.
    pub fn of_check(check: &Check, around: &Surroundings<'_>) -> Option<Seen> {
        match &check.kind {
            CheckKind::Run(run) => Some(Seen::of_run(run, around)),
            CheckKind::Custom(custom) => Some(Seen::of_custom(custom, model::Effect::Read, around)),
            _ => None,
        }
    }

    /// A command.
    pub fn of_run(run: &Run, around: &Surroundings<'_>) -> Seen {
        let text = |expr: &Expr| (around.value)(expr).map(|value| display(&value));
        let what = match &run.command {
            Command::Argv(argv) => What::Words(Words::rendered(argv, text)),
            Command::Script(script) => {
                let hole = |expr: &Expr| match text(expr) {
                    Some(known) => Hole::Known(known),
                    None if (around.operand)(expr) => Hole::Operand,
                    None => Hole::Value,
                };
                What::Script(Script::with_holes(script, dialect(run.shell), hole))
            }
        };
        let cwd = match &run.cwd {
            Some(cwd) => cwd.known(text),
            None => around.cwd.map(str::to_owned),
        };
        let variables = run.env.iter().map(|(name, _)| name.clone()).collect();
        Seen { what, cwd, variables, stdin: run.stdin.is_some() }
    }

    /// A program with its arguments, outside of any step.
    pub fn of_words(words: Words) -> Seen {
        Seen { what: What::Words(words), cwd: None, variables: Vec::new(), stdin: false }
    }

    /// A script that a person is told to type.
    pub fn of_script(script: Script) -> Seen {
        Seen { what: What::Script(script), cwd: None, variables: Vec::new(), stdin: false }
    }

    fn of_custom(custom: &CustomAction, effect: model::Effect, around: &Surroundings<'_>) -> Seen {
        let params = custom.params.known(around.value);
        let path = |name: &String| match params.get(name) {
            Some(Some(Value::String(path))) => Some(on_target(path).to_owned()),
            _ => None,
        };
        let written = custom.writes.iter().filter(|name| params.contains_key(*name));
        let writes = written.map(path).collect();
        let known = params.into_iter().map(|(name, value)| (name, value.unwrap_or(Value::Null))).collect();
        let what = What::Other { key: custom.kind.clone(), params: Value::Object(known), effect, writes };
        Seen { what, cwd: around.cwd.map(str::to_owned), variables: Vec::new(), stdin: false }
    }

    /// The text that places in a verdict refer to; none for what is not a command.
    pub fn text(&self) -> Option<&str> {
        match &self.what {
            What::Script(script) => Some(script.text()),
            What::Words(words) => Some(words.text()),
            What::Other { .. } => None,
        }
    }

    fn view(&self) -> ActionView<'_> {
        let (cwd, variables, stdin) = (self.cwd.as_deref(), &self.variables[..], self.stdin);
        match &self.what {
            What::Script(script) => ActionView::Script { script, cwd, variables, stdin },
            What::Words(words) => ActionView::Words { words, cwd, variables, stdin },
            What::Other { key, params, effect, writes } => {
                ActionView::Other { key, params, effect: *effect, writes }
            }
        }
    }
}

impl PolicySet {
    /// Judges what is seen. `declared` is the effect that its author states, `because` how its author knows where
    /// nothing can be seen, `exception` the rule from which the author asks to be excepted.
    pub fn judge_seen(
        &self,
        seen: &Seen,
        declared: Option<model::Effect>,
        because: Option<&str>,
        exception: Option<&PolicyException>,
    ) -> Verdict {
        let mut verdict = self.judge_stated(&seen.view(), declared, because);
        verdict.forbidden.retain(|violation| !violation.excepts(exception));
        verdict
    }

    /// The policies that want a confirmation for `effect`.
    pub fn asking(&self, effect: model::Effect) -> Vec<String> {
        let asking = self.policies().iter().filter(|policy| policy.confirm.contains(&effect));
        asking.map(|policy| policy.name.clone()).collect()
    }
}

impl Violation {
    fn excepts(&self, exception: Option<&PolicyException>) -> bool {
        self.overridable && exception.is_some_and(|exception| exception.rule == self.rule)
    }

    /// What is forbidden, for people: the part of `text` that breaks the rule.
    pub fn part<'t>(&self, text: Option<&'t str>) -> Option<&'t str> {
        let Range { start, end } = self.span;
        text.and_then(|text| text.get(start..end)).map(str::trim).filter(|part| !part.is_empty())
    }

    /// One line for people.
    pub fn say(&self, text: Option<&str>) -> String {
        let what = self.part(text).map_or_else(|| "this".to_owned(), |part| format!("`{part}`"));
        format!(
            "{what} is forbidden by the rule `{}` of the policy `{}`: {}",
            self.rule, self.policy, self.reason
        )
    }
}

/// A path without the name of its target.
fn on_target(path: &str) -> &str {
    match path.split_once(":/") {
        Some((target, _)) if is_identifier(target) => &path[target.len() + 1..],
        _ => path,
    }
}

fn dialect(shell: Shell) -> Dialect {
    match shell {
        Shell::Sh => Dialect::Sh,
        Shell::Bash => Dialect::Bash,
    }
}
