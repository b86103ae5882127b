//! Finding an entry of the table by what a person types.

use super::{Key, Place, place, places};
use crate::diag::closest;

/// A place, or a key of one.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The place.
    pub place: &'static Place,
    /// The key; absent for the place itself.
    pub key: Option<&'static Key>,
}

impl Entry {
    /// Its name: `retry`, `step.retry`.
    pub fn name(&self) -> String {
        match self.key {
            Some(key) => format!("{}.{}", self.place.name, key.name),
            None => self.place.name.to_owned(),
        }
    }
}

/// What `text` may mean: a place (`retry`), a key of a place (`step.retry`), or a key wherever it stands (`timeout`).
/// A place comes before keys.
///
/// ```
/// use runbook_core::language::find;
/// let names = |text| find(text).iter().map(|entry| entry.name()).collect::<Vec<_>>();
/// assert_eq!(names("step.retry"), ["step.retry"]);
/// assert_eq!(names("retry"), ["retry", "defaults.retry", "step.retry", "check.retry"]);
/// assert!(names("retyr").is_empty());
/// ```
pub fn find(text: &str) -> Vec<Entry> {
    let text = text.trim().trim_matches('`').trim_end_matches(':');
    let mut found: Vec<Entry> = place(text).map(|place| Entry { place, key: None }).into_iter().collect();
    let one = |name: &str, key: &str| {
        Some(place(name)?).and_then(|place| Some(Entry { place, key: Some(place.key(key)?) }))
    };
    match text.rsplit_once('.') {
        Some((name, key)) => found.extend(one(name, key)),
        None => found.extend(places().filter_map(|place| Some(Entry { place, key: Some(place.key(text)?) }))),
    }
    found
}

/// Every name that [`find`] knows, with the places of keys and without.
pub fn known_names() -> Vec<String> {
    let mut names = Vec::new();
    for place in places() {
        names.push(place.name.to_owned());
        for key in place.keys {
            names.push(key.name.to_owned());
            names.push(format!("{}.{}", place.name, key.name));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The name that `text` was probably meant for.
pub fn suggestion(text: &str) -> Option<String> {
    let names = known_names();
    closest(text, names.iter().map(String::as_str)).map(str::to_owned)
}
