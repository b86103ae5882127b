//! The language as a table: every key of every place, with what it takes, its default and what it means.
//!
//! JSON Schema, `runbook explain` and the reference page come from here. Knows nothing of reading: tests hold the
//! table against the reader. To add a key, add one line to the place it may stand in.

mod actions;
mod book;
mod checks;
mod engines;
mod files;
mod find;
mod flow;
mod lints;
mod pages;
mod people;
mod policies;
mod schema;
mod shape;
mod step;

pub use find::{Entry, find, known_names, suggestion};
pub use pages::{explain, page};
pub use schema::schema;
pub use shape::{Names, Shape};

/// A map of the language, with the keys that may stand in it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its name in this table: what stands before the dot in `step.retry`.
    pub name: &'static str,
    /// What messages call it: "a step", "`retry`".
    pub what: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// The keys, in the order in which people write them.
    pub keys: &'static [Key],
    /// Keys of which exactly one must be there.
    pub one_of: &'static [&'static str],
    /// Keys of which at least one must be there.
    pub any_of: &'static [&'static str],
    /// Whether a scalar with `${{ }}` fits wherever a scalar fits.
    pub late: bool,
    /// Whether further keys are allowed, because executors bring them.
    pub open: bool,
    /// A whole file around an example; `@@` is where its keys come.
    pub around: &'static str,
    /// What an example needs besides: a line for each of these keys that it does not have.
    pub fill: &'static [(&'static str, &'static str)],
}

/// One key of a [`Place`].
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// What it means, in one to three sentences.
    pub meaning: &'static str,
    /// An example on one line, keys of the same place around it included where they matter.
    pub example: &'static str,
    /// What holds when it is not there, for people.
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub required: bool,
    /// Whether this version refuses it, because it cannot carry it out yet.
    pub later: bool,
    /// Keys of the same place of which one must be there for it to mean something.
    pub beside: &'static [&'static str],
}

/// A key of the table.
const fn key(name: &'static str, shape: Shape, meaning: &'static str, example: &'static str) -> Key {
    Key { name, shape, meaning, example, default: None, required: false, later: false, beside: &[] }
}

impl Key {
    const fn default(self, default: &'static str) -> Self {
        Key { default: Some(default), ..self }
    }

    const fn required(self) -> Self {
        Key { required: true, ..self }
    }

    const fn later(self) -> Self {
        Key { later: true, ..self }
    }

    const fn beside(self, beside: &'static [&'static str]) -> Self {
        Key { beside, ..self }
    }
}

impl Place {
    const fn new(
        name: &'static str,
        what: &'static str,
        meaning: &'static str,
        around: &'static str,
        keys: &'static [Key],
    ) -> Self {
        Place {
            name,
            what,
            meaning,
            keys,
            one_of: &[],
            any_of: &[],
            late: false,
            open: false,
            around,
            fill: &[],
        }
    }

    const fn one_of(self, one_of: &'static [&'static str]) -> Self {
        Place { one_of, ..self }
    }

    const fn any_of(self, any_of: &'static [&'static str]) -> Self {
        Place { any_of, ..self }
    }

    const fn late(self) -> Self {
        Place { late: true, ..self }
    }

    const fn open(self) -> Self {
        Place { open: true, ..self }
    }

    const fn fill(self, fill: &'static [(&'static str, &'static str)]) -> Self {
        Place { fill, ..self }
    }

    /// The key called `name`.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The whole file that shows `example` where it belongs.
    ///
    /// Keys that the place needs and the example leaves out are added.
    pub fn whole(&self, example: &str) -> String {
        let has = |name: &str| {
            example.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
        };
        let group: &[&str] = if self.one_of.is_empty() { self.any_of } else { self.one_of };
        let chosen = group.iter().any(|name| has(name));
        let missing = self.fill.iter().filter(|(name, _)| !(has(name) || chosen && group.contains(name)));
        let lines: Vec<&str> = example.lines().chain(missing.map(|(_, line)| *line)).collect();
        let mut whole = String::new();
        for line in self.around.lines() {
            match line.split_once("@@") {
                None => whole.push_str(line),
                Some((before, _)) => {
                    let indent = " ".repeat(before.chars().count());
                    for (number, line) in lines.iter().enumerate() {
                        whole.push_str(if number == 0 { before } else { "\n" });
                        whole.push_str(if number == 0 { "" } else { &indent });
                        whole.push_str(line);
                    }
                }
            }
            whole.push('\n');
        }
        whole
    }
}

/// Every place of the language, files first.
pub fn places() -> impl Iterator<Item = &'static Place> {
    let tables = [
        book::PLACES,
        step::PLACES,
        actions::PLACES,
        flow::PLACES,
        lints::PLACES,
        people::PLACES,
        policies::PLACES,
        checks::PLACES,
        files::PLACES,
        engines::PLACES,
    ];
    tables.into_iter().flatten()
}

/// The place called `name`.
pub fn place(name: &str) -> Option<&'static Place> {
    places().find(|place| place.name == name)
}
