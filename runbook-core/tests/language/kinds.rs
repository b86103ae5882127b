//! An executor of its own for the corpus, so that plugged-in actions are covered without a real one.

use std::sync::Arc;

use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::kind::{ActionKind, Kinds, TargetKind};
use runbook_core::model::Effect;
use runbook_core::value::Value;
use runbook_core::yaml::Node;

/// `bell: {ring: name}` changes something, `bell: {look: name}` does not.
struct Bell;

impl ActionKind for Bell {
    fn key(&self) -> &str {
        "bell"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        if params.get("ring").is_none() && params.get("look").is_none() {
            found.push(Diagnostic::error(Code::MISSING_KEY, params.span, "`bell` needs `ring` or `look`"));
        }
    }

    fn effect(&self, params: &Value) -> Effect {
        if params.get("ring").is_some() { Effect::Change } else { Effect::Read }
    }

    fn is_channel(&self, params: &Value) -> bool {
        params.get("ring").is_some()
    }

    fn show(&self, params: &Value) -> String {
        format!("bell {params}")
    }
}

/// An executor that knows its parameters but cannot act in this build.
struct Siren;

impl ActionKind for Siren {
    fn key(&self) -> &str {
        "siren"
    }

    fn available(&self) -> bool {
        false
    }

    fn check(&self, _: &Node, _: &mut Diagnostics) {}

    fn effect(&self, _: &Value) -> Effect {
        Effect::Change
    }

    fn show(&self, _: &Value) -> String {
        "siren".to_owned()
    }
}

/// `bench: {name: text}`, a place to act.
struct Bench;

impl TargetKind for Bench {
    fn key(&self) -> &str {
        "bench"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        if params.get("name").is_none() {
            found.push(Diagnostic::error(Code::MISSING_KEY, params.span, "`bench` needs `name`"));
        }
    }
}

/// The kinds that the corpus is read with: no `http`, `docker` or `compose`, but `bell` and `siren`;
/// no `ssh` or `container`, but `bench`.
pub(crate) fn kinds() -> Kinds {
    let mut kinds = Kinds::default();
    kinds.add_action(Arc::new(Bell));
    kinds.add_action(Arc::new(Siren));
    kinds.add_target(Arc::new(Bench));
    kinds
}
