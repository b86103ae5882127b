//! Secrets in every spelling, however the text is cut.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use runbook_core::mask::{MAX_BYTES, Masker, SecretText, Unmaskable};
use serde_json::json;

fn masker(secrets: &[(&str, &str)]) -> Masker {
    let masker = Masker::new();
    let problems = masker.add_all(secrets.iter().map(|(name, value)| (*name, value.as_bytes())));
    assert_eq!(problems, []);
    masker
}

fn streamed(masker: &Masker, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = masker.stream();
    let mut out = Vec::new();
    for piece in pieces {
        stream.push_into(piece, &mut out);
    }
    out.extend(stream.finish());
    out
}

/// What tools make of a secret, written here a second time and differently from the module.
fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut found = vec![
        ("raw", secret.to_owned()),
        ("hex", hex.clone()),
        ("HEX", hex.to_uppercase()),
        ("base64", STANDARD.encode(bytes)),
        ("base64 of a line", STANDARD.encode(format!("{secret}\n"))),
        ("base64 without padding", STANDARD_NO_PAD.encode(bytes)),
        ("URL-safe", URL_SAFE.encode(bytes)),
        ("URL-safe without padding", URL_SAFE_NO_PAD.encode(bytes)),
        ("JSON", serde_json::to_string(secret).unwrap()),
        ("JSON with escaped slashes", serde_json::to_string(secret).unwrap().replace('/', "\\/")),
        ("JSON in JSON", serde_json::to_string(&serde_json::to_string(secret).unwrap()).unwrap()),
        ("shell", runbook_core::shell::quote(secret)),
        ("shell, Python", format!("'{}'", secret.replace('\'', "'\"'\"'"))),
        ("Rust", format!("{secret:?}")),
    ];
    let ascii: String = serde_json::to_string(secret)
        .unwrap()
        .chars()
        .flat_map(|c| match c.is_ascii() {
            true => vec![c.to_string()],
            false => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        })
        .collect();
    found.push(("JSON, ASCII", ascii));
    let percent_of = |keep: &str, space: &str, lower: bool| {
        bytes.iter().fold(String::new(), |text, byte| {
            text + &match char::from(*byte) {
                ' ' => space.to_owned(),
                c if c.is_ascii_alphanumeric() || (c.is_ascii() && keep.contains(c)) => c.to_string(),
                _ if lower => format!("%{byte:02x}"),
                _ => format!("%{byte:02X}"),
            }
        })
    };
    let percent = |keep: &str, space: &str| percent_of(keep, space, false);
    found.push(("URL", percent("-._~", "%20")));
    found.push(("URL, Python", percent("-._~/", "%20")));
    found.push(("URL, form", percent("*-._", "+")));
    found.push(("URL, lower case", percent_of("-._~", "%20", true)));
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    found.push(("HTML", html.replace('"', "&quot;").replace('\'', "&#39;")));
    found.push(("SQL", secret.replace('\'', "''")));
    // Without the quotes around it, which are not part of the secret.
    for (form, spelling) in &mut found {
        let quote = match *form {
            "JSON" | "JSON, ASCII" | "JSON with escaped slashes" | "JSON in JSON" | "Rust" => '"',
            "shell" | "shell, Python" if spelling.starts_with('\'') && spelling != secret => '\'',
            _ => continue,
        };
        let inner = spelling.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote));
        *spelling = inner.unwrap_or_else(|| panic!("{form}: {spelling}")).to_owned();
    }
    found
}

/// Whether a part of `secret` as long as may be masked shows in `text`.
fn shows(text: &str, secret: &str) -> bool {
    spellings(secret).iter().any(|(_, spelling)| text.contains(spelling.as_str()))
}

#[test]
fn every_spelling_is_replaced() {
    for secret in [
        "s3cr3t-value",
        "pass word/with+all=of&it",
        "it's \"quoted\" $HOME `x` \\ !",
        "пароль №1 – секрет",
        "<script>alert('x')</script>",
        "a/b/c/d/e/f/g/h",
        "\u{1F600}\u{1F600} emoji & 'more'",
    ] {
        let masker = masker(&[("token", secret)]);
        for (form, inner) in spellings(secret) {
            let inner = inner.as_str();
            let text = format!("before {inner} after");
            let masked = masker.mask_str(&text).into_owned();
            assert!(!masked.contains(inner), "{form} of {secret}: {masked}");
            assert!(masked.starts_with("before "), "{form} of {secret}: {masked}");
            assert!(masked.ends_with(" after"), "{form} of {secret}: {masked}");
            assert!(masked.contains("[secret token]"), "{form} of {secret}: {masked}");
        }
    }
}

#[test]
fn base64_of_a_longer_text_does_not_tell() {
    let secret = "s3cr3t-value+/=";
    let masker = masker(&[("token", secret)]);
    for before in 0..7 {
        for after in 0..4 {
            let whole = format!("{}{secret}{}", "u:user:"[..before].to_owned(), &"\n}x]"[..after]);
            for engine in [&STANDARD, &URL_SAFE] {
                let encoded = engine.encode(&whole);
                let masked = masker.mask_str(&encoded).into_owned();
                let marker = masked.find("[secret token]").unwrap_or_else(|| panic!("{whole}: {masked}"));
                // What is left belongs to what is around, and to at most one character on either side.
                assert!(marker <= before.div_ceil(3) * 4, "{whole}: {masked}");
                let rest = masked.len() - marker - "[secret token]".len();
                assert!(rest <= (after + 2).div_ceil(3) * 4, "{whole}: {masked}");
            }
        }
    }
}

#[test]
fn lines_and_files() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nshort\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END KEY-----\n";
    let masker = masker(&[("key", key)]);
    assert_eq!(masker.mask_str(key), "[secret key]\n");
    assert_eq!(masker.mask_str("  MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\r\n"), "  [secret key]\r\n");
    assert_eq!(masker.mask_str("x: shorter line"), "x: shorter line");
    let crlf = key.replace('\n', "\r\n");
    assert!(!masker.mask_str(&crlf).contains("MIIE"), "lines with other ends");
    let encoded = STANDARD.encode(key);
    for width in [64, 76] {
        let wrapped: Vec<&str> =
            encoded.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let masked = masker.mask_str(&wrapped.join("\n")).into_owned();
        for line in wrapped {
            assert!(line.len() < 8 || !masked.contains(line), "{masked}");
        }
    }
}

#[test]
fn what_cannot_be_masked_is_said() {
    let masker = Masker::new();
    let too_short = |name: &str| Err(Unmaskable::TooShort { name: name.to_owned() });
    assert_eq!(masker.add("pin", b"1234567"), too_short("pin"));
    assert_eq!(masker.add("empty", b""), too_short("empty"));
    assert_eq!(masker.add("blank", b"   1234567\n  "), too_short("blank"));
    // Eight bytes, but four characters.
    assert_eq!(masker.add("word", "пять".as_bytes()), too_short("word"));
    let long = vec![b'x'; MAX_BYTES + 1];
    assert_eq!(masker.add("long", &long), Err(Unmaskable::TooLong { name: "long".to_owned() }));
    assert!(masker.is_empty());
    assert_eq!(masker.mask_str("1234567"), "1234567");
    let message = masker.add("pin", b"1234567").unwrap_err().to_string();
    assert!(message.contains("`pin`") && !message.contains("1234567"), "{message}");
    assert_eq!(masker.add("ok", b"12345678"), Ok(()));
    assert_eq!(masker.add("ok", &vec![b'x'; 4000]), Ok(()));
}

#[test]
fn overlapping_secrets_leave_nothing() {
    type Secrets<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Secrets<'_>, &str, &str); 8] = [
        (&[("a", "abcdefgh12"), ("b", "gh12345678")], "<abcdefgh12345678>", "<[secret a]>"),
        (&[("a", "12345678"), ("b", "0123456789")], "x0123456789x 12345678", "x[secret b]x [secret a]"),
        (&[("a", "abcdefgh"), ("b", "abcdefghijkl")], "abcdefghijk abcdefghijkl", "[secret a]ijk [secret b]"),
        (&[("a", "aaaaaaaa")], "aaaaaaaaaaaaaaaaaaaa", "[secret a]"),
        (&[("a", "abcdefgh")], "abcdefghabcdefgh", "[secret a][secret a]"),
        (&[("a", "abcdefgh"), ("b", "abcdefgh")], "abcdefgh", "[secret a]"),
        (&[("a", "bcdefghi"), ("b", "abcdefghijkl")], "abcdefghijk", "a[secret a]jk"),
        (&[("abcdefgh", "abcdefgh")], "abcdefgh", "***"),
    ];
    for (secrets, text, expected) in cases {
        let masker = masker(secrets);
        assert_eq!(masker.mask_str(text), expected);
        assert_eq!(String::from_utf8(streamed(&masker, &[text.as_bytes()])).unwrap(), expected);
    }
}

#[test]
fn every_cut_yields_the_same() {
    let masker = masker(&[
        ("a", "abcdefgh12"),
        ("b", "gh12345678"),
        ("c", "abcdefghijkl"),
        ("d", "p@ss w/rd"),
        ("e", "aaaaaaaa"),
    ]);
    let text = "x abcdefgh1 abcdefgh12345678 abcdefghijk abcdefghijkl p%40ss%20w%2Frd p@ss\\ w/rd aaaaaaaaaaa cEBzcyB3L3Jk я aaaa";
    let text = text.as_bytes();
    let whole = masker.mask_bytes(text).into_owned();
    assert_eq!(streamed(&masker, &[text]), whole);
    for first in 0..=text.len() {
        let (one, rest) = text.split_at(first);
        assert_eq!(streamed(&masker, &[one, rest]), whole, "cut at {first}");
        for second in 0..=rest.len() {
            let (two, three) = rest.split_at(second);
            assert_eq!(streamed(&masker, &[one, two, three]), whole, "cut at {first} and {second}");
        }
    }
    let single: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(streamed(&masker, &single), whole);
}

#[test]
fn only_what_may_be_a_secret_is_held_back() {
    let masker = masker(&[("a", "abcdefgh")]);
    let mut stream = masker.stream();
    assert_eq!(stream.push(b"Password: "), b"Password: ");
    assert_eq!(stream.push(b"abc"), b"");
    assert_eq!(stream.held(), 3);
    assert_eq!(stream.push(b"x"), b"abcx");
    assert_eq!((stream.push(b"abcdefgh"), stream.held()), (b"".to_vec(), 8));
    assert_eq!(stream.push(b"\n"), b"[secret a]\n");
    assert_eq!(stream.push(b"abcdefg"), b"");
    assert_eq!(stream.finish(), b"abcdefg");
    // A run without an end is not held back without an end.
    let masker = self::masker(&[("a", "aaaaaaaa")]);
    let mut stream = masker.stream();
    let mut out = Vec::new();
    for _ in 0..1000 {
        stream.push_into(&[b'a'; 1000], &mut out);
        assert!(stream.held() < 100);
    }
    out.extend(stream.push(b"!"));
    assert_eq!(out, b"[secret a]!");
}

#[test]
fn streams_learn_late_secrets() {
    let masker = masker(&[("a", "abcdefgh")]);
    let other = masker.clone();
    let mut stream = masker.stream();
    assert_eq!(stream.push(b"x abcde"), b"x ");
    other.add("b", b"cdefghijkl").unwrap();
    // The bytes that are held back are looked at again.
    assert_eq!(stream.push(b"fghijkl cdefghijkl"), b"[secret a] ");
    assert_eq!(stream.push(b"."), b"[secret b].");
    let mut stream = Masker::new().stream();
    assert_eq!(stream.push(b"anything"), b"anything");
    let masker = Masker::new();
    let mut stream = masker.stream();
    assert_eq!(stream.push(b"12345678"), b"12345678");
    masker.add("late", b"12345678").unwrap();
    assert_eq!(stream.push(b"12345678 "), b"[secret late] ");
}

#[test]
fn data_is_masked_with_its_keys() {
    let masker = masker(&[("a", "abcdefgh"), ("n", "1234567890")]);
    let value = json!({
        "abcdefgh": [1, null, true, "x abcdefgh"], "abcdefgh!": {"k": 1234567890}, "plain": 1.5,
        "[secret a]": "there already",
    });
    let expected = json!({
        "[secret a] 2": [1, null, true, "x [secret a]"], "[secret a]!": {"k": "[secret n]"}, "plain": 1.5,
        "[secret a]": "there already",
    });
    assert_eq!(masker.mask_value(&value), expected);
    let twice = json!({"x": {"abcdefgh": 1, "6162636465666768": 2}});
    assert_eq!(masker.mask_value(&twice), json!({"x": {"[secret a]": 1, "[secret a] 2": 2}}));
}

#[test]
fn bytes_that_are_no_text() {
    let masker = Masker::new();
    let secret = [0xff, 0, 0xfe, 1, 2, 3, 0xfd, 0x80, 0x0a, 0x41];
    masker.add("key", &secret).unwrap();
    let text = [&[0x80, 0][..], &secret, &[0xff, 0xff]].concat();
    assert_eq!(masker.mask_bytes(&text), [&[0x80, 0][..], b"[secret key]", &[0xff, 0xff]].concat());
    assert_eq!(masker.mask_str(&STANDARD.encode(secret)), "[secret key]");
}

#[test]
fn a_secret_does_not_show_itself() {
    let secret = SecretText::new("correct horse".to_owned());
    assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "SecretText(…) Some(SecretText(…))");
    let one = secret.digest(b"salt of run 1...");
    assert_eq!(one, SecretText::from("correct horse".to_owned()).digest(b"salt of run 1..."));
    assert_ne!(one, secret.digest(b"salt of run 2..."));
    assert_ne!(SecretText::new("b".to_owned()).digest(b"a"), SecretText::new(String::new()).digest(b"ab"));
    assert_eq!(one.len(), 64);
    let masker = masker(&[("a", "correct horse")]);
    // What a file or the clipboard put around it is not part of the secret.
    let pasted = self::masker(&[("b", "\u{feff}\u{a0}correct horse\u{85}\n")]);
    assert_eq!(pasted.mask_str("correct horse"), "[secret b]");
    assert!(!format!("{masker:?} {:?}", masker.stream()).contains("correct"));
}

/// Not timed; `cargo test --release -- --ignored --nocapture` prints how fast it is.
#[test]
#[ignore = "prints a figure"]
fn speed() {
    let secrets: Vec<(String, String)> =
        (0..20).map(|n| (format!("s{n}"), format!("pa$$ w/rd-{n}-{}", "x'y\"z".repeat(n)))).collect();
    let masker = Masker::new();
    let start = std::time::Instant::now();
    let problems = masker.add_all(secrets.iter().map(|(name, value)| (&**name, value.as_bytes())));
    assert_eq!(problems, []);
    println!("20 secrets learned in {:?}", start.elapsed());
    let log = "2026-11-20T10:00:00Z INFO request path=/api/v1/items status=200 duration=12ms\n";
    for (what, line) in [
        ("log", log.to_owned()),
        ("secrets", format!("{log}{}\n", secrets[7].1)),
        ("adverse", "pa$$ w/rd-1".repeat(8)),
    ] {
        let text = line.repeat((64 << 20) / line.len());
        let start = std::time::Instant::now();
        let mut stream = masker.stream();
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(8192) {
            out.clear();
            stream.push_into(piece, &mut out);
        }
        println!("{what}: {:.0} MB/s", text.len() as f64 / 1e6 / start.elapsed().as_secs_f64());
    }
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]{8,16}", "[ -~]{8,24}", "\\PC{8,16}", "[ab'\"\\\\/ \n]{8,12}"]
        .prop_map(|secret| secret.trim().to_owned())
        .prop_filter("long enough", |secret| secret.chars().count() >= 8 && !secret.contains("[secret"))
}

proptest! {
    #[test]
    fn no_spelling_is_left(
        secrets in prop::collection::vec(secret(), 1..4),
        parts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[ -~\n]{0,6}"), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let named: Vec<(String, String)> =
            secrets.iter().enumerate().map(|(index, secret)| (format!("k{index}"), secret.clone())).collect();
        let named: Vec<(&str, &str)> = named.iter().map(|(name, value)| (&**name, &**value)).collect();
        let masker = masker(&named);
        let mut text = String::new();
        for (which, how, between) in &parts {
            text.push_str(between);
            text.push_str(&how.get(&spellings(which.get(secrets.as_slice()).as_str())).1);
        }
        let masked = masker.mask_str(&text).into_owned();
        for secret in &secrets {
            prop_assert!(!shows(&masked, secret), "{} shows {:?}", masked, secret);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let bytes = text.as_bytes();
        let mut pieces = Vec::new();
        let mut last = 0;
        for cut in cuts {
            pieces.push(&bytes[last..cut]);
            last = cut;
        }
        pieces.push(&bytes[last..]);
        prop_assert_eq!(String::from_utf8(streamed(&masker, &pieces)).unwrap(), masked);
    }

    #[test]
    fn text_without_secrets_is_itself(text in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let masker = masker(&[("a", "s3cr3t-value"), ("b", "another one/of+them")]);
        prop_assert!(matches!(masker.mask_bytes(&text), Cow::Borrowed(_)));
        let (one, two) = text.split_at(cut.index(text.len() + 1));
        prop_assert_eq!(streamed(&masker, &[one, two]), text);
    }

    #[test]
    fn any_bytes_can_be_a_secret(secret in prop::collection::vec(any::<u8>(), 0..40), around in prop::collection::vec(any::<u8>(), 0..10)) {
        let masker = Masker::new();
        if masker.add("k", &secret).is_ok() {
            let text = [&around[..], secret.trim_ascii(), &around[..]].concat();
            let masked = masker.mask_bytes(&text).into_owned();
            let inner = secret.trim_ascii();
            prop_assert!(!masked.windows(inner.len()).any(|window| window == inner));
        }
    }
}
