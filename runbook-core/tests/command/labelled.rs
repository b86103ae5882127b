//! Commands as operators type them, and as they should not, each with what it does.

use runbook_core::command::Effect;
use runbook_core::shell::Dialect;

use crate::look;

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some('n')) => {
                chars.next();
                out.push('\n');
            }
            ('\\', Some('\\')) => {
                chars.next();
                out.push('\\');
            }
            ('\\', Some('r')) => {
                chars.next();
                out.push('\r');
            }
            ('\\', Some('u')) => {
                let code: String = chars.by_ref().skip(1).take(4).collect();
                out.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
            }
            _ => out.push(c),
        }
    }
    out
}

/// Labels and commands.
fn rows() -> Vec<(&'static str, String)> {
    let lines =
        include_str!("labelled.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once('\t').unwrap()).map(|(label, text)| (label, unescape(text))).collect()
}

/// The commands alone.
pub(crate) fn commands() -> Vec<String> {
    rows().into_iter().map(|(_, command)| command).collect()
}

#[test]
fn commands_do_what_their_label_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (label, command) in rows() {
        let found = look(&command, Dialect::Bash);
        let shown = format!("{}{}", found.effect.name(), if found.secrets { "+" } else { "" });
        // What is a read to all shells is one to bash; what destroys is no change to any.
        let strict = look(&command, Dialect::Sh);
        let agree = match strict.effect {
            Effect::Read => found.effect == Effect::Read,
            Effect::Change => found.effect != Effect::Destroy,
            _ => true,
        };
        count += 1;
        if shown != label || !agree {
            let why: Vec<_> =
                found.reasons.iter().map(|r| format!("{} ({})", r.text, r.effect.name())).collect();
            wrong.push(format!(
                "{label}: {command:?} is {shown} (sh: {:?}): {}",
                strict.effect,
                why.join("; ")
            ));
        }
    }
    assert!(count >= 400, "{count}");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
