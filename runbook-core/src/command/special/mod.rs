//! Programs for which a table of options is not enough.

mod awk;
mod builtin;
mod database;
mod files;
mod find;
mod http;
mod interpreter;
mod runs;
mod sed;
mod sql;

pub(super) use builtin::{double_test, is_builtin};

use super::arg::Arg;
use super::options::Parsed;
use super::program::Call;
use super::walk::Walker;

/// The names by which the table speaks of what is here.
#[cfg(test)]
pub(super) const NAMES: &[&str] = &[
    "awk",
    "sed",
    "jq",
    "find",
    "xargs",
    "parallel",
    "flock",
    "shell",
    "eval",
    "source",
    "trap",
    "interpreter",
    "cd",
    "declare",
    "set",
    "test",
    "printf",
    "psql",
    "mysql",
    "sqlite3",
    "curl",
    "wget",
    "tar",
    "dd",
    "mode",
    "tee",
    "inspect",
    "git_url",
    "kubectl_get",
    "top",
    "read",
    "hidden",
    "su",
    "env",
    "getent",
];

/// Looks at a program in its own way. `args` are all words behind the name, `parsed` the same sorted.
pub(super) fn judge(
    walker: &mut Walker<'_>,
    call: &mut Call<'_>,
    name: &str,
    args: &[Arg],
    parsed: &Parsed<'_>,
) {
    match name {
        "awk" => awk::judge(walker, call, parsed),
        "sed" => sed::judge(walker, call, parsed),
        "jq" => awk::jq(walker, call, parsed),
        "find" => find::judge(walker, call, args),
        "xargs" => runs::xargs(walker, call, parsed),
        "parallel" => runs::parallel(walker, call, parsed),
        "flock" => runs::flock(walker, call, parsed),
        "shell" => runs::shell(walker, call, parsed),
        "eval" => runs::eval(walker, call, args),
        "source" => runs::source(walker, call, args),
        "trap" => runs::trap(walker, call, parsed),
        "interpreter" => interpreter::judge(walker, call, args),
        "cd" => builtin::cd(walker, parsed),
        "declare" => builtin::declare(walker, call, parsed),
        "set" => builtin::set(walker, call, args),
        "test" => builtin::test(call, args),
        "printf" => builtin::printf(call, args),
        "read" => builtin::read(walker, call, parsed),
        "psql" | "mysql" | "sqlite3" => database::judge(walker, call, name, parsed),
        "curl" => http::curl(walker, call, parsed),
        "wget" => http::wget(walker, call, parsed),
        "tar" => files::tar(walker, call, args),
        "dd" => files::dd(walker, call, args),
        "mode" => files::mode(call, parsed),
        "tee" => files::tee(walker, call, parsed),
        "inspect" => files::inspect(walker, call, parsed),
        "git_url" => files::git_url(walker, call, parsed),
        "kubectl_get" => files::kubectl_get(walker, call, parsed),
        "top" => files::top(call, parsed),
        "getent" => files::getent(walker, call, parsed),
        "hidden" => walker.hide(call.span.clone(), "it changes what later commands mean"),
        "su" => runs::su(walker, call, parsed),
        "env" => runs::env(walker, call, parsed),
        _ => walker.hide(call.span.clone(), "this program cannot be looked at"),
    }
}
