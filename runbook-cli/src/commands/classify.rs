//! `runbook classify`.

use std::io::Read as _;

use runbook_core::command::{Analysis, Context, Script, Words, classify, classify_words};
use runbook_core::shell::{Dialect, MAX_SCRIPT};
use serde_json::json;

use crate::args::{Classify, Color, Listing, ScriptShell};
use crate::exit::Exit;
use crate::fault::{self, Fault};
use crate::output;
use crate::render::{style::Paint, verdict};

/// Says what a command may do, and why.
pub(crate) fn execute(command: &Classify, color: Color) -> Result<Exit, Fault> {
    let context = Context::default();
    let dialect = match command.shell {
        ScriptShell::Sh => Dialect::Sh,
        ScriptShell::Bash => Dialect::Bash,
    };
    let (text, found) = match command.command.as_slice() {
        [script] => {
            let script = Script::new(if script == "-" { standard_input()? } else { script.clone() }, dialect);
            (script.text().to_owned(), classify(&script, &context))
        }
        words => {
            let words = Words::new(words);
            (words.text().to_owned(), classify_words(&words, &context))
        }
    };
    match command.format {
        Listing::Human => output::data(&verdict::human(&text, &found, Paint::for_stdout(color))),
        Listing::Json => output::json(&value(&found)),
    }
    Ok(Exit::Succeeded)
}

fn standard_input() -> Result<String, Fault> {
    let mut text = String::new();
    // One byte more than is looked at: then it is known to be too long.
    let limit = MAX_SCRIPT as u64 + 1;
    let read = std::io::stdin().lock().take(limit).read_to_string(&mut text);
    read.map_err(|error| fault::io("cannot read standard input", &error))?;
    Ok(text)
}

fn value(found: &Analysis) -> serde_json::Value {
    let reasons = found.reasons.iter().map(|reason| {
        json!({
            "effect": reason.effect.name(),
            "secrets": reason.secrets,
            "text": reason.text,
            "bytes": [reason.span.start, reason.span.end],
        })
    });
    json!({
        "effect": found.effect.name(),
        "secrets": found.secrets,
        "reasons": reasons.collect::<Vec<_>>(),
    })
}
