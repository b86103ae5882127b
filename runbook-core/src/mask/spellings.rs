//! All spellings of one secret.

use std::collections::BTreeSet;

use super::{MIN_CHARACTERS, characters, escapes};

/// Every form in which `secret` is foreseen, each long enough not to occur by chance.
pub(super) fn spellings(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    // A file ends with a line break that the secret itself does not have.
    let trimmed = super::trimmed(secret);
    of_part(trimmed, &mut found);
    if trimmed != secret {
        found.extend(escapes::base64(secret).into_iter().map(String::into_bytes));
    }
    for ending in ["\n", "\r\n"] {
        found.extend(
            escapes::base64(&[trimmed, ending.as_bytes()].concat()).into_iter().map(String::into_bytes),
        );
    }
    let lines = trimmed.split(|byte| *byte == b'\n').map(super::trimmed);
    for line in lines.filter(|line| *line != trimmed && characters(line) >= MIN_CHARACTERS) {
        of_part(line, &mut found);
    }
    found.retain(|spelling| characters(spelling) >= MIN_CHARACTERS);
    found
}

fn of_part(part: &[u8], found: &mut BTreeSet<Vec<u8>>) {
    let mut add = |text: String| {
        found.insert(text.into_bytes());
    };
    for text in escapes::base64(part) {
        // Base64 in a URL or in JSON.
        if text.contains(['+', '/', '=']) {
            escapes::percent(text.as_bytes()).into_iter().for_each(&mut add);
            add(text.replace('/', "\\/"));
        }
        add(text);
    }
    escapes::hexadecimal(part).into_iter().for_each(&mut add);
    escapes::percent(part).into_iter().for_each(&mut add);
    if let Ok(text) = std::str::from_utf8(part) {
        let json = escapes::plain_json(text);
        let mut once = escapes::json(text);
        once.extend(escapes::quoted(text));
        once.extend(escapes::html(text));
        // JSON in a shell's word, and whatever was written once inside of JSON.
        escapes::quoted(&json).into_iter().for_each(&mut add);
        for text in once {
            add(escapes::plain_json(&text));
            add(text);
        }
    }
    found.insert(part.to_vec());
}
