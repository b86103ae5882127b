//! Actions against policies.

use std::ops::Range;

use crate::command::{
    Analysis, Context, Effect, Fit, Invocation, Reason, Script, Words, Write, classify, classify_words,
};
use crate::model::{self, Policy, Rule, Unreadable};
use crate::value::Value;

/// An action, as far as policies look at it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ActionView<'a> {
    /// A script for a shell.
    Script {
        /// Its text.
        script: &'a Script,
        /// The directory it starts in.
        cwd: Option<&'a str>,
        /// The variables it is given.
        variables: &'a [String],
        /// Whether data is on its standard input.
        stdin: bool,
    },
    /// A program and its arguments.
    Words {
        /// The words.
        words: &'a Words,
        /// The directory it starts in.
        cwd: Option<&'a str>,
        /// The variables it is given.
        variables: &'a [String],
        /// Whether data is on its standard input.
        stdin: bool,
    },
    /// An action of an executor, or of the language itself.
    Other {
        /// Its action key.
        key: &'a str,
        /// Its parameters, rendered as far as they can be.
        params: &'a Value,
        /// What its kind says it does.
        effect: model::Effect,
        /// The files it writes; none for one that is not known yet.
        writes: &'a [Option<String>],
    },
}

impl<'a> ActionView<'a> {
    /// A script of which nothing more is known.
    pub fn script(script: &'a Script) -> Self {
        ActionView::Script { script, cwd: None, variables: &[], stdin: false }
    }

    /// A program with arguments of which nothing more is known.
    pub fn words(words: &'a Words) -> Self {
        ActionView::Words { words, cwd: None, variables: &[], stdin: false }
    }

    fn has_unknown(&self) -> bool {
        match self {
            ActionView::Script { script, .. } => script.has_unknown(),
            ActionView::Words { words, .. } => words.has_unknown(),
            ActionView::Other { writes, .. } => writes.iter().any(Option::is_none),
        }
    }
}

/// When an action is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Values may still be unknown: only what is certain refuses.
    Early,
    /// This is what will run: what may be forbidden refuses too.
    Final,
}

/// A rule that an action breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The policy.
    pub policy: String,
    /// The id of the rule; `unreadable` for what could hide anything.
    pub rule: String,
    /// Why it is forbidden.
    pub reason: String,
    /// Whether a step may ask for an exception.
    pub overridable: bool,
    /// Whether the rule applies whatever the values are that are not known yet.
    pub certain: bool,
    /// The part of the action's text that breaks it.
    pub span: Range<usize>,
}

/// What policies say of an action.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// What the action does: the strictest of what is found and what was declared.
    pub effect: Effect,
    /// Whether it may show or carry a secret.
    pub secrets: bool,
    /// Why, by the parts of its text.
    pub reasons: Vec<Reason>,
    /// The rules it breaks.
    pub forbidden: Vec<Violation>,
    /// The policies that want a confirmation.
    pub asked_by: Vec<String>,
}

impl Verdict {
    /// Whether some policy wants a confirmation.
    pub fn needs_confirm(&self) -> bool {
        !self.asked_by.is_empty()
    }

    /// Whether the action must not run, at this stage.
    pub fn refuses(&self, stage: Stage) -> bool {
        self.forbidden.iter().any(|violation| violation.certain || stage == Stage::Final)
    }
}

/// The policies that apply. The strictest wins: nothing that one of them forbids is allowed by another.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    policies: Vec<Policy>,
}

impl PolicySet {
    /// All of `policies`, each once.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        let mut all: Vec<Policy> = Vec::new();
        for policy in policies {
            if !all.contains(&policy) {
                all.push(policy);
            }
        }
        PolicySet { policies: all }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The policies.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// What the policies know of the world: a host only reads when every policy that speaks of hosts says so;
    /// a path that one of them excepts changes something for all.
    fn context(&self) -> Context {
        let mut context = Context::default();
        let mut opinions = self.policies.iter().filter_map(|policy| policy.reads.as_ref());
        if let Some(first) = opinions.next() {
            context.read_hosts.clone_from(&first.hosts);
            context.changing_gets.clone_from(&first.except);
        }
        for other in opinions {
            context
                .read_hosts
                .retain(|host| other.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)));
            context.changing_gets.extend(other.except.iter().cloned());
        }
        context
    }

    /// What is found out about an action, without rules.
    pub fn analyse(&self, action: &ActionView<'_>) -> Analysis {
        let mut context = self.context();
        match action {
            ActionView::Script { script, cwd, variables, stdin } => {
                context.cwd = cwd.map(str::to_owned);
                context.variables = variables.to_vec();
                context.stdin = *stdin;
                classify(script, &context)
            }
            ActionView::Words { words, cwd, variables, stdin } => {
                context.cwd = cwd.map(str::to_owned);
                context.variables = variables.to_vec();
                context.stdin = *stdin;
                classify_words(words, &context)
            }
            ActionView::Other { key, params, effect, writes } => {
                let mut found = other(key, params, *effect, writes);
                if *key == "http" && self.policies.iter().any(|policy| policy.reads.is_some()) {
                    believe_only_declared(&mut found, params, &context);
                }
                found
            }
        }
    }

    /// Judges an action. `declared` is the effect that its author states; it may only raise what is found.
    pub fn judge(&self, action: &ActionView<'_>, declared: Option<model::Effect>) -> Verdict {
        self.judge_stated(action, declared, None)
    }

    /// The same where the author also says why the effect is `declared`: that counts where nothing can be seen, and
    /// takes nothing away from what is seen.
    pub(super) fn judge_stated(
        &self,
        action: &ActionView<'_>,
        declared: Option<model::Effect>,
        because: Option<&str>,
    ) -> Verdict {
        let found = self.analyse(action);
        let effect = declared.map_or(found.effect, |declared| found.effect.max(level(declared)));
        let answered_for = match (declared, because) {
            (Some(declared), Some(_)) if found.effect == Effect::Unknown => level(declared),
            _ => effect,
        };
        let mut verdict = Verdict {
            effect: answered_for,
            secrets: found.secrets,
            reasons: Vec::new(),
            forbidden: Vec::new(),
            asked_by: Vec::new(),
        };
        for policy in &self.policies {
            let mut asks = policy.confirm.iter().any(|asked| match (answered_for, asked) {
                // What is not understood may be anything but a read.
                (Effect::Unknown, model::Effect::Change | model::Effect::Destroy) => true,
                (effect, asked) => effect == level(*asked),
            });
            let watches = policy.rules.iter().any(|rule| !rule.command.is_empty() || !rule.writes.is_empty());
            if let Some(hidden) = found.hidden().filter(|_| watches) {
                match policy.unreadable {
                    Unreadable::Confirm => asks = true,
                    Unreadable::Forbid => verdict.forbidden.push(Violation {
                        policy: policy.name.clone(),
                        rule: "unreadable".to_owned(),
                        reason: format!(
                            "what runs here cannot be read, and could be forbidden: {}",
                            hidden.text
                        ),
                        overridable: false,
                        certain: !action.has_unknown(),
                        span: hidden.span.clone(),
                    }),
                }
            }
            for rule in &policy.rules {
                let Some((fit, span)) = rule.fits(&found, effect) else { continue };
                if fit == Fit::Perhaps && policy.unreadable == Unreadable::Confirm {
                    asks = true;
                    continue;
                }
                verdict.forbidden.push(Violation {
                    policy: policy.name.clone(),
                    rule: rule.id.clone(),
                    reason: rule.reason.clone(),
                    overridable: rule.overridable,
                    certain: fit == Fit::Yes || !action.has_unknown(),
                    span,
                });
            }
            verdict.asked_by.extend(asks.then(|| policy.name.clone()));
        }
        verdict.reasons = found.reasons;
        verdict
    }
}

impl Rule {
    /// Whether the rule applies, and where. `whole` is what the action as a whole does.
    pub(super) fn fits(&self, found: &Analysis, whole: Effect) -> Option<(Fit, Range<usize>)> {
        let least = self.effect.map(level);
        let mut best = (Fit::Yes, 0..0);
        if !self.command.is_empty() {
            let fits = |command: &Invocation| {
                let fit = self.command.iter().map(|pattern| pattern.fits(command)).max()?;
                let enough = least.is_none_or(|least| command.effect >= least);
                (fit > Fit::No && enough).then(|| (fit, command.span.clone()))
            };
            best = strongest(found.commands.iter().filter_map(fits))?;
        } else if least.is_some_and(|least| whole < least) {
            return None;
        }
        if !self.writes.is_empty() {
            let fits = |write: &Write| {
                let fit = self.writes.iter().map(|pattern| pattern.fits(write)).max()?;
                (fit > Fit::No).then(|| (fit, write.span.clone()))
            };
            let (fit, span) = strongest(found.writes.iter().filter_map(fits))?;
            best = (best.0.min(fit), span);
        }
        Some(best)
    }
}

/// The first of the strongest.
fn strongest(fits: impl Iterator<Item = (Fit, Range<usize>)>) -> Option<(Fit, Range<usize>)> {
    fits.reduce(|best, next| if next.0 > best.0 { next } else { best })
}

fn level(effect: model::Effect) -> Effect {
    match effect {
        model::Effect::Read => Effect::Read,
        model::Effect::Change => Effect::Change,
        model::Effect::Destroy => Effect::Destroy,
    }
}

/// Once a policy says which requests only read, no other one does. A request is what `curl` would make of it.
fn believe_only_declared(found: &mut Analysis, params: &Value, context: &Context) {
    let Some(url) = ["get", "head"].iter().find_map(|method| params.get(method)) else { return };
    let mut words = Words::new(["curl"]);
    match url.as_str() {
        Some(url) => words.push(url),
        None => words.push_unknown("…"),
    }
    let request = classify_words(&words, context);
    if request.effect > found.effect {
        let because = request.reasons.into_iter().filter(|reason| reason.effect == request.effect);
        found.reasons = because.map(|reason| Reason { span: 0..0, hidden: false, ..reason }).collect();
        found.effect = request.effect;
    }
}

/// An action of another kind: its key and the first of its parameters read like a command.
fn other(key: &str, params: &Value, effect: model::Effect, writes: &[Option<String>]) -> Analysis {
    let effect = level(effect);
    let mut found = classify_words(&Words::new(["true"]), &Context::default());
    (found.effect, found.commands, found.reasons) = (effect, Vec::new(), Vec::new());
    found.reasons.push(Reason {
        effect,
        secrets: false,
        hidden: false,
        text: format!("`{key}` says that it is a {}", effect.name()),
        span: 0..0,
    });
    let empty = serde_json::Map::new();
    let keys = params.as_object().unwrap_or(&empty);
    for verb in keys.keys() {
        let ways: &[&[&str]] =
            if key == "compose" { &[&["docker", "compose"], &["docker-compose"]] } else { &[&[key]] };
        for way in ways {
            let words = way.iter().copied().chain([verb.as_str()]);
            found.commands.push(Invocation::of_words(words, effect));
        }
    }
    found.writes = writes.iter().map(|path| Write::to(path.as_deref(), None)).collect();
    found
}
