//! The laws of the labelled commands: what is called a read is one; what destroys is not called a change.

use runbook_core::command::Effect;
use runbook_core::shell::Dialect;

use crate::look;

/// A labelled command.
struct Row {
    number: String,
    expected: Effect,
    secrets: bool,
    command: String,
}

fn rows() -> Vec<Row> {
    let text = include_str!("commands.tsv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("n\texpected\tclass\tsecrets\tsource\tenc\tcommand\twhy"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [number, expected, _, secrets, _, enc, command, _] = cells[..] else { panic!("{line}") };
        Row {
            number: number.to_owned(),
            expected: match expected {
                "read-only" => Effect::Read,
                "mutating" => Effect::Change,
                "destructive" => Effect::Destroy,
                "unknown" => Effect::Unknown,
                other => panic!("{other}"),
            },
            secrets: secrets == "secrets",
            command: match enc {
                "raw" => command.to_owned(),
                "json" => serde_json::from_str(command).unwrap(),
                other => panic!("{other}"),
            },
        }
    };
    lines.map(row).collect()
}

/// The commands alone.
pub(crate) fn commands() -> Vec<String> {
    rows().into_iter().map(|row| row.command).collect()
}

#[test]
fn the_three_laws() {
    let rows = rows();
    assert!(rows.len() >= 240);
    for dialect in [Dialect::Sh, Dialect::Bash] {
        let mut wrong = Vec::new();
        let (mut reads, mut exact) = (0, 0);
        for row in &rows {
            let found = look(&row.command, dialect);
            let say = |law: &str| {
                format!("{law} {}: {} {:?}: {:?}", row.number, row.command, found.effect, found.reasons)
            };
            if found.effect == Effect::Read && row.expected != Effect::Read {
                wrong.push(say("called a read:"));
            }
            if row.expected == Effect::Destroy && found.effect == Effect::Change {
                wrong.push(say("called a change:"));
            }
            if row.secrets && !found.secrets {
                wrong.push(say("shows secrets:"));
            }
            if row.expected == Effect::Read {
                reads += 1;
                exact += usize::from(found.effect == Effect::Read);
                if found.effect != Effect::Read {
                    println!("{}", say("stricter than it needs to be:"));
                }
            }
        }
        assert!(wrong.is_empty(), "{dialect:?}:\n{}", wrong.join("\n"));
        assert!(exact * 100 >= reads * 95, "{dialect:?}: {exact} of {reads} reads");
    }
}

#[test]
fn changes_and_destruction_are_mostly_told_apart() {
    let rows = rows();
    let (mut all, mut exact) = (0, 0);
    for row in rows.iter().filter(|row| row.expected != Effect::Read) {
        let found = look(&row.command, Dialect::Bash).effect;
        all += 1;
        exact += usize::from(found == row.expected);
        if found != row.expected {
            println!("{}: {} {:?}, expected {:?}", row.number, row.command, found, row.expected);
        }
    }
    assert!(exact * 100 >= all * 85, "{exact} of {all}");
}
