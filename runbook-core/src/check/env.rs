//! Which environment variables a runbook may see.

/// The names that expressions may use as `env.NAME`, apart from [prefixes](ALLOWED_ENV_PREFIXES).
///
/// A closed list: an environment often holds credentials, and a plan is stored and shown.
pub const ALLOWED_ENV: [&str; 12] =
    ["CI", "HOME", "HOSTNAME", "LANG", "LC_ALL", "LOGNAME", "PATH", "PWD", "SHELL", "TMPDIR", "TZ", "USER"];

/// Every name that begins with one of these is allowed too.
pub const ALLOWED_ENV_PREFIXES: [&str; 2] = ["RUNBOOK_", "XDG_"];

/// Whether expressions may use `env.NAME`.
pub fn is_allowed_env(name: &str) -> bool {
    ALLOWED_ENV.contains(&name) || ALLOWED_ENV_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
