//! Variables that change what commands mean.

/// Names, and beginnings of names that end with `*`, whose content makes shells or programs run or load
/// something, or find another program behind a name.
const DANGEROUS: &[&str] = &[
    "PATH",
    "IFS",
    "ENV",
    "BASH*",
    "SHELL*",
    "CDPATH",
    "GLOBIGNORE",
    "PS0",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "FPATH",
    "PROMPT_COMMAND",
    "LD_*",
    "DYLD_*",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "HOSTALIASES",
    "RES_OPTIONS",
    "HOME",
    "XDG_*",
    "TERMINFO*",
    "TERMCAP",
    "INPUTRC",
    "PYTHON*",
    "PERL*",
    "RUBY*",
    "GEM_*",
    "BUNDLE_*",
    "NODE_*",
    "NPM_*",
    "npm_*",
    "JAVA*",
    "_JAVA*",
    "JDK_*",
    "CLASSPATH",
    "LUA_*",
    "PHP*",
    "GIT_*",
    "SSH_*",
    "RSYNC_*",
    "EDITOR",
    "VISUAL",
    "BROWSER",
    "PAGER",
    "MANPAGER",
    "LESS*",
    "MORE",
    "SYSTEMD_*",
    "DOCKER_*",
    "COMPOSE_*",
    "CONTAINER*",
    "KUBE*",
    "HELM_*",
    "AWS_*",
    "AZURE_*",
    "CLOUDSDK_*",
    "GOOGLE_*",
    "TF_*",
    "TERRAGRUNT_*",
    "ANSIBLE_*",
    "VAULT_*",
    "OPENSSL_*",
    "GNUPGHOME",
    "CURL_*",
    "WGETRC",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "PSQL*",
    "PGSERVICE*",
    "PGSYS*",
    "PGOPTIONS",
    "MYSQL*",
    "SQLITE*",
    "MAKE*",
    "GNUMAKEFLAGS",
    "TAR_OPTIONS",
    "GREP_OPTIONS",
    "GZIP",
    "BZIP*",
    "XZ_*",
    "ZSTD_*",
    "POSIXLY_CORRECT",
    "FIND_*",
    "AWKPATH",
    "AWKLIBPATH",
    "GAWK*",
    "SUDO_*",
    "APT_*",
    "DPKG_*",
    "PIP_*",
    "UV_*",
    "POETRY_*",
    "VIRTUAL_ENV*",
    "CONDA_*",
    "TMPDIR",
    "TMP",
    "TEMP",
    "COLORTERM_*",
    "PROMPT*",
    "ZDOTDIR",
    "HIST*",
    "MAIL*",
    "OPTIND",
    "EXECIGNORE",
    "FIGNORE",
    "FUNCNAME",
    "DIRSTACK",
    "SECONDS",
    "RANDOM",
    "LINENO",
    "PIPESTATUS",
    "COMP_*",
    "GROUPS",
    "UID",
    "EUID",
    "PPID",
    "TMOUT",
    "RIPGREP_*",
    "FZF_*",
    "BAT_*",
    "DELTA_*",
    "PARALLEL*",
];

/// Names that change nothing but how things look, in which time zone, or as whom a database is asked.
const HARMLESS: &[&str] = &[
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "COLUMNS",
    "LINES",
    "TERM",
    "NO_COLOR",
    "COLORTERM",
    "CLICOLOR",
    "DEBIAN_FRONTEND",
    "PGUSER",
    "PGHOST",
    "PGPORT",
    "PGDATABASE",
    "PGCONNECT_TIMEOUT",
    "PGPASSWORD",
    "PGAPPNAME",
    "REDISCLI_AUTH",
];

fn among(name: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => *entry == name,
    })
}

/// Whether setting the variable can change what later commands mean.
pub(super) fn is_dangerous(name: &str) -> bool {
    among(name, DANGEROUS)
        || name.ends_with("_OPTS")
        || name.ends_with("_OPTIONS")
        || name.ends_with("PAGER")
        || name.ends_with("_EDITOR")
}

/// Whether a program that is given the variable certainly does nothing else for it.
pub(super) fn is_harmless(name: &str) -> bool {
    among(name, HARMLESS)
}

/// Whether the variable carries a credential.
pub(super) fn is_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ["PASSWORD", "PASSWD", "TOKEN", "SECRET", "API_KEY", "APIKEY", "CREDENTIAL", "PRIVATE_KEY", "_AUTH"]
        .iter()
        .any(|word| upper.contains(word))
}
