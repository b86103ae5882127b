//! How tools write bytes and texts in other texts. Each function yields all usual variants.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// What in the Base64 of a longer text belongs to `bytes` alone, wherever they stand in it; and how it ends.
pub(super) fn base64(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for alphabet in [alphabet::STANDARD, alphabet::URL_SAFE] {
        let engine = GeneralPurpose::new(&alphabet, NO_PAD);
        for before in 0..3 {
            let mut shifted = vec![0; before];
            shifted.extend_from_slice(bytes);
            let whole = engine.encode(&shifted);
            // The first characters also hold bits of what is before, the last of what follows.
            let first = (before * 8).div_ceil(6);
            let last = shifted.len() * 8 / 6;
            found.extend(whole.get(first..last).map(str::to_owned));
            if let Some(ending) = whole.get(first..) {
                found.push(ending.to_owned());
                found.push(format!("{ending}{}", "=".repeat((4 - whole.len() % 4) % 4)));
            }
            if before == 0 && alphabet == alphabet::STANDARD {
                found.extend(wrapped(&whole));
            }
        }
    }
    found
}

/// The lines of a Base64 text as `base64` and PEM files break it.
fn wrapped(text: &str) -> Vec<String> {
    let lines = |width: usize| {
        text.as_bytes()
            .chunks(width)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
    };
    [64, 76].into_iter().filter(|width| text.len() > *width).flat_map(lines).collect()
}

/// Hexadecimal, as one word and with the separators of `openssl`, `xxd` and string escapes.
pub(super) fn hexadecimal(bytes: &[u8]) -> Vec<String> {
    let joined = |lower: bool, before: &str, between: &str| {
        let mut text = String::new();
        for (index, byte) in bytes.iter().enumerate() {
            text.push_str(if index > 0 { between } else { "" });
            text.push_str(before);
            let _ = if lower { write!(text, "{byte:02x}") } else { write!(text, "{byte:02X}") };
        }
        text
    };
    let forms = [("", ""), ("", ":"), ("", " "), ("\\x", ""), ("%", "")];
    forms
        .into_iter()
        .flat_map(|(before, between)| [true, false].map(|lower| joined(lower, before, between)))
        .collect()
}

/// Percent-encoding as browsers, `curl`, Python, Go and Java write it.
pub(super) fn percent(bytes: &[u8]) -> Vec<String> {
    // What is left as it is beside letters and digits.
    let kept = [
        "-._~",
        "-._~/",
        "-_.!~*'()",
        "-_.!~*'();,/?:@&=+$#",
        "*-._",
        "/.-_",
        "-._~!$&'()*+,;=",
        "-._~!$&'()*+,;=:@/",
    ];
    let mut found = Vec::new();
    for kept in kept {
        for lower in [true, false] {
            for space in ["%20", "+"] {
                let mut text = String::new();
                for byte in bytes {
                    match char::from(*byte) {
                        c if c.is_ascii_alphanumeric() || (c.is_ascii() && kept.contains(c)) => text.push(c),
                        ' ' => text.push_str(space),
                        _ => {
                            let _ =
                                if lower { write!(text, "%{byte:02x}") } else { write!(text, "%{byte:02X}") };
                        }
                    }
                }
                found.push(text);
            }
        }
    }
    found
}

/// The inside of JSON texts: with and without escaped `/`, letters beyond ASCII and what HTML knows.
pub(super) fn json(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for slash in [false, true] {
        for beyond in [None, Some(true), Some(false)] {
            for html in [None, Some("<>&"), Some("<>&'")] {
                for lower in [true, false] {
                    found.push(json_form(text, slash, beyond, html.unwrap_or_default(), lower));
                }
            }
        }
    }
    found
}

/// The inside of a JSON text as most tools write it.
pub(super) fn plain_json(text: &str) -> String {
    json_form(text, false, None, "", true)
}

fn json_form(text: &str, slash: bool, beyond: Option<bool>, html: &str, lower: bool) -> String {
    let mut written = String::new();
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\u{8}' => written.push_str("\\b"),
            '\u{c}' => written.push_str("\\f"),
            '/' if slash => written.push_str("\\/"),
            c if c.is_ascii_control() && (c != '\u{7f}' || beyond.is_some()) => {
                unicode(&mut written, c, lower)
            }
            c if html.contains(c) => unicode(&mut written, c, lower),
            '\u{2028}' | '\u{2029}' if !html.is_empty() => unicode(&mut written, c, lower),
            c if !c.is_ascii() => match beyond {
                Some(lower) => unicode(&mut written, c, lower),
                None => written.push(c),
            },
            c => written.push(c),
        }
    }
    written
}

fn unicode(written: &mut String, c: char, lower: bool) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = if lower { write!(written, "\\u{unit:04x}") } else { write!(written, "\\u{unit:04X}") };
    }
}

/// The inside of shell words and of texts in programs: in single, double and `$'…'` quotes, and with backslashes.
pub(super) fn quoted(text: &str) -> Vec<String> {
    let before = |escaped: &dyn Fn(char) -> bool| {
        text.chars().fold(String::new(), |mut written, c| {
            if escaped(c) {
                written.push('\\');
            }
            written.push(c);
            written
        })
    };
    let mut found = vec![
        text.replace('\'', r"'\''"),
        text.replace('\'', r#"'"'"'"#),
        // SQL, YAML and CSV.
        text.replace('\'', "''"),
        text.replace('"', "\"\""),
        before(&|c| "\"\\$`".contains(c)),
        before(&|c| "\"\\$`!".contains(c)),
        before(&|c| "\"\\".contains(c)),
        before(&|c| "'\\".contains(c)),
        // `printf %q`, `set -x`, Ruby, Perl.
        before(&|c| " !\"$&'()*,;<>?[\\]^`{|}".contains(c)),
        before(&|c| " !\"#$&'()*,;<>?[\\]^`{|}~".contains(c)),
        before(&|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-.,:+/@\n".contains(c)),
        before(&|c| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_'),
    ];
    // Rust.
    found.extend([text.escape_debug().to_string(), text.escape_default().to_string()]);
    found.extend(format!("{text:?}").get(1..).and_then(|text| text.strip_suffix('"')).map(str::to_owned));
    for quote in ["'", "\"", "'\""] {
        found.extend([None, Some(false), Some(true)].map(|octal| c_form(text, quote, octal)));
    }
    found
}

/// As in C; bytes beyond ASCII as they are, hexadecimal or octal.
fn c_form(text: &str, quotes: &str, octal: Option<bool>) -> String {
    let mut written = String::new();
    let byte = |written: &mut String, byte: u8| {
        let _ = match octal {
            Some(true) => write!(written, "\\{byte:03o}"),
            _ => write!(written, "\\x{byte:02x}"),
        };
    };
    for c in text.chars() {
        match c {
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            c if quotes.contains(c) => written.extend(['\\', c]),
            c if c.is_ascii_control() => byte(&mut written, c as u8),
            c if !c.is_ascii() && octal.is_some() => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|one| byte(&mut written, one));
            }
            c => written.push(c),
        }
    }
    written
}

/// HTML and XML.
pub(super) fn html(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for double in ["\"", "&quot;", "&#34;", "&#x22;"] {
        for single in ["'", "&#39;", "&#039;", "&#x27;", "&apos;"] {
            let written = text.chars().fold(String::new(), |mut written, c| {
                match c {
                    '&' => written.push_str("&amp;"),
                    '<' => written.push_str("&lt;"),
                    '>' => written.push_str("&gt;"),
                    '"' => written.push_str(double),
                    '\'' => written.push_str(single),
                    c => written.push(c),
                }
                written
            });
            found.push(written);
        }
    }
    found
}
