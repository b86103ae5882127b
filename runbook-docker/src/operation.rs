//! Actions that hold one operation and its options: `{restart: worker, timeout: 10s}`.

use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::kind::{Param, Shape, check_params, choose_one};
use runbook_core::model::Effect;
use runbook_core::value::{Value, display};
use runbook_core::yaml::Node;

/// One operation: the key that names it holds what it is about.
pub(crate) struct Operation {
    /// The key.
    pub(crate) name: &'static str,
    /// What it may do to the world.
    pub(crate) effect: Effect,
    /// What its key may hold.
    pub(crate) subject: Shape,
    /// What else it takes.
    pub(crate) options: &'static [Param],
    /// Whether doing it again does no harm, though it may change something.
    pub(crate) repeatable: bool,
}

impl Operation {
    /// One that only looks.
    pub(crate) const fn read(name: &'static str, subject: Shape, options: &'static [Param]) -> Self {
        Operation { name, effect: Effect::Read, subject, options, repeatable: true }
    }

    /// One that changes something that can be changed back.
    pub(crate) const fn change(name: &'static str, subject: Shape, options: &'static [Param]) -> Self {
        Operation { name, effect: Effect::Change, subject, options, repeatable: false }
    }

    /// One after which something is gone.
    pub(crate) const fn destroy(name: &'static str, subject: Shape, options: &'static [Param]) -> Self {
        Operation { name, effect: Effect::Destroy, subject, options, repeatable: false }
    }

    /// The same, and doing it again does no harm.
    pub(crate) const fn again(self) -> Self {
        Operation { repeatable: true, ..self }
    }

    fn has_option(&self, name: &str) -> bool {
        self.options.iter().any(|option| option.name == name)
    }
}

/// The operations of one action.
pub(crate) struct Operations {
    /// What messages call the action.
    pub(crate) what: &'static str,
    /// How its commands begin, for people.
    pub(crate) program: &'static str,
    /// Options that go with every operation.
    pub(crate) common: &'static [Param],
    /// The operations.
    pub(crate) table: &'static [Operation],
}

impl Operations {
    /// Reports every problem of the parameters `node`.
    pub(crate) fn check(&self, node: &Node, found: &mut Diagnostics) {
        let chosen = match self.written(|name| node.get(name).is_some()).as_slice() {
            [] | [_, _, ..] => {
                let names: Vec<&'static str> = self.table.iter().map(|operation| operation.name).collect();
                choose_one(node, self.what, "operation", &names, found);
                None
            }
            [operation] => Some(*operation),
        };
        let mut params = self.common.to_vec();
        if let Some(operation) = chosen {
            params.push(Param::optional(operation.name, operation.subject));
            params.extend(operation.options);
        }
        for other in self.table {
            let keys = std::iter::once(other.name).chain(other.options.iter().map(|option| option.name));
            for name in keys {
                if params.iter().any(|param| param.name == name) {
                    continue;
                }
                // Known, so that its spelling is not blamed.
                params.push(Param::optional(name, Shape::Any));
                if let (Some(operation), Some((key, _))) =
                    (chosen, node.as_map().and_then(|m| m.get_entry(name)))
                {
                    let message = format!("`{name}` means nothing for `{}`", operation.name);
                    found.push(Diagnostic::error(Code::KEY_NOT_HERE, key.span, message));
                }
            }
        }
        check_params(node, self.what, &params, found);
        if let Some(command) = node.get(COMMAND) {
            check_script(command, found);
        }
    }

    /// The operation that `params` name; `None` when they name none, or several.
    pub(crate) fn name(&self, params: &Value) -> Option<&'static str> {
        match self.written(|name| params.get(name).is_some()).as_slice() {
            [one] => Some(one.name),
            _ => None,
        }
    }

    /// What an action with these parameters may do to the world.
    pub(crate) fn effect(&self, params: &Value) -> Effect {
        let written = self.written(|name| params.get(name).is_some());
        written.iter().map(|operation| operation.effect).max().unwrap_or(Effect::Change)
    }

    /// Whether doing it again does no harm.
    pub(crate) fn is_idempotent(&self, params: &Value) -> bool {
        let written = self.written(|name| params.get(name).is_some());
        !written.is_empty() && written.iter().all(|operation| operation.repeatable)
    }

    /// `docker restart worker`: the command that a person would type.
    pub(crate) fn show(&self, params: &Value) -> String {
        let mut words = vec![self.program.to_owned()];
        let option = |words: &mut Vec<String>, name: &str| match params.get(name) {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Bool(true)) => words.push(format!("--{name}")),
            Some(value) => words.push(format!("--{name}={}", one_line(value))),
        };
        for common in self.common.iter().filter(|param| param.name != SERVICES) {
            option(&mut words, common.name);
        }
        for operation in self.written(|name| params.get(name).is_some()) {
            words.push(operation.name.replace('_', " "));
            for name in operation.options.iter().map(|option| option.name).filter(|name| *name != COMMAND) {
                option(&mut words, name);
            }
            let subjects =
                [operation.name, SERVICES, COMMAND].into_iter().filter_map(|name| params.get(name));
            words.extend(subjects.filter(|value| !value.is_null()).map(one_line));
        }
        words.join(" ")
    }

    /// The operations that are written: one, unless it is a mistake. A key may be the name of an operation and
    /// an option of another one (`{up: , build: true}`).
    fn written(&self, has: impl Fn(&str) -> bool) -> Vec<&Operation> {
        let all: Vec<&Operation> = self.table.iter().filter(|operation| has(operation.name)).collect();
        let owner = all
            .iter()
            .find(|owner| all.iter().all(|other| other.name == owner.name || owner.has_option(other.name)));
        owner.map_or_else(|| all.clone(), |owner| vec![*owner])
    }
}

/// A script takes no values: they would become program. Its values go through the environment.
fn check_script(command: &Node, found: &mut Diagnostics) {
    if command.as_scalar().is_some_and(|scalar| scalar.text().contains("${{")) {
        let message = "a value in a script of `command` would become program text";
        found.push(
            Diagnostic::error(Code::VALUE_IN_CONTAINER_SCRIPT, command.span, message)
                .help("write a list, `command: [program, \"${{ … }}\"]`, or pass the value in `env`"),
        );
    }
}

/// Implements the static half of an action by the table of its operations.
macro_rules! action_kind {
    ($(#[$doc:meta])* $name:ident, $key:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl runbook_core::kind::ActionKind for $name {
            fn key(&self) -> &str {
                $key
            }

            fn check(&self, params: &runbook_core::yaml::Node, found: &mut runbook_core::diag::Diagnostics) {
                OPERATIONS.check(params, found);
            }

            fn effect(&self, params: &runbook_core::value::Value) -> runbook_core::model::Effect {
                OPERATIONS.effect(params)
            }

            fn is_idempotent(&self, params: &runbook_core::value::Value) -> bool {
                OPERATIONS.is_idempotent(params)
            }

            fn show(&self, params: &runbook_core::value::Value) -> String {
                OPERATIONS.show(params)
            }
        }
    };
}
pub(crate) use action_kind;

/// Names more of what a Compose operation is about.
const SERVICES: &str = "services";

/// What `exec` and `run` start.
const COMMAND: &str = "command";

fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(display).collect::<Vec<_>>().join(" "),
        other => display(other).trim().replace('\n', "; "),
    }
}
