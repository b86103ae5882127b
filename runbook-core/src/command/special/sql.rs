//! What statements of SQL do.

use crate::command::Effect;

/// Which program reads the statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Psql,
    Mysql,
    Sqlite,
}

/// Functions that only compute or look.
const FUNCTIONS: &[&str] = &[
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "total",
    "abs",
    "round",
    "ceil",
    "ceiling",
    "floor",
    "mod",
    "sign",
    "sqrt",
    "power",
    "lower",
    "upper",
    "length",
    "char_length",
    "octet_length",
    "substr",
    "substring",
    "trim",
    "ltrim",
    "rtrim",
    "replace",
    "concat",
    "concat_ws",
    "left",
    "right",
    "lpad",
    "rpad",
    "position",
    "strpos",
    "instr",
    "split_part",
    "coalesce",
    "ifnull",
    "isnull",
    "nullif",
    "greatest",
    "least",
    "iif",
    "if",
    "cast",
    "convert",
    "now",
    "date",
    "time",
    "datetime",
    "julianday",
    "strftime",
    "unixepoch",
    "age",
    "extract",
    "date_part",
    "date_trunc",
    "to_char",
    "to_date",
    "to_timestamp",
    "date_format",
    "timestampdiff",
    "datediff",
    "date_sub",
    "date_add",
    "from_unixtime",
    "unix_timestamp",
    "current_database",
    "current_schema",
    "current_user",
    "current_setting",
    "version",
    "sqlite_version",
    "database",
    "schema",
    "user",
    "pg_size_pretty",
    "pg_database_size",
    "pg_total_relation_size",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_current_wal_lsn",
    "pg_wal_lsn_diff",
    "pg_postmaster_start_time",
    "pg_backend_pid",
    "pg_get_viewdef",
    "pg_get_indexdef",
    "obj_description",
    "to_regclass",
    "json",
    "json_extract",
    "json_array_length",
    "jsonb_array_length",
    "json_agg",
    "jsonb_agg",
    "array_agg",
    "string_agg",
    "group_concat",
    "array_length",
    "unnest",
    "row_number",
    "rank",
    "dense_rank",
    "lag",
    "lead",
    "over",
    "partition",
    "filter",
    "in",
    "exists",
    "any",
    "all",
    "some",
    "not",
    "and",
    "or",
    "on",
    "using",
    "values",
    "as",
    "from",
    "where",
    "select",
    "union",
    "by",
    "then",
    "else",
    "when",
    "case",
    "distinct",
    "like",
    "interval",
    "varchar",
    "char",
    "numeric",
    "decimal",
    "hex",
    "quote",
    "typeof",
    "md5",
    "format",
    "generate_series",
    "random",
    "printf",
    "is",
    "between",
    "join",
    "having",
    "limit",
    "with",
    "materialized",
    "lateral",
    "end",
    "table_info",
    "index_list",
    "index_info",
    "foreign_key_list",
    "integrity_check",
    "quick_check",
    "foreign_key_check",
    "limit",
    "within",
    "group",
    "within",
];

/// Words that destroy when a statement has them anywhere outside of texts and names.
const DESTROYS: &[&str] = &["drop", "truncate", "delete", "purge", "shutdown"];

/// Words that change when a statement that begins as a read has them anywhere.
const CHANGES: &[&str] = &[
    "insert",
    "update",
    "into",
    "merge",
    "create",
    "alter",
    "grant",
    "revoke",
    "copy",
    "outfile",
    "dumpfile",
    "call",
    "execute",
    "do",
    "lock",
    "share",
    "set",
    "attach",
    "vacuum",
    "reindex",
    "analyze",
    "replace_into",
    "refresh",
];

/// What `text` does, with a reason; `hidden` when it leaves the language for commands of the client.
pub(super) struct Verdict {
    pub(super) effect: Effect,
    pub(super) hidden: bool,
    pub(super) why: String,
}

fn verdict(effect: Effect, why: impl Into<String>) -> Verdict {
    Verdict { effect, hidden: false, why: why.into() }
}

/// Looks at statements; the strictest counts.
pub(super) fn look(text: &str, client: Client) -> Verdict {
    let mut worst = verdict(Effect::Read, "the statements only read");
    let mut add = |found: Verdict| {
        let hidden = worst.hidden || found.hidden;
        if found.effect > worst.effect {
            worst = found;
        }
        worst.hidden = hidden;
    };
    let mut rest = String::new();
    for line in text.lines() {
        // Commands of the client stand between statements only.
        if client == Client::Sqlite && line.starts_with('.') && is_complete(&rest) {
            add(dot(line));
            continue;
        }
        rest.push_str(line);
        rest.push('\n');
    }
    match tokens(&rest, client) {
        None => {
            let unknown = verdict(Effect::Unknown, "statements that are not understood");
            add(Verdict { hidden: true, ..unknown });
        }
        Some(statements) => {
            for statement in &statements {
                add(look_at(statement, client));
            }
        }
    }
    worst
}

/// Whether `text` ends with the end of a statement.
fn is_complete(text: &str) -> bool {
    tokens(text, Client::Sqlite).is_some_and(|found| found.last().is_none_or(Vec::is_empty))
}

/// A command of `sqlite3` itself.
fn dot(line: &str) -> Verdict {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    if line.contains(['|', '`']) || words.any(|word| word.starts_with('-')) {
        let unknown = verdict(Effect::Unknown, format!("what `{name}` does is not known"));
        return Verdict { hidden: true, ..unknown };
    }
    match name {
        ".tables" | ".schema" | ".databases" | ".indexes" | ".indices" | ".headers" | ".header" | ".mode"
        | ".width" | ".nullvalue" | ".separator" | ".timeout" | ".timer" | ".stats" | ".show" | ".dbinfo"
        | ".dump" | ".quit" | ".exit" | ".help" | ".version" | ".bail" | ".changes" | ".fullschema"
        | ".print" | ".sha3sum" => verdict(Effect::Read, ""),
        ".backup" | ".save" | ".output" | ".once" | ".clone" => {
            verdict(Effect::Change, format!("`{name}` writes a file"))
        }
        ".import" => verdict(Effect::Change, "`.import` adds rows"),
        ".restore" => verdict(Effect::Destroy, "`.restore` replaces the database"),
        _ => Verdict { hidden: true, ..verdict(Effect::Unknown, format!("what `{name}` does is not known")) },
    }
}

/// A token of a statement.
#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    /// A text, name in quotes, or number.
    Other,
    Sign(char),
    /// A command of the client.
    Escape(String),
}

/// The statements as tokens; none when quoting is not understood.
fn tokens(text: &str, client: Client) -> Option<Vec<Vec<Token>>> {
    let chars: Vec<char> = text.chars().collect();
    let (mut statements, mut current, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        match c {
            '\'' | '"' | '`' => {
                let mut end = at + 1;
                loop {
                    match chars.get(end)? {
                        // Whether a backslash protects depends on settings.
                        '\\' if client != Client::Sqlite => return None,
                        q if *q == c && chars.get(end + 1) == Some(&c) => end += 2,
                        q if *q == c => break,
                        _ => end += 1,
                    }
                }
                at = end;
                current.push(Token::Other);
            }
            '-' if next == Some('-') => {
                // MySQL wants a blank behind the dashes.
                if client == Client::Mysql && chars.get(at + 2).is_some_and(|c| !c.is_whitespace()) {
                    return None;
                }
                while chars.get(at).is_some_and(|c| *c != '\n') {
                    at += 1;
                }
                continue;
            }
            '/' if next == Some('*') => {
                if chars.get(at + 2) == Some(&'!') || chars.get(at + 2) == Some(&'+') {
                    return None;
                }
                let mut end = at + 2;
                while !(chars.get(end)? == &'*' && chars.get(end + 1) == Some(&'/')) {
                    // Comments within comments are read differently.
                    if chars.get(end) == Some(&'/') && chars.get(end + 1) == Some(&'*') {
                        return None;
                    }
                    end += 1;
                }
                at = end + 2;
                continue;
            }
            '#' if client == Client::Mysql => return None,
            '$' if client == Client::Psql && next.is_some_and(|c| c == '$' || c.is_alphabetic()) => {
                return None;
            }
            ';' => statements.push(std::mem::take(&mut current)),
            '\\' if client == Client::Mysql && matches!(next, Some('G' | 'g')) => {
                at += 1;
                statements.push(std::mem::take(&mut current));
            }
            '\\' => {
                let word: String =
                    chars.iter().skip(at).take_while(|c| !c.is_whitespace() && **c != ';').collect();
                at += word.chars().count();
                // The rest of the line belongs to it; it may hold further commands, and text that is run.
                let rest: String = chars.iter().skip(at).take_while(|c| **c != '\n').collect();
                at += rest.chars().count();
                let word = if rest.contains(['\\', '`', '|']) { format!("{word} …") } else { word };
                current.push(Token::Escape(word));
                continue;
            }
            c if c.is_alphabetic() || c == '_' => {
                let word: String =
                    chars.iter().skip(at).take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                at += word.chars().count();
                current.push(Token::Word(word.to_ascii_lowercase()));
                continue;
            }
            c if c.is_ascii_digit() => current.push(Token::Other),
            c if c.is_whitespace() => {}
            c => current.push(Token::Sign(c)),
        }
        at += 1;
    }
    statements.push(current);
    Some(statements)
}

fn look_at(statement: &[Token], client: Client) -> Verdict {
    let words: Vec<&str> = statement
        .iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    if let Some(Token::Escape(escape)) = statement.iter().find(|token| matches!(token, Token::Escape(_))) {
        let shows =
            ["\\d", "\\l", "\\z", "\\conninfo", "\\x", "\\timing", "\\pset", "\\q", "\\encoding", "\\echo"];
        let harmless = client == Client::Psql
            && !statement.iter().any(|t| matches!(t, Token::Word(_)))
            && (shows.iter().any(|known| escape.trim_end_matches('+') == *known)
                || (escape.starts_with("\\d")
                    && escape.chars().skip(1).all(|c| c.is_ascii_alphabetic() || c == '+')));
        return match harmless {
            true => verdict(Effect::Read, ""),
            false => Verdict {
                hidden: true,
                ..verdict(Effect::Unknown, format!("what `{escape}` does is not known"))
            },
        };
    }
    let Some(first) = words.first() else {
        return match statement.is_empty() {
            true => verdict(Effect::Read, ""),
            false => verdict(Effect::Unknown, "a statement that is not understood"),
        };
    };
    let leaves = ["system", "source", "tee", "pager", "edit", "delimiter"];
    if client == Client::Mysql && leaves.contains(first) {
        let why = format!("what `{first}` does is not known");
        return Verdict { hidden: true, ..verdict(Effect::Unknown, why) };
    }
    if let Some(word) = words.iter().find(|word| DESTROYS.contains(word)) {
        return verdict(Effect::Destroy, format!("`{}` destroys", word.to_uppercase()));
    }
    match *first {
        "begin" | "start" | "commit" | "end" | "rollback" | "abort" if words.len() <= 2 => {
            verdict(Effect::Read, "")
        }
        "show" | "describe" | "desc" | "use" if words.len() <= 12 => only_reads(statement, &words),
        "select" | "with" | "values" | "table" => only_reads(statement, &words),
        "explain" => only_reads(statement, &words),
        "pragma" => {
            let sets = statement.contains(&Token::Sign('='));
            let known = [
                "table_info",
                "index_list",
                "index_info",
                "integrity_check",
                "quick_check",
                "foreign_key_list",
                "foreign_key_check",
                "database_list",
                "user_version",
                "page_count",
                "page_size",
                "freelist_count",
                "journal_mode",
                "compile_options",
                "table_list",
                "schema_version",
                "encoding",
            ];
            let name = words.get(1).copied().unwrap_or_default();
            let argument = statement.contains(&Token::Sign('('))
                && matches!(
                    name,
                    "user_version" | "journal_mode" | "page_size" | "encoding" | "schema_version"
                );
            match !sets && !argument && known.contains(&name) {
                true => verdict(Effect::Read, ""),
                false => verdict(Effect::Change, "a setting of the database"),
            }
        }
        "insert" | "update" | "replace" | "create" | "alter" | "grant" | "revoke" | "merge" | "comment"
        | "set" | "reset" | "vacuum" | "reindex" | "analyze" | "optimize" | "attach" | "detach"
        | "refresh" | "lock" | "unlock" | "checkpoint" | "cluster" | "flush" | "kill" | "rename"
        | "savepoint" | "release" => {
            verdict(Effect::Change, format!("`{}` changes something", first.to_uppercase()))
        }
        _ => verdict(Effect::Unknown, format!("what `{}` does is not known", first.to_uppercase())),
    }
}

/// A statement that begins as a read.
fn only_reads(statement: &[Token], words: &[&str]) -> Verdict {
    let analyze_alone = words.first() != Some(&"explain");
    if let Some(word) =
        words.iter().skip(1).find(|word| CHANGES.contains(word) && (**word != "set" || analyze_alone))
    {
        return verdict(Effect::Unknown, format!("`{}` does more than read", word.to_uppercase()));
    }
    for pair in statement.windows(2) {
        match pair {
            [Token::Word(name), Token::Sign('(')] if !FUNCTIONS.contains(&name.as_str()) => {
                return verdict(Effect::Unknown, format!("what the function `{name}` does is not known"));
            }
            [Token::Other, Token::Sign('(')] => {
                return verdict(Effect::Unknown, "what a function with a quoted name does is not known");
            }
            [Token::Word(a), Token::Word(b)]
                if a == "for" && matches!(b.as_str(), "update" | "share" | "no" | "key") =>
            {
                return verdict(Effect::Change, "rows are locked");
            }
            _ => {}
        }
    }
    verdict(Effect::Read, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_what_they_do() {
        use Client::{Mysql, Psql, Sqlite};
        use Effect::{Change, Destroy, Read, Unknown};
        let cases = [
            (Psql, "SELECT count(*) FROM users WHERE state = 'DELETE'", Read),
            (Psql, "select 1; drop table x", Destroy),
            (Psql, "select * into t from u", Unknown),
            (Psql, "select pg_terminate_backend(1)", Unknown),
            (Psql, "with d as (delete from t returning *) select * from d", Destroy),
            (Psql, "select $$a$$", Unknown),
            (Psql, "\\dt+", Read),
            (Psql, "\\! id", Unknown),
            (Psql, "\\dt \\! id", Unknown),
            (Psql, "\\echo `id`", Unknown),
            (Sqlite, ".once |sh", Unknown),
            (Sqlite, "select '\n.tables '; drop table t; select '\n'", Destroy),
            (Mysql, "select 1\\G", Read),
            (Psql, "select 1 \\g |sh", Unknown),
            (Psql, "update t set a = 1", Change),
            (Psql, "explain analyze select 1", Unknown),
            (Psql, "select 1 -- drop\n", Read),
            (Psql, "truncate t", Destroy),
            (Mysql, "show tables", Read),
            (Mysql, "/*!50000 drop table x */", Unknown),
            (Mysql, "system id", Unknown),
            (Mysql, "select 'a\\'; drop table x; -- '", Unknown),
            (Sqlite, "select '\\'; drop table x", Destroy),
            (Sqlite, ".tables", Read),
            (Sqlite, ".shell id", Unknown),
            (Sqlite, ".backup /tmp/x", Change),
            (Sqlite, "PRAGMA integrity_check", Read),
            (Sqlite, "PRAGMA journal_mode=WAL", Change),
            (Sqlite, "VACUUM INTO 'x'", Change),
            (Sqlite, "select load_extension('x')", Unknown),
            (Sqlite, "select writefile('a', 'b')", Unknown),
        ];
        for (client, text, expected) in cases {
            assert_eq!(look(text, client).effect, expected, "{text}");
        }
    }
}
