//! The words of a command as options and operands.

use super::arg::Arg;
use super::table::{Arity, Flag, Spec, Style};

/// An option that was given.
#[derive(Debug)]
pub(super) struct Used<'t> {
    pub(super) name: String,
    pub(super) flag: &'t Flag,
    pub(super) value: Option<Arg>,
    pub(super) arg: Arg,
}

/// The words of a command, sorted.
#[derive(Debug, Default)]
pub(super) struct Parsed<'t> {
    pub(super) used: Vec<Used<'t>>,
    pub(super) operands: Vec<Arg>,
    /// Options that are not listed.
    pub(super) strange: Vec<Arg>,
    /// Words that could be options, or several words, and nobody knows.
    pub(super) doubtful: Vec<Arg>,
    /// How many of `operands` stand before a `--`; all when there is none.
    pub(super) before_dashes: Option<usize>,
}

impl Parsed<'_> {
    /// Whether the option `name` was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.used.iter().any(|used| used.name == name)
    }

    /// The values given for one of `names`.
    pub(super) fn values<'p>(&'p self, names: &'p [&str]) -> impl Iterator<Item = &'p Arg> {
        self.used
            .iter()
            .filter(|used| names.contains(&used.name.as_str()))
            .filter_map(|used| used.value.as_ref())
    }
}

/// Sorts `args` by what `spec` says of options. With `stop`, everything from the first operand on is an
/// operand.
pub(super) fn sort<'t>(args: &[Arg], spec: &'t Spec, stop: bool) -> Parsed<'t> {
    let mut parsed = Parsed::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let prefix = arg.prefix();
        if parsed.before_dashes.is_some() || spec.style == Style::None {
            parsed.operands.push(arg.clone());
        } else if arg.known().as_deref() == Some("--") {
            parsed.before_dashes = Some(parsed.operands.len());
        } else if prefix.len() > 1 && (prefix.starts_with('-') || is_plus(&prefix, spec)) {
            option(arg, &prefix, spec, &mut args, &mut parsed);
        } else {
            if arg.may_be_option() {
                parsed.doubtful.push(arg.clone());
            }
            parsed.operands.push(arg.clone());
            if stop {
                parsed.operands.extend(args.cloned());
                break;
            }
        }
    }
    parsed
}

/// Whether the word is an option that begins with `+`.
fn is_plus(prefix: &str, spec: &Spec) -> bool {
    prefix.starts_with('+') && spec.flags.keys().any(|name| name.starts_with('+'))
}

fn option<'t>(
    arg: &Arg,
    prefix: &str,
    spec: &'t Spec,
    args: &mut std::slice::Iter<'_, Arg>,
    parsed: &mut Parsed<'t>,
) {
    let known = arg.known();
    let mut give = |name: &str, flag: &'t Flag, value: Option<Arg>| {
        parsed.used.push(Used { name: name.to_owned(), flag, value, arg: arg.clone() });
    };
    if arg.splits {
        parsed.doubtful.push(arg.clone());
        parsed.strange.push(arg.clone());
        return;
    }
    if prefix.starts_with("--") || spec.style == Style::Long {
        let (name, attached) = match prefix.split_once('=') {
            Some((name, _)) => (name, Some(arg.from(name.len() + 1))),
            None => (prefix, None),
        };
        let found = spec.flags.get(name).filter(|_| attached.is_some() || known.is_some());
        match (found, attached) {
            (Some(flag), Some(value)) if flag.arity != Arity::None => give(name, flag, Some(value)),
            (Some(flag), None) if flag.arity == Arity::Required => {
                let value = args.next().cloned();
                if value.as_ref().is_none_or(|value| value.splits) {
                    parsed.strange.push(arg.clone());
                }
                parsed.used.push(Used { name: name.to_owned(), flag, value, arg: arg.clone() });
            }
            (Some(flag), None) => give(name, flag, None),
            _ => parsed.strange.push(arg.clone()),
        }
        return;
    }
    let sign = prefix.get(..1).unwrap_or("-");
    if sign == "+" {
        // Words such as `+short` and `+time=1` are whole.
        let name = prefix.split('=').next().unwrap_or_default();
        if let (Some(flag), true) = (spec.flags.get(name), known.is_some()) {
            let value = prefix.contains('=').then(|| arg.from(name.len() + 1));
            return give(name, flag, value);
        }
    }
    let mut at = 1;
    let digits = prefix.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    if let Some(flag) = spec.flags.get("-#").filter(|_| digits > 0) {
        give("-#", flag, None);
        at += digits;
    }
    loop {
        let Some(c) = prefix.get(at..).and_then(|rest| rest.chars().next()) else {
            // What follows the known letters is not known.
            if known.is_none() {
                parsed.strange.push(arg.clone());
            }
            return;
        };
        let name = format!("{sign}{c}");
        at += c.len_utf8();
        let Some(flag) = spec.flags.get(&name) else {
            parsed.strange.push(arg.clone());
            return;
        };
        let rest = at < prefix.len() || known.is_none();
        match flag.arity {
            Arity::None => parsed.used.push(Used { name, flag, value: None, arg: arg.clone() }),
            Arity::Required | Arity::Optional if rest => {
                let value = Some(arg.from(at));
                parsed.used.push(Used { name, flag, value, arg: arg.clone() });
                return;
            }
            Arity::Optional => {
                parsed.used.push(Used { name, flag, value: None, arg: arg.clone() });
                return;
            }
            Arity::Required => {
                let value = args.next().cloned();
                if value.as_ref().is_none_or(|value| value.splits) {
                    parsed.strange.push(arg.clone());
                }
                parsed.used.push(Used { name, flag, value, arg: arg.clone() });
                return;
            }
        }
    }
}
