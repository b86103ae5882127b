//! Secrets among the arguments of programs.

use std::collections::HashSet;
use std::sync::OnceLock;

use regex::Regex;

use super::commands::{program, unwrapped};
use super::view::{Commanded, View};
use crate::command::Word;
use crate::diag::{Code, Diagnostic};

/// Commands that the shell carries out itself: their arguments are seen by nobody else.
const BUILTIN: &[&str] = &[
    "echo", "printf", "[", "[[", "test", "export", "local", "declare", "readonly", "read", "set", "unset",
    ":", "cd", "return", "exit", "",
];

pub(super) fn lint(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for (id, _) in view.steps() {
        for command in view.commands(id) {
            let secret = secret_variables(command);
            let stages = command.outline.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
            for stage in stages.filter(|stage| !BUILTIN.contains(&program(stage))) {
                if let Some((word, what)) = exposed(command, stage, &secret) {
                    report(view, command, word, &what, program(stage), found);
                }
            }
        }
    }
}

fn report(
    view: &View<'_>,
    command: &Commanded<'_>,
    word: &Word,
    what: &str,
    program: &str,
    found: &mut Vec<Diagnostic>,
) {
    let message = format!("{what} stands among the arguments of `{program}`");
    let problem =
        Diagnostic::warning(Code::SECRET_IN_ARGV, view.place_in(command, word.span.clone()), message)
            .note("everybody on the machine can read arguments with `ps`")
            .help("declare it under `secrets`, and pass it in `env` or `stdin`");
    found.push(match program {
        "psql" | "pg_dump" | "pg_restore" => problem.help("these programs read it from `PGPASSWORD`"),
        "mysql" | "mysqldump" | "mariadb" => problem.help("these programs read it from `MYSQL_PWD`"),
        "redis-cli" => problem.help("`redis-cli` reads it from `REDISCLI_AUTH`"),
        "curl" => problem.help("`curl --config -` reads options from `stdin`; so does the action `http`"),
        _ => problem,
    });
}

/// Variables that are given a secret.
fn secret_variables(command: &Commanded<'_>) -> HashSet<String> {
    let secret = |template: &crate::expr::Template| {
        let mut references = template.expressions().flat_map(|expr| expr.references());
        references.any(|reference| reference.path.first().is_some_and(|root| root == "secrets"))
    };
    command.run.env.iter().filter(|(_, value)| secret(value)).map(|(name, _)| name.clone()).collect()
}

/// The first argument of a command that shows a secret, and what it shows.
fn exposed<'w>(
    command: &Commanded<'_>,
    words: &'w [Word],
    secret: &HashSet<String>,
) -> Option<(&'w Word, String)> {
    let words = unwrapped(words);
    let name = program(words);
    for (place, word) in words.iter().enumerate().skip(1) {
        if let Some(variable) = word.variables.iter().find(|variable| secret.contains(*variable)) {
            return Some((word, format!("the secret in `${variable}`")));
        }
        let written = command.text.get(word.span.clone()).unwrap_or_default();
        if let Some(input) = value_called_like_a_secret(written) {
            return Some((word, format!("`{input}`, which looks like a secret,")));
        }
        let before = words.get(place - 1).filter(|_| place > 1).map_or("", |word| word.text.as_str());
        if carries_a_secret(name, before, &word.text) {
            return Some((word, "a secret".to_owned()));
        }
    }
    None
}

/// `inputs.db_password` in the text of a word.
fn value_called_like_a_secret(written: &str) -> Option<String> {
    static NAMED: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = r"\$\{\{[^}]*?\b((?:inputs|vars)\.(?:[a-z0-9_]*_)?(?:password|passwd|passphrase|secret|token|api_key|apikey|private_key))\b";
    let named = NAMED.get_or_init(|| Regex::new(pattern).ok()).as_ref()?;
    Some(named.captures(written)?.get(1)?.as_str().to_owned())
}

/// Whether an argument after the argument `before` is a secret, as far as `program` is known.
fn carries_a_secret(program: &str, before: &str, word: &str) -> bool {
    let value_of = |names: &[&str]| {
        names.contains(&before) && !word.starts_with('-')
            || names.iter().any(|name| {
                word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).is_some_and(|v| !v.is_empty())
            })
    };
    let of_program = match program {
        "mysql" | "mysqldump" | "mysqladmin" | "mariadb" | "mariadb-dump" => {
            word.starts_with("-p") && word.len() > 2 && !word.starts_with("--")
        }
        "redis-cli" => value_of(&["-a", "--pass"]),
        "sshpass" => before == "-p" || (word.starts_with("-p") && word.len() > 2),
        "curl" | "wget" => {
            let header = word.to_ascii_lowercase();
            (value_of(&["-u", "--user"]) && word.contains(':') && !word.ends_with(':'))
                || header.starts_with("authorization: ")
                || header.starts_with("x-api-key: ")
        }
        _ => false,
    };
    of_program || value_of(&["--password", "--passwd", "--token", "--api-key"]) || has_user_and_password(word)
}

/// `scheme://user:password@host`.
fn has_user_and_password(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}
