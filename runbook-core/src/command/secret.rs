//! Which files hold secrets, by their names.

use std::sync::OnceLock;

use regex::Regex;

use super::arg::Arg;

const NAMES: &str = r"(?ix)
    (^|/)\.env(\.[^/]*)?$ | \.env$ | (^|/)env\.(prod|production|secret)[^/]*$
  | (^|/)id_(rsa|dsa|ecdsa|ed25519)[^/]*$ | \.(pem|key|p12|pfx|jks|kdbx|keytab|ovpn|asc|gpg)$
  | (^|/)(shadow|gshadow|opasswd|sudoers|master\.passwd)-?$
  | (^|/)\.(pgpass|my\.cnf|netrc|git-credentials|htpasswd|vault-token|npmrc|pypirc|s3cfg|boto|mylogin\.cnf)$
  | (^|/)\.[a-z]*_?history$
  | (^|/)\.(ssh|gnupg|aws|kube)/ | (^|/)\.docker/config\.json$ | (^|/)kubeconfig[^/]*$
  | (^|/)(credentials|credential)[^/]*$
  | secret | passw(or)?d[^/]*\.(txt|ya?ml|json|conf|ini|cfg)$ | token[^/]*\.(txt|json)$
  | ^/proc/[^/]*/environ$ | ^/run/secrets/ | ^/etc/ssl/private/ | ^/etc/wireguard/
  | terraform\.tfstate | \.tfvars$
";

/// Files whose names look like those above, and that are meant to be shown.
const PUBLIC: &str = r"(?ix) \.pub$ | (^|/)\.ssh/(known_hosts|config)[^/]*$ | \.env\.(example|sample|template|dist)$ | (^|/)etc/passwd$ ";

fn regex(cell: &'static OnceLock<Option<Regex>>, text: &str) -> Option<&'static Regex> {
    cell.get_or_init(|| Regex::new(text).ok()).as_ref()
}

/// Whether the file that `path` names may hold secrets.
pub(super) fn is_secret(path: &Arg) -> bool {
    static SECRET: OnceLock<Option<Regex>> = OnceLock::new();
    static OPEN: OnceLock<Option<Regex>> = OnceLock::new();
    let shown = path.show();
    let shown =
        shown.rsplit_once(':').filter(|(host, _)| !host.contains('/')).map_or(&*shown, |(_, path)| path);
    if path.glob {
        return could_be_secret(shown);
    }
    let found = regex(&SECRET, NAMES).is_none_or(|names| names.is_match(shown));
    found && !regex(&OPEN, PUBLIC).is_some_and(|names| names.is_match(shown))
}

/// Whether a pattern could stand for a well-known secret.
fn could_be_secret(pattern: &str) -> bool {
    let name = pattern.rsplit('/').next().unwrap_or_default();
    const KNOWN: &[&str] =
        &[".env", ".env.prod", "id_rsa", "id_ed25519", "shadow", ".pgpass", ".netrc", "server.key"];
    // A pattern that begins with a star does not stand for hidden files.
    KNOWN.iter().any(|known| {
        let hidden = known.starts_with('.') && !name.starts_with('.');
        !hidden && name != "*" && super::pattern::glob(name, known)
    })
}

/// Whether a text that is given to a program looks like a credential in itself.
pub(super) fn is_credential_header(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["authorization:", "cookie:", "x-api-key:", "x-auth-token:", "private-token:", "proxy-authorization:"]
        .iter()
        .any(|name| lower.starts_with(name))
}
