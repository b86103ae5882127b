//! Secrets kept out of what people and files see: every foreseeable spelling of a value is found and replaced.
//!
//! Knows no sources of secrets and no outputs. Every occurrence is covered: where occurrences overlap, the whole run
//! of bytes that they cover is replaced by one marker with the name of the leftmost, among these the longest.
//!
//! The values live in the matcher as long as the [`Masker`] and its streams do; unlike a [`SecretText`] the compiled
//! matcher is not wiped from memory.

mod escapes;
mod matcher;
mod secret;
mod spellings;
mod stream;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use zeroize::Zeroize;

pub use secret::SecretText;
pub use stream::MaskStream;

use crate::value::{Object, Value};
use matcher::Matcher;

/// Fewest characters of a value that can be masked: what is shorter occurs by chance.
pub const MIN_CHARACTERS: usize = 8;
/// Most bytes of a value that can be masked.
pub const MAX_BYTES: usize = 64 * 1024;

/// Why a value is not masked. Whoever registers it should say so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unmaskable {
    /// Masking it would hide harmless text and show that the value is short.
    #[error("the secret `{name}` has fewer than {MIN_CHARACTERS} characters and cannot be masked")]
    TooShort {
        /// The secret's name.
        name: String,
    },
    /// Looking for it in all spellings would take too much memory.
    #[error("the secret `{name}` has more than {MAX_BYTES} bytes and cannot be masked")]
    TooLong {
        /// The secret's name.
        name: String,
    },
    /// The matcher for all secrets together could not be built.
    #[error("the secret `{name}` cannot be masked together with the others: {reason}")]
    TooMuch {
        /// The secret's name.
        name: String,
        /// What the matcher said.
        reason: String,
    },
}

/// Knows the secrets and replaces them. Clones share what they know; streams learn of secrets that are added.
#[derive(Clone, Default)]
pub struct Masker {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The spellings of each secret, by its name; the lock is held while a new matcher is built.
    known: Mutex<Known>,
    current: RwLock<Arc<Matcher>>,
}

#[derive(Default)]
struct Known {
    names: Vec<String>,
    /// Each spelling with the place of its secret's name.
    spellings: BTreeMap<Vec<u8>, usize>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").finish_non_exhaustive()
    }
}

impl Masker {
    /// A masker without secrets: it changes nothing.
    pub fn new() -> Self {
        Masker::default()
    }

    /// Learns a secret. From here on all clones replace it, and streams with their next push.
    ///
    /// A value of several lines is also found line by line. Several values may have the same name.
    ///
    /// # Errors
    ///
    /// When the value cannot be masked; nothing has changed then.
    pub fn add(&self, name: &str, value: &[u8]) -> Result<(), Unmaskable> {
        self.add_all([(name, value)]).into_iter().next().map_or(Ok(()), Err)
    }

    /// Learns several secrets, and says which of them cannot be masked. Cheaper than one at a time.
    #[must_use = "a secret that cannot be masked is something to warn of"]
    pub fn add_all<'a>(&self, secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<Unmaskable> {
        let mut known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut problems = Vec::new();
        let mut changed = false;
        for (name, value) in secrets {
            let name = name.to_owned();
            let trimmed = trimmed(value);
            if trimmed.len() > MAX_BYTES {
                problems.push(Unmaskable::TooLong { name });
            } else if characters(trimmed) < MIN_CHARACTERS {
                problems.push(Unmaskable::TooShort { name });
            } else {
                let spellings = spellings::spellings(value);
                changed |= known.learn(name, spellings);
            }
        }
        if changed {
            match Matcher::new(&known.names, &known.spellings) {
                Ok(matcher) => {
                    *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(matcher);
                }
                Err(reason) => {
                    let name = known.names.last().cloned().unwrap_or_default();
                    problems.push(Unmaskable::TooMuch { name, reason });
                }
            }
        }
        problems
    }

    /// Whether there is nothing to replace.
    pub fn is_empty(&self) -> bool {
        self.current().is_empty()
    }

    /// A stream that replaces secrets in what is pushed through it.
    pub fn stream(&self) -> MaskStream {
        MaskStream::new(self.clone())
    }

    /// `bytes` with every secret replaced.
    pub fn mask_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let matcher = self.current();
        match matcher.occurs_in(bytes) {
            true => Cow::Owned(stream::masked(matcher, bytes)),
            false => Cow::Borrowed(bytes),
        }
    }

    /// `text` with every secret replaced.
    pub fn mask_str<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.mask_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
        }
    }

    /// `value` with every secret replaced in its texts, keys and numbers.
    pub fn mask_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.mask_str(text).into_owned()),
            Value::Array(items) => items.iter().map(|item| self.mask_value(item)).collect(),
            Value::Object(object) => Value::Object(self.mask_object(object)),
            Value::Number(number) => match self.mask_str(&number.to_string()) {
                Cow::Borrowed(_) => value.clone(),
                Cow::Owned(masked) => Value::String(masked),
            },
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// `object` with every secret replaced. Keys that become equal are numbered.
    pub fn mask_object(&self, object: &Object) -> Object {
        let mut masked = Object::new();
        for (key, value) in object {
            let name = self.mask_str(key);
            let taken = |name: &str| masked.contains_key(name) || (name != key && object.contains_key(name));
            let mut free = name.to_string();
            let mut number = 2;
            while taken(&free) {
                free = format!("{name} {number}");
                number += 1;
            }
            masked.insert(free, self.mask_value(value));
        }
        masked
    }

    fn current(&self) -> Arc<Matcher> {
        Arc::clone(&self.shared.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    /// Whether there is a spelling among `spellings` that was not known.
    fn learn(&mut self, name: String, spellings: BTreeSet<Vec<u8>>) -> bool {
        let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        let before = self.spellings.len();
        for spelling in spellings {
            self.spellings.entry(spelling).or_insert(place);
        }
        self.spellings.len() > before
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        for (mut spelling, _) in std::mem::take(&mut self.spellings) {
            spelling.zeroize();
        }
    }
}

/// `bytes` without the white space, line breaks and byte order mark around it, which files and copying add.
fn trimmed(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').as_bytes(),
        Err(_) => bytes.trim_ascii(),
    }
}

/// How many characters `bytes` have; of bytes that are no text each counts.
fn characters(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).map_or(bytes.len(), |text| text.chars().count())
}
