//! Why a host cannot be reached: what ssh says, told apart, each with what to do about it.

use runbook_core::port::ConnectError;

use crate::host::Host;

/// What ssh has said of a failed connection, as a kind with its cure.
pub(crate) fn classify(host: &Host, said: &str) -> ConnectError {
    let said = said.trim();
    let kind = kind_of(said, host.proxy_jump.is_some());
    let (message, help) = told(kind, host, said);
    ConnectError { kind, message, help }
}

/// Whether the host has refused because too many connect at once, so that trying again is right.
pub(crate) fn is_crowded(said: &str) -> bool {
    const EARLY: [&str; 3] =
        ["kex_exchange_identification", "ssh_exchange_identification", "banner exchange"];
    const CUT: [&str; 4] = [
        "Connection closed by remote host",
        "Connection reset by peer",
        "Exceeded MaxStartups",
        "Not allowed at this time",
    ];
    // A way over a jump host that was never opened looks the same from its far end.
    const OTHER: [&str; 7] = [
        "Connection refused",
        "Could not resolve",
        "Permission denied",
        "timed out",
        "No route to host",
        "verification failed",
        "stdio forwarding failed",
    ];
    let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    has(&EARLY) && has(&CUT) && !has(&OTHER)
}

/// The kind of a failure; `jumps` is whether the way leads over other hosts.
fn kind_of(said: &str, jumps: bool) -> &'static str {
    let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    // Of a jump host there are two reports; what befell it comes first.
    if has(&["REMOTE HOST IDENTIFICATION HAS CHANGED", "differs from the key for the IP address"]) {
        "host_key_changed"
    } else if has(&["Host key verification failed", "No ED25519 host key is known", "host key is known for"])
    {
        "host_key_unknown"
    } else if jumps && has(&["UNKNOWN port", "stdio forwarding failed"]) {
        "proxy"
    } else if has(&["Could not resolve hostname", "Name or service not known"]) {
        "resolve"
    } else if has(&["Permission denied (", "Too many authentication failures"]) {
        "auth"
    } else if has(&[
        "Bad configuration option",
        "Can't open user config",
        "Bad owner or permissions",
        "line 0:",
        "terminating, ",
    ]) {
        "config"
    } else if has(&["no matching ", "Unable to negotiate"]) {
        "incompatible"
    } else if is_crowded(said) {
        "crowded"
    } else if has(&["Connection refused"]) {
        "refused"
    } else if has(&["timed out", "Timeout, server", "took too long"]) {
        "timeout"
    } else if has(&["No route to host", "Network is unreachable", "Host is down"]) {
        "unreachable"
    } else if has(&["Broken pipe", "Connection closed", "Connection reset", "closed by remote host"]) {
        "lost"
    } else {
        "connect_failed"
    }
}

/// What to tell people: a message, and a cure.
fn told(kind: &str, host: &Host, said: &str) -> (String, Option<String>) {
    let shown = host.shown();
    let target = &host.target;
    let port = host.port.map(|port| format!(" -p {port}")).unwrap_or_default();
    let name = &host.name;
    let jump = host.proxy_jump.as_deref().unwrap_or("the jump host");
    let (what, cure) = match kind {
        "resolve" => (
            format!("the name `{name}` cannot be resolved"),
            "correct `host`, or add the name to DNS, /etc/hosts or your ~/.ssh/config".to_owned(),
        ),
        "refused" => {
            (format!("{shown} refuses connections"), "check that sshd runs there, and `port`".to_owned())
        }
        "timeout" => (
            format!("{shown} does not answer in time"),
            "check the address, the network and firewalls; a slow host may need a longer `connect_timeout`"
                .to_owned(),
        ),
        "unreachable" => {
            (format!("there is no way to {shown}"), "check the address and the network".to_owned())
        }
        "auth" => {
            let methods =
                said.rsplit_once("Permission denied (").and_then(|(_, rest)| rest.split(')').next());
            let tried = methods.map(|methods| format!(" (it offers {methods})")).unwrap_or_default();
            (
                format!("{shown} lets nobody in with the keys at hand{tried}"),
                format!(
                    "check `user`, put the key into your agent (`ssh-add`) or name it as `identity_file`, and see that `ssh{port} {name}` works without a question; passwords are not asked for"
                ),
            )
        }
        "host_key_changed" => (
            format!(
                "the key of {shown} is not the one in your known hosts: somebody may be in between, or the host was installed anew"
            ),
            format!(
                "ask whoever runs the host for its key's fingerprint; if it is right, remove the old key with `ssh-keygen -R {}` and connect once by hand",
                known_name(host)
            ),
        ),
        "host_key_unknown" => (
            format!("the key of {shown} is not in your known hosts"),
            format!(
                "connect once by hand with `ssh{port} {name}` and compare the fingerprint, or have the key added by whoever runs the host"
            ),
        ),
        "proxy" => (
            format!("the way to {shown} over {jump} fails"),
            format!(
                "see that `ssh {jump}` works without a question, and that it may forward connections to {name}"
            ),
        ),
        "config" => (
            "ssh does not accept its configuration".to_owned(),
            "correct `options` or `config` of the target, or your ~/.ssh/config".to_owned(),
        ),
        "incompatible" => (
            format!("{shown} and this machine have no cryptographic method in common"),
            "update the older side; in need, name what it can with `options`, such as `KexAlgorithms`"
                .to_owned(),
        ),
        "crowded" => (
            format!("{shown} refuses more connections for now"),
            "raise `MaxStartups` in its sshd_config, or connect to fewer hosts at once".to_owned(),
        ),
        "lost" => (
            format!("the connection to {shown} was cut off while it was opened"),
            "look at the log of its sshd".to_owned(),
        ),
        _ => (format!("no connection to {shown}"), "see that it works by hand: `ssh -v`".to_owned()),
    };
    let details = summary(said);
    let details = if details.is_empty() { details } else { format!(": {details}") };
    (format!("target `{target}`: {what}{details}"), Some(cure))
}

/// As `ssh-keygen -R` takes it.
fn known_name(host: &Host) -> String {
    match host.port {
        Some(port) if port != 22 => format!("'[{}]:{port}'", host.name),
        _ => host.name.clone(),
    }
}

/// What ssh said, on one line, without its frames of `@`.
fn summary(said: &str) -> String {
    let lines = said
        .lines()
        .map(|line| line.trim().trim_matches('@').trim().trim_end_matches('.'))
        .filter(|line| !line.is_empty());
    let mut lines: Vec<&str> = lines.collect();
    lines.dedup();
    // The whole warning about a changed key is a page.
    if lines.len() > 3 {
        let keep: Vec<&str> = lines
            .iter()
            .filter(|line| {
                ["known_hosts", "fingerprint", "SHA256", "Offending", "failed"]
                    .iter()
                    .any(|word| line.contains(word))
            })
            .copied()
            .collect();
        lines = if keep.is_empty() { lines.split_off(lines.len() - 3) } else { keep };
    }
    lines.join("; ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_told_apart() {
        for (said, jumps, kind) in [
            ("ssh: Could not resolve hostname nope: Name or service not known", false, "resolve"),
            ("ssh: connect to host h port 22: Connection refused", false, "refused"),
            ("ssh: connect to host h port 22: Connection timed out", false, "timeout"),
            ("Connection timed out during banner exchange", false, "timeout"),
            ("ssh: connect to host h port 22: No route to host", false, "unreachable"),
            ("root@h: Permission denied (publickey,password).", false, "auth"),
            (
                "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
                false,
                "host_key_unknown",
            ),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
                false,
                "host_key_changed",
            ),
            (
                "ssh: connect to host b port 22: Connection refused\nConnection closed by UNKNOWN port 65535",
                true,
                "proxy",
            ),
            ("command-line: line 0: Bad configuration option: nope", false, "config"),
            (
                "Unable to negotiate with h port 22: no matching host key type found. Their offer: ssh-dss",
                false,
                "incompatible",
            ),
            ("kex_exchange_identification: Connection closed by remote host", false, "crowded"),
            ("kex_exchange_identification: read: Connection reset by peer", false, "crowded"),
            ("something new", false, "connect_failed"),
        ] {
            assert_eq!(kind_of(said, jumps), kind, "{said}");
        }
    }
}
