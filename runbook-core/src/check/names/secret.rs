//! Secrets in expressions: which there are, and where they may stand.

use super::{Names, Place, segment, unknown};
use crate::diag::{Code, Diagnostic};
use crate::expr::{Expr, Reference};
use crate::model::SecretSource;
use crate::source::Span;

impl Names<'_, '_> {
    pub(super) fn secret(&mut self, expr: &Expr, reference: &Reference, place: Place) {
        if self.unread.secrets {
            return;
        }
        let span = segment(expr, reference, 0);
        let refuse = |message: &str| Diagnostic::error(Code::SECRET_NOT_HERE, span, message.to_owned());
        let Some(name) = reference.path.get(1) else {
            let problem = refuse("secrets cannot be used as a whole");
            return self.found.push(problem.help("name the one that is needed: `secrets.name`"));
        };
        let declared = &self.unit.runbook.secrets;
        let named = |name: &str| SecretSource::input_of_name(name).is_none();
        if !declared.iter().any(|(secret, _)| secret.value == *name) {
            let problem = unknown(segment(expr, reference, 1), format!("there is no secret `{name}`"));
            let names =
                || declared.iter().map(|(secret, _)| secret.value.as_str()).filter(|name| named(name));
            let problem = self.suggest.add(problem, name, names);
            return self
                .found
                .push(problem.help("declare it under `secrets`: `{env: NAME}` or `{file: path}`"));
        }
        self.in_its_place(expr, &format!("secrets.{name}"), span, place);
    }

    /// A sensitive input may stand where secrets may.
    pub(super) fn sensitive(&mut self, expr: &Expr, reference: &Reference, place: Place) {
        if let Some(name) = reference.path.get(1) {
            self.in_its_place(expr, &format!("inputs.{name}"), segment(expr, reference, 0), place);
        }
    }

    fn in_its_place(&mut self, expr: &Expr, whole: &str, span: Span, place: Place) {
        let refuse = |message: &str| Diagnostic::error(Code::SECRET_NOT_HERE, span, message.to_owned());
        if !place.secret {
            let problem = refuse("a secret would be seen here")
                .note("commands, conditions, titles and outputs are logged and shown");
            return self.found.push(problem.help(
                "pass it in `env:` or `stdin:` of the command, and let the command read it from there",
            ));
        }
        if expr.source().trim() != whole {
            let problem = refuse("a secret stands alone: it cannot be computed with");
            self.found
                .push(problem.help(format!("write `${{{{ {whole} }}}}`, with any other text around it")));
        }
    }
}
