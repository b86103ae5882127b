//! Random scripts with random values.

use proptest::prelude::*;
use runbook_core::shell::{Dialect, Part, assignments, lower};

use crate::support::{SHELLS, files, parts, run};

/// A piece of a word, and what it expands to when every hole is the value.
#[derive(Clone, Debug)]
enum Piece {
    Bare(&'static str, &'static str),
    Hole,
    Single(Vec<Option<&'static str>>),
    Double(Vec<Piece>),
    /// `$(printf '%s.' word)`; only inside double quotes, so that it is not split.
    Output(Vec<Piece>),
    Inside(&'static str, &'static str),
}

fn script(pieces: &[Piece], text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Bare(written, _) | Piece::Inside(written, _) => text.push_str(written),
            Piece::Hole => text.push_str("${{v}}"),
            Piece::Single(inner) => {
                text.push('\'');
                inner.iter().for_each(|part| text.push_str(part.unwrap_or("${{v}}")));
                text.push('\'');
            }
            Piece::Double(inner) => {
                text.push('"');
                script(inner, text);
                text.push('"');
            }
            Piece::Output(inner) => {
                text.push_str("$(printf '%s.' ''");
                script(inner, text);
                text.push(')');
            }
        }
    }
}

fn meaning(pieces: &[Piece], value: &str, text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Bare(_, means) | Piece::Inside(_, means) => text.push_str(means),
            Piece::Hole => text.push_str(value),
            Piece::Single(inner) => inner.iter().for_each(|part| text.push_str(part.unwrap_or(value))),
            Piece::Double(inner) => meaning(inner, value, text),
            Piece::Output(inner) => {
                meaning(inner, value, text);
                text.push('.');
            }
        }
    }
}

fn word() -> impl Strategy<Value = Vec<Piece>> {
    let bare = prop::sample::select(vec![
        ("a", "a"),
        ("x-#y", "x-#y"),
        ("\\'", "'"),
        ("\\\"", "\""),
        ("\\$", "$"),
        ("\\\\", "\\"),
        ("\\ ", " "),
        ("\\#", "#"),
        ("\\\n", ""),
        ("$((1+(2)))", "3"),
        ("${x-}", ""),
        ("\\;", ";"),
        ("\\)", ")"),
    ])
    .prop_map(|(w, m)| Piece::Bare(w, m));
    let single = prop::collection::vec(
        prop_oneof![
            Just(None),
            prop::sample::select(vec!["\"", "$(", "`", "\\", ")", "#", "\n", "${", "<<E", " "])
                .prop_map(Some)
        ],
        0..4,
    )
    .prop_map(Piece::Single);
    let inside = prop::sample::select(vec![
        ("'", "'"),
        ("it's", "it's"),
        ("\\\"", "\""),
        ("\\$", "$"),
        ("\\`", "`"),
        ("\\\\", "\\"),
        ("#", "#"),
        (")", ")"),
        (";", ";"),
        ("\n", "\n"),
        ("${x-it}", "it"),
        ("$((1+1))", "2"),
        ("<<E", "<<E"),
        ("\\\n", ""),
        ("$ ", "$ "),
    ])
    .prop_map(|(w, m)| Piece::Inside(w, m));
    let leaf_word = prop::collection::vec(prop_oneof![bare.clone(), Just(Piece::Hole), single.clone()], 0..4);
    leaf_word.prop_recursive(4, 40, 5, move |inner| {
        let output = inner.prop_map(Piece::Output);
        let quoted = prop::collection::vec(prop_oneof![Just(Piece::Hole), inside.clone(), output], 0..5);
        let double = quoted.prop_map(Piece::Double);
        prop::collection::vec(prop_oneof![bare.clone(), Just(Piece::Hole), single.clone(), double], 0..5)
    })
}

/// Statements around a word that writes it to `$OUT`.
const FRAMES: [&str; 12] = [
    "printf %s ''W > \"$OUT\"",
    "A=W; printf %s \"$A\" > \"$OUT\"",
    "{ printf %s ''W; } > \"$OUT\"",
    "( printf %s ''W ) > \"$OUT\" # it's",
    "if true; then printf %s ''W > \"$OUT\"; else :; fi",
    "case x in (y) ;; x|z) printf %s ''W > \"$OUT\" ;; esac",
    "f() { printf %s \"$1\"; }\nf ''W > \"$OUT\"",
    "for i in ''W; do printf %s \"$i\"; done > \"$OUT\"",
    "printf %s \"$(case x in x) printf '%s.' ''W;; esac; : # )\n)\" > \"$OUT\"; printf %s \"$(cat \"$OUT\")\" > /dev/null",
    "cat <<'Q' > /dev/null; printf %s ''W > \"$OUT\"\nit's \"$(\nQ",
    "printf %s ''W | cat > \"$OUT\"",
    "true && ! false || :; printf %s ''W > \"$OUT\"",
];

fn value() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "'",
        "\"",
        "`",
        "$(touch CANARY)",
        "`touch CANARY`",
        "\\",
        "\n",
        "touch CANARY",
        ";",
        "&",
        "|",
        ")",
        "}",
        "(",
        "{",
        "$",
        "${",
        "E",
        "Q",
        "EOF",
        "\t",
        " ",
        "*",
        "#",
        "-n",
        "é",
        "Ё",
        "\r",
        "=",
        "[",
        "]",
        "!",
        "<",
        ">",
        "a",
    ]);
    prop::collection::vec(fragment, 0..10).prop_map(|v| v.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nested_quotations_keep_every_value(
        statements in prop::collection::vec((word(), 0..FRAMES.len(), value()), 1..20)
    ) {
        for (shell, dialect) in SHELLS {
            let directory = tempfile::tempdir().unwrap();
            let mut whole = String::from("set -eu\n");
            let mut expected = Vec::new();
            for (number, (word, frame, value)) in statements.iter().enumerate() {
                let (mut written, mut means) = (String::new(), String::new());
                script(word, &mut written);
                meaning(word, value, &mut means);
                if FRAMES[*frame].contains("'%s.'") {
                    means.push('.');
                }
                whole.push_str(&format!("OUT=out.{number}\n"));
                whole.push_str(&crate::support::rendered(&FRAMES[*frame].replacen('W', &written, 1), value, dialect));
                expected.push(means);
            }
            let errors = run(shell, &whole, directory.path());
            let found = files(directory.path());
            for (number, want) in expected.iter().enumerate() {
                let got = found.get(&format!("out.{number}")).map(|b| String::from_utf8_lossy(b).into_owned());
                prop_assert_eq!(got.as_ref(), Some(want), "{}: {}\n{}", shell, whole, errors);
            }
            prop_assert_eq!(found.len(), expected.len(), "{}: {}", shell, whole);
        }
    }
}

/// Text that looks like shell and hardly ever is.
fn soup() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "${{v}}",
        "${{v}}",
        "${{v}}",
        "'",
        "\"",
        "`",
        "$",
        "$(",
        ")",
        "(",
        "${x:-",
        "${x#",
        "}",
        "{ ",
        "\\",
        "\n",
        "\n",
        " ",
        " ",
        "; ",
        "| cat",
        "&& ",
        "#",
        "<<E",
        "<<'E'",
        "<<-E",
        "\nE\n",
        "E",
        "echo ",
        "printf %s ",
        "x",
        "a=",
        "a[",
        "]=",
        "$((",
        "))",
        "[[ ",
        " ]]",
        " == ",
        " -eq ",
        "case x in ",
        "esac",
        "x) ",
        ";; ",
        "if :; then ",
        "fi",
        "for i in ",
        "do ",
        "done",
        "$'",
        "$\"",
        "cat ",
        "\\\n",
        "!",
        "<(",
        "f() ",
        "\t",
        "1",
        "+",
        "=(",
        "@(",
        "$[",
        "((",
        "<<<",
        ": ",
    ]);
    prop::collection::vec(fragment, 1..24).prop_map(|v| v.concat())
}

const ATTACKS: [&str; 8] = [
    "$(touch CANARY)",
    "`touch CANARY`",
    "';touch CANARY;'",
    "\";touch CANARY;\"",
    "\ntouch CANARY\n",
    "\nE\ntouch CANARY\n",
    ");touch CANARY;(",
    "a[$(touch CANARY)]",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", soup in soup(), raw in any::<bool>()) {
        for script in [&text, &soup] {
            for dialect in [Dialect::Sh, Dialect::Bash] {
                let mut pieces = parts(script);
                if raw {
                    pieces.insert(1, Part::RawHole);
                }
                let holes = pieces.iter().filter(|p| **p == Part::Hole).count();
                match lower(&pieces, dialect) {
                    Ok(lowered) => prop_assert_eq!(lowered.holes.len(), holes),
                    Err(refused) => prop_assert!(!refused.is_empty()),
                }
                if let Ok(lowered) = lower(&[Part::Text(script)], dialect) {
                    prop_assert_eq!(&lowered.text, script);
                }
            }
        }
    }
}

/// Whatever strange script is accepted, no shell runs a value in it.
#[test]
fn accepted_scripts_run_no_value() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let directory = tempfile::tempdir().unwrap();
    let strategy = soup();
    let (mut accepted, mut tried) = (0, 0);
    while accepted < 400 && tried < 400_000 {
        tried += 1;
        let script = strategy.new_tree(&mut runner).unwrap().current();
        for (shell, dialect) in SHELLS {
            let Ok(lowered) = lower(&parts(&script), dialect) else { continue };
            if lowered.holes.is_empty() {
                continue;
            }
            accepted += 1;
            // All attacks in one process; each in a subshell of its own, from a file of its own.
            let mut whole = String::new();
            for attack in ATTACKS {
                let values = vec![attack.to_owned(); lowered.holes.len()];
                let text = format!("{}{}\n", assignments(&lowered.holes, &values).unwrap(), lowered.text);
                whole.push_str(&format!(
                    "{shell} -c {} > /dev/null 2>&1\n",
                    runbook_core::shell::quote(&text)
                ));
            }
            run(shell, &whole, directory.path());
            assert!(
                !directory.path().join("CANARY").exists(),
                "{shell} {dialect:?}: {script:?}\n{}",
                lowered.text
            );
        }
    }
    assert!(accepted >= 400, "{accepted} of {tried}");
}
