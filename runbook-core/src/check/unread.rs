//! What a text defines but could not be read.

use std::collections::HashSet;

use crate::source::Span;

/// Names that are defined in a way that was refused already: nothing more is said when they are used.
///
/// Without it one misspelt definition would be followed by a complaint for each of its uses.
#[derive(Clone, Debug, Default)]
pub struct Unread {
    /// Inputs.
    pub inputs: Names,
    /// Variables.
    pub vars: Names,
    /// Steps that are not there, or whose outputs are not known.
    pub steps: Names,
    /// Whether `secrets` in expressions was refused where it is declared.
    pub secrets: bool,
    /// Whether contacts or channels were refused where they are declared.
    pub contacts: bool,
    /// What steps are repeated for.
    pub items: Names,
    /// Procedures.
    pub procedures: Names,
    /// Places of calls whose `with` was refused.
    pub calls: HashSet<Span>,
    /// Places of steps whose `needs` are not known.
    pub needs: HashSet<Span>,
}

/// A set of names.
#[derive(Clone, Debug, Default)]
pub struct Names {
    names: HashSet<String>,
    /// Those that an expression reads as something else, as `my-step` reads as a subtraction.
    odd: Vec<String>,
    all: bool,
}

/// How many odd names expressions are searched for.
const SEARCHED: usize = 100;

impl Names {
    /// Adds `name`.
    pub fn insert(&mut self, name: impl Into<String>) {
        let name = name.into();
        let is_odd = name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        if is_odd && self.odd.len() < SEARCHED {
            self.odd.push(name.clone());
        }
        self.names.insert(name);
    }

    /// From now on every name is in it.
    pub fn insert_all(&mut self) {
        self.all = true;
    }

    /// Whether `name` is in it.
    pub fn contains(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }

    /// Whether `expression` means a name in it that it cannot name.
    pub(super) fn misread_in(&self, expression: &str) -> bool {
        self.odd.iter().any(|name| expression.contains(name.as_str()))
    }
}
