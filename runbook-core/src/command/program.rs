//! One program with its arguments, judged by the table.

use std::ops::Range;

use super::arg::Arg;
use super::options::{self, Parsed};
use super::path;
use super::secret;
use super::special;
use super::table::{Inner, InnerKind, Operands, Role, Spec, Table, Writes};
use super::walk::{Stdin, Walker};
use super::{Effect, Invocation, Reason};
use crate::shell::Dialect;

/// Where programs of the system are.
const SYSTEM: &[&str] = &[
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/local/bin/",
    "/usr/local/sbin/",
    "/snap/bin/",
    "/opt/homebrew/bin/",
];

/// A call of a program while it is being looked at.
pub(super) struct Call<'a> {
    pub(super) name: String,
    pub(super) args: &'a [Arg],
    pub(super) stdin: &'a Stdin,
    pub(super) span: Range<usize>,
    positional: Vec<Arg>,
    sure: bool,
    /// What it does; the strictest so far.
    pub(super) effect: Effect,
    why: Option<String>,
    dry: bool,
    pub(super) safe: bool,
    /// Whether an option makes it one that only reads.
    pub(super) reads: bool,
    /// Whether nothing more is said of it: it only runs something else.
    pub(super) quiet: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(args: &'a [Arg], stdin: &'a Stdin, span: Range<usize>) -> Self {
        let first = args.first().cloned().into_iter().collect();
        Call {
            name: args.first().map(Arg::show).unwrap_or_default(),
            args,
            stdin,
            span,
            positional: first,
            sure: false,
            effect: Effect::Read,
            why: None,
            dry: false,
            safe: false,
            reads: false,
            quiet: false,
        }
    }

    pub(super) fn invocation(&self, effect: Effect) -> Invocation {
        Invocation {
            args: self.args.to_vec(),
            positional: self.positional.clone(),
            sure: self.sure,
            effect,
            span: self.span.clone(),
        }
    }

    /// It does at least this.
    pub(super) fn raise(&mut self, effect: Effect, why: impl Into<String>) {
        if effect > self.effect {
            (self.effect, self.why) = (effect, Some(why.into()));
        }
    }
}

impl Walker<'_> {
    /// Looks at the program called `name`; `args` begin with it.
    pub(super) fn program(&mut self, name: &str, args: &[Arg], stdin: &Stdin, span: Range<usize>) -> Effect {
        let base = name.rsplit('/').next().unwrap_or(name);
        let foreign = name.contains('/') && !SYSTEM.iter().any(|dir| name.strip_prefix(dir) == Some(base));
        let mut call = Call::new(args, stdin, span.clone());
        call.name = base.to_owned();
        if let Some(first) = call.positional.first_mut() {
            *first = Arg::fixed(base, first.span.clone());
        }
        let place = self.found.commands.len();
        self.found.commands.push(call.invocation(Effect::Unknown));
        let program = Table::get().program(base).or_else(|| Table::get().program(unversioned(base)?));
        let rest = args.get(1..).unwrap_or_default();
        match program {
            Some(spec) => {
                self.apply(&mut call, rest, spec);
                if foreign && call.effect < Effect::Unknown {
                    // `.venv/bin/pip` is the program that it is called after; whether it only reads is not known.
                    let venv = name.strip_suffix(base).is_some_and(|dir| dir.ends_with("/bin/"));
                    if call.effect == Effect::Read || !venv {
                        call.raise(Effect::Unknown, format!("`{name}` is not a program of the system"));
                    }
                }
            }
            None => call.raise(Effect::Unknown, format!("nothing is known of `{name}`")),
        }
        if let Some(found) = self.found.commands.get_mut(place) {
            *found = call.invocation(call.effect);
        }
        let text = match (&call.why, call.effect) {
            (Some(why), _) => why.clone(),
            (None, Effect::Read) => format!("`{}` only reads", call.name),
            (None, Effect::Change) => format!("`{}` changes something", call.name),
            (None, Effect::Destroy) => format!("`{}` destroys something", call.name),
            (None, Effect::Unknown) => format!("what `{}` does is not known", call.name),
        };
        if !(call.quiet && call.effect == Effect::Read) {
            self.reason(Reason { effect: call.effect, secrets: false, hidden: false, text, span });
        }
        call.effect
    }

    /// Applies what the table says of a program or verb to `args`, the words behind its name.
    pub(super) fn apply(&mut self, call: &mut Call<'_>, args: &[Arg], spec: &Spec) {
        if spec.secrets {
            self.expose(call.span.clone(), format!("`{}` may show secrets", call.name));
        }
        let command = spec.inner.as_ref().is_some_and(|inner| !inner.behind_dashes);
        let stop = !spec.verbs.is_empty() || command || spec.stop;
        let parsed = options::sort(args, spec, stop);
        let effects = self.options(call, &parsed);
        let leaf = spec.verbs.is_empty() || parsed.operands.is_empty();
        self.sorted(call, &parsed, spec, stop);
        if let Some(special) = &spec.special
            && leaf
        {
            special::judge(self, call, special, args, &parsed);
        }
        for (effect, why) in effects {
            if !call.dry || effect == Effect::Unknown {
                call.raise(effect, why);
            }
        }
        if !spec.verbs.is_empty() {
            return self.verb(call, &parsed, spec);
        }
        match &spec.inner {
            Some(inner) if inner.behind_dashes => {
                let before = parsed.before_dashes.unwrap_or(parsed.operands.len());
                call.positional.extend(parsed.operands.iter().take(before).cloned());
                self.inner(call, &parsed, inner, before, spec);
            }
            Some(inner) => {
                call.positional.extend(parsed.operands.iter().take(inner.skip).cloned());
                self.inner(call, &parsed, inner, inner.skip, spec);
            }
            None => {
                call.positional.extend(parsed.operands.iter().cloned());
                self.leaf(call, &parsed, spec);
            }
        }
    }

    /// What the options do; effects that a dry run takes away are handed back.
    fn options(&mut self, call: &mut Call<'_>, parsed: &Parsed<'_>) -> Vec<(Effect, String)> {
        let mut effects = Vec::new();
        for used in &parsed.used {
            let span = used.arg.span.clone();
            let value = used.value.as_ref();
            if let (Some(like), Some(value)) = (&used.flag.like, value)
                && !value.known().is_some_and(|value| like.is_match(&value))
            {
                effects.push((
                    Effect::Unknown,
                    format!("what `{}` does with this value is not known", used.name),
                ));
            }
            match used.flag.role {
                Role::Plain | Role::Lift | Role::Lower => {}
                Role::Makes(effect) => {
                    let does = match effect {
                        Effect::Read => "only reads",
                        Effect::Change => "changes something",
                        Effect::Destroy => "destroys something",
                        Effect::Unknown => "does what is not known",
                    };
                    effects.push((effect, format!("`{} {}` {does}", call.name, used.name)));
                }
                Role::Hidden => self.hide(span, format!("`{}` takes text that is run", used.name)),
                Role::Write => {
                    let Some(path) = value else { continue };
                    let known = path.known();
                    if known.as_deref() == Some("-") || known.as_deref().is_some_and(path::is_sink) {
                        continue;
                    }
                    // Written even in a dry run.
                    self.note_write(path, span, false);
                    call.raise(Effect::Change, format!("`{}` writes a file", used.name));
                }
                Role::Shell => {
                    if let Some(text) = value {
                        self.text(text, Dialect::Sh, &Stdin::Data);
                    }
                }
                Role::File => self.file(value),
                Role::Secret => {
                    self.expose(span, format!("`{}` carries or shows a secret", used.name));
                }
                Role::Safe => call.safe = true,
                Role::Dry => call.dry = true,
                Role::Reads => call.reads = true,
                Role::Reveals => {
                    call.reads = true;
                    self.expose(span, format!("`{}` shows a secret", used.name));
                }
            }
        }
        effects
    }

    /// A file is read and shown.
    pub(super) fn file(&mut self, path: Option<&Arg>) {
        if let Some(path) = path.filter(|path| secret::is_secret(path)) {
            self.expose(path.span.clone(), format!("`{}` may hold secrets", path.show()));
        }
    }

    /// Options that are not listed, and words that could be options.
    fn sorted(&mut self, call: &mut Call<'_>, parsed: &Parsed<'_>, spec: &Spec, stop: bool) {
        call.sure = parsed.strange.is_empty() && parsed.doubtful.is_empty();
        if call.safe {
            return;
        }
        if let Some(strange) = parsed.strange.first().filter(|_| !spec.any_flags) {
            call.raise(
                Effect::Unknown,
                format!("the option `{}` of `{}` is not known", strange.show(), call.name),
            );
        }
        let harmless =
            spec.dynamic || (spec.any_flags && spec.flags.values().all(|flag| flag.role.is_tame()));
        if let Some(doubtful) = parsed.doubtful.first().filter(|_| !harmless) {
            let why = format!("`{}` could be an option of `{}`", doubtful.show(), call.name);
            if stop {
                self.hide(doubtful.span.clone(), why.clone());
            }
            call.raise(Effect::Unknown, why);
        }
    }

    fn verb(&mut self, call: &mut Call<'_>, parsed: &Parsed<'_>, spec: &Spec) {
        let Some((word, rest)) = parsed.operands.split_first() else {
            let bare =
                if call.safe || call.reads { Effect::Read } else { spec.bare.unwrap_or(Effect::Unknown) };
            return call.raise(bare, format!("`{}` without a verb", call.name));
        };
        call.positional.push(word.clone());
        let Some(verb) = word.known() else {
            self.hide(word.span.clone(), format!("what `{}` is told to do is not known", call.name));
            return call.raise(Effect::Unknown, "the verb is not known");
        };
        match spec.verb(&verb) {
            Some(found) => {
                call.name = format!("{} {verb}", call.name);
                self.apply(call, rest, found);
            }
            None => {
                call.positional.extend(rest.iter().cloned());
                call.sure = false;
                call.raise(Effect::Unknown, format!("nothing is known of `{} {verb}`", call.name));
            }
        }
    }

    /// A program that runs the command among its operands.
    fn inner(&mut self, call: &mut Call<'_>, parsed: &Parsed<'_>, inner: &Inner, skip: usize, spec: &Spec) {
        call.raise(
            spec.effect,
            spec.why.clone().unwrap_or_else(|| format!("`{}` changes something", call.name)),
        );
        let mut rest = parsed.operands.get(skip..).unwrap_or_default();
        if inner.assignments {
            while let Some((name, value)) = rest.first().and_then(|arg| {
                let prefix = arg.prefix();
                let name = prefix.split_once('=')?.0.to_owned();
                let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                plain.then(|| (name, arg.span.clone()))
            }) {
                self.assigned(&name, true, value);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        if call.safe || call.reads {
            return;
        }
        if let Some(strange) = parsed.strange.first() {
            // Whether it takes an argument decides where the command begins.
            self.hide(strange.span.clone(), format!("which command `{}` runs is not certain", call.name));
        }
        call.quiet = true;
        if rest.is_empty() {
            call.quiet = false;
            let none = inner.none.unwrap_or(Effect::Unknown);
            return call.raise(none, format!("`{}` without a command", call.name));
        }
        let stdin = call.stdin.clone();
        match inner.kind {
            InnerKind::Command => {
                let mut args = rest.to_vec();
                if inner.appended {
                    args.push(Arg { splits: true, ..Arg::unknown(call.span.clone()) });
                }
                let start = rest.first().map_or(call.span.start, |arg| arg.span.start);
                let span = start.min(call.span.end)..call.span.end;
                self.run(&args, &stdin, span);
            }
            InnerKind::Shell => {
                let mut script = super::Script::mapped(Dialect::Sh);
                for (number, arg) in rest.iter().enumerate() {
                    if number > 0 {
                        script.push(" ", arg.span.start..arg.span.start);
                    }
                    arg.add_to(&mut script);
                }
                self.script(&script, &stdin);
            }
        }
    }

    /// A program or verb that runs nothing else.
    fn leaf(&mut self, call: &mut Call<'_>, parsed: &Parsed<'_>, spec: &Spec) {
        let reads = call.dry || call.safe || call.reads;
        if !reads {
            if let (Some(rule), false) =
                (&spec.operands, parsed.used.iter().any(|u| u.flag.role == Role::Lift))
            {
                operands(call, parsed, rule);
            }
            let lowered = parsed.used.iter().any(|used| used.flag.role == Role::Lower);
            // A program with modes does what its mode says.
            let mode = spec.effect == Effect::Unknown
                && spec.flags.values().any(|flag| matches!(flag.role, Role::Reads | Role::Reveals))
                && parsed
                    .used
                    .iter()
                    .any(|used| matches!(used.flag.role, Role::Makes(Effect::Change | Effect::Destroy)));
            let effect = match (mode, lowered) {
                (true, _) => Effect::Read,
                (_, true) => spec.effect.min(Effect::Change),
                _ => spec.effect,
            };
            if effect > call.effect {
                let why = spec.why.clone();
                call.effect = effect;
                call.why = why;
            }
        }
        if spec.exposes {
            parsed.operands.iter().for_each(|operand| self.file(Some(operand)));
        }
        if let (Some(writes), false) = (spec.writes, reads) {
            let operands = &parsed.operands;
            let written: &[Arg] = match writes {
                Writes::All => operands,
                Writes::Last => operands.get(operands.len().saturating_sub(1)..).unwrap_or_default(),
                Writes::Rest => operands.get(1..).unwrap_or_default(),
            };
            for path in written {
                self.note_write(path, path.span.clone(), spec.deep);
            }
            if let (Writes::Last, Some((to, from))) = (writes, operands.split_last()) {
                // Into a directory, under the old name.
                for path in from {
                    let mut inside = to.clone();
                    let name = format!("/{}", path::last_component(path));
                    inside.parts.push(super::arg::Part { text: Some(name), span: to.span.clone() });
                    self.note_write(&inside, to.span.clone(), spec.deep);
                }
            }
        }
    }
}

/// `python3.11` is `python`, `mkfs.ext4` is `mkfs`.
fn unversioned(name: &str) -> Option<&str> {
    const VERSIONED: &[&str] = &["python", "pypy", "pip", "perl", "ruby", "php", "lua", "node", "tclsh"];
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let known = VERSIONED.contains(&stem).then_some(stem);
    known.or_else(|| name.starts_with("mkfs.").then_some("mkfs"))
}

fn operands(call: &mut Call<'_>, parsed: &Parsed<'_>, rule: &Operands) {
    if rule.max.is_some_and(|max| parsed.operands.len() > max) {
        call.raise(rule.otherwise, format!("`{}` with these operands does more than read", call.name));
    }
    if let Some(like) = &rule.like {
        let strange =
            parsed.operands.iter().find(|arg| !arg.known().is_some_and(|text| like.is_match(&text)));
        if let Some(strange) = strange {
            call.raise(
                rule.otherwise,
                format!("`{}` with `{}` does more than read", call.name, strange.show()),
            );
        }
    }
}
