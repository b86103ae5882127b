//! A secret in memory.

use std::fmt;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A secret's text: never shown by `Debug`, without `Display` and serialisation, wiped from memory when dropped.
///
/// ```
/// use runbook_core::mask::SecretText;
/// let secret = SecretText::new("correct horse".to_owned());
/// assert_eq!(format!("{secret:?}"), "SecretText(…)");
/// assert_eq!(secret.expose(), "correct horse");
/// ```
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text without leaving a copy.
    pub fn new(text: String) -> Self {
        SecretText(Zeroizing::new(text))
    }

    /// The text. Whoever calls this sees to it that the text stays secret.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a journal may keep: whether two runs' secrets were the same cannot be seen from it when their salts
    /// differ, and whether a value is this secret can be seen only with the salt.
    ///
    /// The salt should be random and at least 16 bytes long. A guessable secret can be guessed by whoever has both.
    pub fn digest(&self, salt: &[u8]) -> String {
        let mut hasher = Sha256::new();
        // The length keeps salt and value apart.
        hasher.update((salt.len() as u64).to_be_bytes());
        hasher.update(salt);
        hasher.update(self.0.as_bytes());
        hasher.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        SecretText::new(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
