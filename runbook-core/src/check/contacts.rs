//! Who is told, and over what: every name under `to` and `channel` leads to a channel.

use super::graph::Graph;
use super::suggest::Suggest;
use super::unread::Unread;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Action, Runbook};
use crate::source::Spanned;

/// Checks where the contacts of `runbook` are reached.
pub(super) fn check(runbook: &Runbook, unread: &Unread, found: &mut Diagnostics) {
    for level in runbook.escalation.iter().flat_map(|escalation| &escalation.levels) {
        recipients(runbook, &level.to, unread, found);
    }
    if unread.contacts {
        return;
    }
    let mut suggest = Suggest::default();
    for (_, contact) in &runbook.contacts {
        let Some(channel) = &contact.channel else { continue };
        if !runbook.channels.iter().any(|(name, _)| name.value == channel.value) {
            let message = format!("there is no channel `{}`", channel.value);
            let problem = Diagnostic::error(Code::UNKNOWN_CONTACT, channel.span, message);
            let names = || runbook.channels.iter().map(|(name, _)| name.value.as_str());
            let problem = suggest.add(problem, &channel.value, names);
            found.push(problem.help("declare it under `channels`"));
        }
    }
}

/// Checks who is told by the steps of `graph`.
pub(super) fn steps(runbook: &Runbook, graph: &Graph<'_>, unread: &Unread, found: &mut Diagnostics) {
    for placed in graph.steps() {
        if let Action::Notify(notify) = &placed.step.spec.action {
            recipients(runbook, &notify.to, unread, found);
        }
    }
}

/// Checks that everybody in `to` can be told.
pub(super) fn recipients(
    runbook: &Runbook,
    to: &[Spanned<String>],
    unread: &Unread,
    found: &mut Diagnostics,
) {
    if unread.contacts {
        return;
    }
    for name in to {
        if runbook.channels.iter().any(|(channel, _)| channel.value == name.value) {
            continue;
        }
        match runbook.contacts.iter().find(|(contact, _)| contact.value == name.value) {
            Some((_, contact)) if contact.channel.is_some() => {}
            Some((declared, _)) => {
                let message = format!("the contact `{}` has no channel, so nobody would be told", name.value);
                found.push(
                    Diagnostic::error(Code::NO_CHANNEL, name.span, message)
                        .also(declared.span, "it is declared here")
                        .help("add `channel: …` to the contact"),
                );
            }
            None => {
                let message = format!("there is no contact and no channel `{}`", name.value);
                let contacts = runbook.contacts.iter().map(|(name, _)| name.value.as_str());
                let names = contacts.chain(runbook.channels.iter().map(|(name, _)| name.value.as_str()));
                found.push(
                    Diagnostic::error(Code::UNKNOWN_CONTACT, name.span, message)
                        .did_you_mean(&name.value, names)
                        .help("declare it under `contacts` or `channels`"),
                );
            }
        }
    }
}
