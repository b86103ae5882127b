//! Texts nobody thought of: nothing panics, nothing takes long, and no wrapping makes a command look harmless.

use proptest::prelude::*;
use runbook_core::command::{Context, Effect, Hole, Script, Words, classify, classify_words};
use runbook_core::shell::Dialect;

use crate::look;
use crate::wrappings::wrappings;

/// Pieces from which texts with some sense are made.
const PIECES: &[&str] = &[
    "ls",
    "rm",
    "-rf",
    "/data",
    "$x",
    "\"",
    "'",
    "`",
    "$(",
    ")",
    "${",
    "}",
    "((",
    "))",
    "{",
    "|",
    "||",
    "&&",
    "&",
    ";",
    "\n",
    " ",
    "<<EOF\n",
    "EOF\n",
    "<<<",
    "<",
    ">",
    ">>",
    "2>&1",
    "if",
    "then",
    "fi",
    "for",
    "in",
    "do",
    "done",
    "case",
    "esac",
    ";;",
    "while",
    "f()",
    "function",
    "[[",
    "]]",
    "[",
    "]",
    "!",
    "\\",
    "#",
    "=",
    "a=",
    "$'",
    "\\x",
    "*",
    "~",
    "{a,b}",
    "sudo",
    "sh -c",
    "eval",
    "ssh h",
    "xargs",
    "find . -exec",
    "awk",
    "sed -i",
    "git -c",
    "ж",
    "\u{200b}",
    "\r",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30), glue in "[ ]?") {
        let text = pieces.join(&glue);
        for dialect in [Dialect::Sh, Dialect::Bash] {
            let found = look(&text, dialect);
            for reason in &found.reasons {
                prop_assert!(reason.span.start <= reason.span.end && reason.span.end <= text.len(), "{text:?} {reason:?}");
                prop_assert!(text.get(reason.span.clone()).is_some(), "{text:?} {reason:?}");
            }
            let strictest = found.reasons.iter().map(|r| r.effect).max().unwrap_or(Effect::Read);
            prop_assert_eq!(strictest, found.effect);
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>(), hole in any::<(u8, u8)>()) {
        let (start, end) = (usize::from(hole.0), usize::from(hole.1));
        let script = Script::new(text.clone(), Dialect::Bash).with_hole(start..end, Hole::Value);
        classify(&script, &Context::default());
        classify_words(&Words::new(text.split('a')), &Context::default());
    }

    /// What one part does, the whole does.
    #[test]
    fn a_list_does_what_its_strictest_part_does(
        parts in prop::collection::vec(prop::sample::select(&["ls", "touch f", "rm f", "$x", "cat .env"][..]), 1..6),
        glue in prop::sample::select(&["; ", " && ", " || ", " | ", "\n", " & "][..]),
    ) {
        let whole = look(&parts.join(glue), Dialect::Bash);
        let each: Vec<_> = parts.iter().map(|part| look(part, Dialect::Bash)).collect();
        prop_assert_eq!(whole.effect, each.iter().map(|one| one.effect).max().unwrap());
        prop_assert_eq!(whole.secrets, each.iter().any(|one| one.secrets));
    }
}

#[test]
fn bombs_are_refused() {
    let n = 100_000;
    let bombs = [
        "(".repeat(n),
        "((".repeat(n / 2),
        "$(".repeat(n / 2),
        "$((".repeat(n / 3),
        "${a:-".repeat(n / 5),
        "`".repeat(n),
        "\\`".repeat(n / 2),
        "\"$(".repeat(n / 3),
        "{ ".repeat(n / 2),
        "{".repeat(n),
        "{a,".repeat(n / 3),
        "{a,b}".repeat(n / 5),
        "if ".repeat(n / 3),
        "while ".repeat(n / 6),
        "for x in ".repeat(n / 9),
        "case x in a) ".repeat(n / 13),
        "f() ".repeat(n / 4),
        "! ".repeat(n / 2),
        "sudo ".repeat(n / 5),
        "env ".repeat(n / 4),
        "xargs ".repeat(n / 6),
        "find . -exec ".repeat(n / 13),
        "a=b ".repeat(n / 4),
        "a[".repeat(n / 2),
        "<<a ".repeat(n / 4),
        "<<a\n".repeat(n / 4),
        "cat <<a <<b\n".repeat(n / 12),
        "ls | ".repeat(n / 5),
        "ls & ".repeat(n / 5),
        "[[ ".repeat(n / 3),
        "<(".repeat(n / 2),
        "\\\n".repeat(n / 2),
        "#".repeat(n),
        "*".repeat(n),
        "-".repeat(n),
        format!("ls {}", "a ".repeat(n / 2)),
        format!("ls {}", "-a ".repeat(n / 3)),
        format!("find . {}", "-name a ".repeat(n / 8)),
        format!("awk '{}'", "{print \"".repeat(n / 8)),
        format!("sed '{}'", "s/a/b/;".repeat(n / 7)),
        format!("psql -c '{}'", "select 1; ".repeat(n / 10)),
        "for x in 1 2 3 4 5 6 7 8; do ls $x; ".repeat(40) + &"done; ".repeat(40),
        "for x in {1,2,3,4}; do ls $x; done; ".repeat(n / 40),
        "eval ".repeat(n / 5),
        "sh -c '".to_owned() + &"ls; ".repeat(n / 4) + "'",
        "echo \"".to_owned() + &"$x".repeat(n / 2) + "\"",
        "ls > /dev/null ".repeat(n / 16),
    ];
    for bomb in bombs {
        for dialect in [Dialect::Sh, Dialect::Bash] {
            look(&bomb, dialect);
        }
    }
}

#[test]
fn no_wrapping_makes_destruction_a_read_or_a_change() {
    let commands = [
        "rm -rf /data",
        "truncate -s 0 /data/x",
        "shred -u /x",
        "dd if=/dev/zero of=/dev/sda",
        "mkfs.ext4 /dev/sda1",
        "git reset --hard",
        "docker volume rm x",
        "kubectl delete pod x",
        "redis-cli FLUSHALL",
        "find / -delete",
    ];
    let wrappings = wrappings();
    assert!(wrappings.len() >= 200, "{}", wrappings.len());
    let mut wrong = Vec::new();
    for wrapping in &wrappings {
        for command in commands {
            let text = wrapping.replace('@', command);
            for dialect in [Dialect::Sh, Dialect::Bash] {
                let found = look(&text, dialect);
                if found.effect < Effect::Unknown {
                    wrong.push(format!("{dialect:?} {text:?}: {:?}", found.effect));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
