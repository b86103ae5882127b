//! What is known of programs: the file `table.yaml`, read once.
//!
//! The file says how it is written. A program, verb or option that is not in it is not understood.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use regex::Regex;
use serde::Deserialize;

use super::Effect;
use crate::diag::Diagnostics;
use crate::source::SourceId;
use crate::yaml;

const TEXT: &str = include_str!("table.yaml");

/// How a program's options are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Style {
    /// `-a -bc --long --long=value`.
    #[default]
    Gnu,
    /// A single dash before words: `-name`, `-auto-approve`.
    Long,
    /// There are no options; every word is an operand.
    None,
}

/// Which operands a program writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Writes {
    All,
    Last,
    /// All but the first.
    Rest,
}

/// Which operands are a command.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inner {
    pub(super) kind: InnerKind,
    /// How many operands stand before it.
    #[serde(default)]
    pub(super) skip: usize,
    /// Whether `NAME=value` may stand before it.
    #[serde(default)]
    pub(super) assignments: bool,
    /// What it is when there is no command.
    #[serde(default)]
    pub(super) none: Option<Effect>,
    /// Whether data is added to its arguments.
    #[serde(default)]
    pub(super) appended: bool,
    /// Whether the command begins behind a `--` only.
    #[serde(default)]
    pub(super) behind_dashes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InnerKind {
    /// A program and its arguments.
    Command,
    /// Text for a shell; several words are put together.
    Shell,
}

/// What is asked of operands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawOperands {
    max: Option<usize>,
    like: Option<String>,
    #[serde(rename = "else")]
    otherwise: Option<Effect>,
}

/// What is asked of operands.
#[derive(Clone, Debug)]
pub(super) struct Operands {
    pub(super) max: Option<usize>,
    pub(super) like: Option<Regex>,
    pub(super) otherwise: Effect,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    like: Option<String>,
    effect: Option<Effect>,
    why: Option<String>,
    style: Style,
    flags: String,
    change: String,
    destroy: String,
    unknown: String,
    hidden: String,
    write: String,
    shell: String,
    file: String,
    secret: String,
    safe: String,
    dry: String,
    lift: String,
    lower: String,
    reads: String,
    reveals: String,
    values: BTreeMap<String, String>,
    operands: Option<RawOperands>,
    verbs: BTreeMap<String, Raw>,
    bare: Option<Effect>,
    anywhere: Option<bool>,
    dynamic: bool,
    exposes: bool,
    secrets: bool,
    writes: Option<Writes>,
    inner: Option<Inner>,
    special: Option<String>,
    fold: bool,
    deep: bool,
    stop: bool,
}

/// What an option does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing beyond what its command does.
    Plain,
    /// It makes the command this.
    Makes(Effect),
    /// Its argument is program text that is not understood.
    Hidden,
    /// Its argument is a file that is written.
    Write,
    /// Its argument is text for a shell.
    Shell,
    /// Its argument is a file that is read and may be shown.
    File,
    /// It shows or carries a secret.
    Secret,
    /// With it the command only reads, and no other word can change that.
    Safe,
    /// With it the command only shows what it would do.
    Dry,
    /// With it the rule about operands does not hold.
    Lift,
    /// With it nothing is destroyed.
    Lower,
    /// With it the command only reads, unless another option makes it more.
    Reads,
    /// The same, and what is read is a secret.
    Reveals,
}

impl Role {
    /// Whether an option of this kind cannot make a command do more.
    pub(super) fn is_tame(self) -> bool {
        matches!(self, Role::Plain | Role::Safe | Role::Reads | Role::Dry | Role::Lower | Role::Lift)
    }
}

/// Whether an option takes an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    None,
    Required,
    /// Attached only: `-i.bak`, `--color=always`.
    Optional,
}

/// An option.
#[derive(Clone, Debug)]
pub(super) struct Flag {
    pub(super) arity: Arity,
    pub(super) role: Role,
    pub(super) like: Option<Regex>,
}

/// What is known of a program or of one of its verbs.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) effect: Effect,
    pub(super) why: Option<String>,
    pub(super) style: Style,
    pub(super) flags: BTreeMap<String, Flag>,
    /// Whether options that are not listed change nothing about the effect.
    pub(super) any_flags: bool,
    pub(super) operands: Option<Operands>,
    pub(super) verbs: BTreeMap<String, Spec>,
    pub(super) bare: Option<Effect>,
    /// Whether no word whatever makes it do more than it says.
    pub(super) dynamic: bool,
    pub(super) exposes: bool,
    pub(super) secrets: bool,
    pub(super) writes: Option<Writes>,
    pub(super) inner: Option<Inner>,
    pub(super) special: Option<String>,
    pub(super) fold: bool,
    /// Whether what lies below the operands goes with them.
    pub(super) deep: bool,
    /// Whether options end with the first operand.
    pub(super) stop: bool,
}

/// The programs by name. What is known of one is read when it is first asked for: the whole takes longer than
/// most runbooks do.
#[derive(Debug)]
pub(super) struct Table {
    entries: Vec<Entry>,
    /// The entry of each program, and of each key.
    programs: HashMap<&'static str, usize>,
}

#[derive(Debug)]
struct Entry {
    text: &'static str,
    spec: OnceLock<Option<Spec>>,
}

impl Table {
    /// The table.
    pub(super) fn get() -> &'static Table {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| Table::index(TEXT))
    }

    /// Finds the entries: each begins a line with its key in quotes.
    fn index(text: &'static str) -> Table {
        let mut starts: Vec<usize> = text.match_indices("\n\"").map(|(at, _)| at + 1).collect();
        if text.starts_with('"') {
            starts.insert(0, 0);
        }
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let mut table = Table { entries: Vec::new(), programs: HashMap::new() };
        for (start, end) in starts.iter().copied().zip(ends) {
            let Some(entry) = text.get(start..end) else { continue };
            let key = entry.get(1..).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            for name in key.split(' ').chain([key]) {
                table.programs.entry(name).or_insert(table.entries.len());
            }
            table.entries.push(Entry { text: entry, spec: OnceLock::new() });
        }
        table
    }

    /// What is known of the program `name`. When its entry is broken, which a test excludes, that is nothing.
    pub(super) fn program(&self, name: &str) -> Option<&Spec> {
        let entry = self.entries.get(*self.programs.get(name)?)?;
        entry.spec.get_or_init(|| self.read(entry)).as_ref()
    }

    fn read(&self, entry: &Entry) -> Option<Spec> {
        let raw = self.raw(entry)?;
        let raw = match &raw.like {
            Some(other) => self.raw(self.entries.get(*self.programs.get(other.as_str())?)?)?,
            None => raw,
        };
        compile(&raw, &BTreeMap::new()).ok()
    }

    fn raw(&self, entry: &Entry) -> Option<Raw> {
        // What stands for a part of another entry is read together with it.
        let alias = entry.text.split_once(": *").map(|(_, rest)| rest.split_whitespace().next());
        let anchor = alias.flatten().map(|name| format!(": &{name}\n"));
        let holder = anchor.and_then(|anchor| self.entries.iter().find(|one| one.text.contains(&anchor)));
        let mut entries = raw_of(&format!("{}{}", holder.map_or("", |one| one.text), entry.text)).ok()?;
        let key = entry.text.split('"').nth(1)?;
        entries.remove(key)
    }
}

fn raw_of(text: &str) -> Result<BTreeMap<String, Raw>, String> {
    let mut found = Diagnostics::default();
    let tree = yaml::parse(SourceId(0), text, &mut found);
    if let Some(problem) = found.iter().next() {
        return Err(format!("{problem:?}"));
    }
    let tree = tree.ok_or("empty")?;
    serde_json::from_value(tree.to_value()).map_err(|error| error.to_string())
}

impl Spec {
    /// What is known of the verb `word`.
    pub(super) fn verb(&self, word: &str) -> Option<&Spec> {
        let folded;
        let word = if self.fold {
            folded = word.to_ascii_lowercase();
            &folded
        } else {
            word
        };
        self.verbs.get(word).or_else(|| {
            let fits = |pattern: &str| match pattern.split_once('*') {
                Some((before, after)) => {
                    word.len() >= before.len() + after.len()
                        && word.starts_with(before)
                        && word.ends_with(after)
                }
                None => false,
            };
            self.verbs
                .iter()
                .filter(|(name, _)| fits(name))
                .max_by_key(|(name, _)| name.len())
                .map(|(_, s)| s)
        })
    }
}

fn compile(raw: &Raw, inherited: &BTreeMap<String, Flag>) -> Result<Spec, String> {
    let mut flags = inherited.clone();
    let mut any_flags = false;
    let lists: [(&str, Role); 15] = [
        (&raw.flags, Role::Plain),
        (&raw.change, Role::Makes(Effect::Change)),
        (&raw.destroy, Role::Makes(Effect::Destroy)),
        (&raw.unknown, Role::Makes(Effect::Unknown)),
        (&raw.hidden, Role::Hidden),
        (&raw.write, Role::Write),
        (&raw.shell, Role::Shell),
        (&raw.file, Role::File),
        (&raw.secret, Role::Secret),
        (&raw.safe, Role::Safe),
        (&raw.dry, Role::Dry),
        (&raw.lift, Role::Lift),
        (&raw.lower, Role::Lower),
        (&raw.reads, Role::Reads),
        (&raw.reveals, Role::Reveals),
    ];
    let mut own = std::collections::BTreeSet::new();
    for (list, role) in lists {
        for token in list.split_whitespace() {
            if token == "any" && role == Role::Plain {
                any_flags = true;
                continue;
            }
            let names = token.trim_end_matches(':');
            let arity = match token.len() - names.len() {
                0 => Arity::None,
                1 => Arity::Required,
                2 => Arity::Optional,
                _ => return Err(format!("`{token}`")),
            };
            for name in names.split(',') {
                if !name.starts_with(['-', '+']) {
                    return Err(format!("`{name}` is no option"));
                }
                if !own.insert(name.to_owned()) {
                    return Err(format!("`{name}` is there twice"));
                }
                flags.insert(name.to_owned(), Flag { arity, role, like: None });
            }
        }
    }
    for (name, pattern) in &raw.values {
        let flag = flags.get_mut(name).ok_or_else(|| format!("`values` names `{name}`"))?;
        flag.like = Some(regex(pattern)?);
    }
    let effect = raw.effect.unwrap_or(Effect::Read);
    if any_flags && effect == Effect::Read && !raw.dynamic {
        return Err("`flags: any` is for programs that change something, or that no word makes change".into());
    }
    let operands = match &raw.operands {
        None => None,
        Some(rule) => Some(Operands {
            max: rule.max,
            like: rule.like.as_deref().map(regex).transpose()?,
            otherwise: rule.otherwise.unwrap_or(Effect::Unknown),
        }),
    };
    let anywhere = raw.anywhere.unwrap_or(true);
    // An option that makes a program harmless does so before its verb only.
    let passed: BTreeMap<String, Flag> = flags
        .iter()
        .filter(|(_, flag)| anywhere && !matches!(flag.role, Role::Safe | Role::Reads | Role::Reveals))
        .map(|(name, flag)| (name.clone(), flag.clone()))
        .collect();
    let mut verbs = BTreeMap::new();
    for (names, verb) in &raw.verbs {
        let mut verb = verb.clone();
        if verb.style == Style::Gnu {
            verb.style = raw.style;
        }
        let spec = compile(&verb, &passed).map_err(|error| format!("{names}: {error}"))?;
        for name in names.split(' ') {
            if verbs.insert(name.to_owned(), spec.clone()).is_some() {
                return Err(format!("{name} is there twice"));
            }
        }
    }
    Ok(Spec {
        effect,
        why: raw.why.clone(),
        style: raw.style,
        flags,
        any_flags,
        operands,
        verbs,
        bare: raw.bare,
        dynamic: raw.dynamic,
        exposes: raw.exposes,
        secrets: raw.secrets,
        writes: raw.writes,
        inner: raw.inner.clone(),
        special: raw.special.clone(),
        fold: raw.fold,
        deep: raw.deep,
        stop: raw.stop,
    })
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    /// The whole file at once, with everything that is wrong in it.
    fn read(text: &str) -> Result<BTreeMap<String, Spec>, String> {
        let raw = raw_of(text)?;
        let mut programs = BTreeMap::new();
        for (names, spec) in &raw {
            let spec = match &spec.like {
                Some(other) => raw.get(other).ok_or_else(|| format!("{names}: no program `{other}`"))?,
                None => spec,
            };
            let spec = compile(spec, &BTreeMap::new()).map_err(|error| format!("{names}: {error}"))?;
            for name in names.split(' ') {
                if programs.insert(name.to_owned(), spec.clone()).is_some() {
                    return Err(format!("{name} is there twice"));
                }
            }
        }
        Ok(programs)
    }

    #[test]
    fn the_table_can_be_read_at_once_and_by_the_piece() {
        let whole = read(TEXT).unwrap();
        assert!(whole.len() > 300, "{}", whole.len());
        let table = Table::get();
        for (name, spec) in &whole {
            assert_eq!(format!("{:?}", table.program(name)), format!("{:?}", Some(spec)), "{name}");
        }
        let keys = table.entries.iter().map(|entry| entry.text.split('"').nth(1).unwrap());
        let names: usize = keys.map(|key| key.split(' ').count()).sum();
        assert_eq!(names, whole.len());
        assert!(table.program("no-such-program").is_none());
    }

    #[test]
    fn every_special_program_is_one_that_the_code_knows() {
        fn look(name: &str, spec: &Spec) {
            if let Some(special) = &spec.special {
                assert!(super::super::special::NAMES.contains(&special.as_str()), "{name}: {special}");
            }
            spec.verbs.iter().for_each(|(verb, spec)| look(&format!("{name} {verb}"), spec));
        }
        read(TEXT).unwrap().iter().for_each(|(name, spec)| look(name, spec));
    }

    #[test]
    fn slips_in_the_table_are_found() {
        for text in ["a: {flags: x}", "a: {flags: -x -x}", "a: {nope: 1}", "a: {flags: any}", "a: {like: b}"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
