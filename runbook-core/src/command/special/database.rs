//! Clients of databases.

use super::sql::{self, Client};
use crate::command::Effect;
use crate::command::arg::Arg;
use crate::command::options::Parsed;
use crate::command::program::Call;
use crate::command::walk::{Stdin, Walker};

pub(super) fn judge(walker: &mut Walker<'_>, call: &mut Call<'_>, name: &str, parsed: &Parsed<'_>) {
    if call.reads || call.safe {
        return;
    }
    let client = match name {
        "psql" => Client::Psql,
        "mysql" => Client::Mysql,
        _ => Client::Sqlite,
    };
    let options: &[&str] = match client {
        Client::Psql => &["-c", "--command"],
        Client::Mysql => &["-e", "--execute"],
        Client::Sqlite => &["-cmd"],
    };
    let mut texts: Vec<Arg> = parsed.values(options).cloned().collect();
    let mut operands = parsed.operands.iter();
    if client == Client::Sqlite {
        if let Some(file) = operands.next() {
            walker.note_write(file, file.span.clone(), false);
        }
        texts.extend(operands.cloned());
    } else if let Some(url) =
        parsed.operands.iter().find(|arg| arg.show().contains("://") && arg.show().contains('@'))
    {
        walker.expose(url.span.clone(), "an address with credentials");
    }
    let alone = parsed.operands.len() < 2 && client == Client::Sqlite;
    if texts.is_empty() || (alone && !matches!(call.stdin, Stdin::Nothing)) {
        match call.stdin {
            Stdin::Text(text) => texts.push(text.clone()),
            Stdin::Nothing => return call.raise(Effect::Unknown, "an interactive session"),
            _ => return call.raise(Effect::Unknown, "which statements are run is not known"),
        }
    }
    for text in &texts {
        let Some(known) = text.known() else {
            // What is known of it may be enough to see that it destroys.
            let shown = sql::look(&text.show(), client);
            call.raise(shown.effect.max(Effect::Unknown), "the statements are not wholly known");
            continue;
        };
        let found = sql::look(&known, client);
        if found.hidden {
            walker.hide(text.span.clone(), found.why.clone());
        }
        call.raise(found.effect, found.why);
    }
    if client == Client::Sqlite && call.effect == Effect::Read {
        // It only looked at the file.
        walker.found.writes.pop();
    }
}
