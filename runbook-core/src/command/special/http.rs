//! `curl` and `wget`.

use std::sync::OnceLock;

use regex::Regex;

use crate::command::Effect;
use crate::command::arg::Arg;
use crate::command::options::Parsed;
use crate::command::pattern::glob;
use crate::command::program::Call;
use crate::command::secret;
use crate::command::walk::Walker;

/// Words in an address that make one doubt that a GET only reads.
const VERBS: &[&str] = &[
    "delete",
    "remove",
    "destroy",
    "drop",
    "purge",
    "flush",
    "shutdown",
    "restart",
    "reset",
    "kill",
    "disable",
    "revoke",
    "logout",
    "setwebhook",
    "stop",
    "trigger",
    "unsubscribe",
    "cancel",
    "clear",
    "wipe",
];

pub(super) fn curl(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    if call.safe {
        return;
    }
    credentials(walker, parsed, &["-u", "--user", "--oauth2-bearer", "-E", "--cert"], &["-H", "--header"]);
    for format in parsed.values(&["-w", "--write-out"]) {
        let text = format.show();
        if text.starts_with('@') || text.contains("%output") || format.known().is_none() {
            call.raise(Effect::Unknown, "a format that can write files");
        }
    }
    let sends = [
        "-d",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-urlencode",
        "--data-ascii",
        "-F",
        "--form",
        "--form-string",
        "--json",
        "-T",
        "--upload-file",
    ];
    let get = parsed.has("-G") || parsed.has("--get");
    let sending = sends.iter().any(|name| parsed.has(name)) && !get;
    let uploads = parsed.has("-T") || parsed.has("--upload-file") || parsed.has("-F") || parsed.has("--json");
    if sending || uploads {
        call.raise(Effect::Change, "a request that sends data");
    }
    let known = method(call, parsed.values(&["-X", "--request"])) || sending || uploads;
    let urls: Vec<Arg> = parsed.values(&["--url"]).chain(&parsed.operands).cloned().collect();
    if !known || urls.is_empty() {
        addresses(walker, call, &urls);
    }
}

pub(super) fn wget(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    if call.safe {
        return;
    }
    credentials(walker, parsed, &["--user", "--password", "--http-password"], &["--header"]);
    if ["--post-data", "--post-file", "--body-data", "--body-file"].iter().any(|name| parsed.has(name)) {
        call.raise(Effect::Change, "a request that sends data");
    }
    method(call, parsed.values(&["--method"]));
    let to: Vec<Option<String>> = parsed.values(&["-O", "--output-document"]).map(Arg::known).collect();
    let printed =
        matches!(to.as_slice(), [Some(to)] if matches!(to.as_str(), "-" | "/dev/null" | "/dev/stdout"));
    if !printed && !parsed.has("--spider") {
        for to in parsed.values(&["-O", "--output-document"]) {
            walker.note_write(to, to.span.clone(), false);
        }
        call.raise(Effect::Change, "what is fetched is written to a file");
    }
    // It follows redirections unless it is told not to.
    addresses(walker, call, &parsed.operands);
}

fn credentials(walker: &mut Walker<'_>, parsed: &Parsed<'_>, options: &[&str], headers: &[&str]) {
    for value in parsed.values(options) {
        walker.expose(value.span.clone(), "a credential in an argument");
    }
    for value in parsed.values(headers) {
        if secret::is_credential_header(&value.show()) {
            walker.expose(value.span.clone(), "a credential in an argument");
        }
    }
}

/// What the methods do; whether they change something wherever they go.
fn method<'a>(call: &mut Call<'_>, methods: impl Iterator<Item = &'a Arg>) -> bool {
    let mut changes = false;
    for method in methods {
        match method.known().map(|method| method.to_ascii_uppercase()).as_deref() {
            Some("GET" | "HEAD" | "OPTIONS") => {}
            Some("DELETE") => {
                changes = true;
                call.raise(Effect::Destroy, "a request that deletes");
            }
            Some("POST" | "PUT" | "PATCH") => {
                changes = true;
                call.raise(Effect::Change, "a request that changes something");
            }
            _ => call.raise(Effect::Unknown, "what the request does is not known"),
        }
    }
    changes
}

fn addresses(walker: &mut Walker<'_>, call: &mut Call<'_>, urls: &[Arg]) {
    if urls.is_empty() {
        return call.raise(Effect::Unknown, "a request without an address");
    }
    for url in urls {
        if let Err(why) = address(walker, url) {
            call.raise(Effect::Unknown, why);
        }
    }
}

/// Whether a GET of `url` only reads; if not, why.
fn address(walker: &mut Walker<'_>, url: &Arg) -> Result<(), String> {
    static FORM: OnceLock<Option<Regex>> = OnceLock::new();
    let form = FORM.get_or_init(|| {
        Regex::new(r"^(?:https?://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:[0-9]{1,5})?([/?#].*)?$")
            .ok()
    });
    let shown = url.show();
    // The host must be known to its end.
    let known = url.known().is_some();
    let text = if known { shown.clone() } else { url.prefix() };
    let found = form.as_ref().and_then(|form| form.captures(&text));
    let Some(found) = found else { return Err(format!("where `{shown}` leads is not known")) };
    let host = found.get(1).map_or("", |m| m.as_str()).to_ascii_lowercase();
    let port = found.get(2).map_or("", |m| m.as_str());
    let rest = found.get(3).map(|m| m.as_str());
    if !known && rest.is_none() {
        return Err(format!("where `{shown}` leads is not known"));
    }
    if url.splits {
        return Err(format!("`{shown}` may become several addresses"));
    }
    let rest = rest.unwrap_or_default();
    if rest.contains('@') && !rest.starts_with('/') {
        return Err(format!("where `{shown}` leads is not certain"));
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let loopback = matches!(host.as_str(), "localhost" | "[::1]")
        || (host.starts_with("127.")
            && host.split('.').count() == 4
            && host.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    let declared = walker.context.read_hosts.iter().any(|declared| {
        let declared = declared.to_ascii_lowercase();
        declared == host || declared == format!("{host}{port}")
    });
    if walker.context.changing_gets.iter().any(|pattern| glob(pattern, path) || glob(pattern, rest)) {
        return Err(format!("a GET of `{path}` changes something, says the policy"));
    }
    if !loopback && !declared {
        return Err(format!("nobody says that requests to `{host}` only read"));
    }
    let lower = rest.to_ascii_lowercase();
    let doubtful = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| VERBS.iter().any(|verb| word.starts_with(verb)));
    if let Some(word) = doubtful {
        return Err(format!("a GET of `{word}` may change something"));
    }
    if lower.contains("token=")
        || lower.contains("key=")
        || lower.contains("password=")
        || lower.contains("secret=")
    {
        walker.expose(url.span.clone(), "a credential in an address");
    }
    Ok(())
}
