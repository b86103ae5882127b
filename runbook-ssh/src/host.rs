//! What a target says of its host, and the options of `ssh` that follow from it. Connects to nothing.

use std::ffi::OsString;
use std::time::Duration;

use runbook_core::kind::Target;
use runbook_core::value::{Value, display};

/// How long it may take until a host has accepted the connection and shown its key.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After how much silence a host is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// After how many unanswered questions it is taken for gone.
const KEEPALIVE_COUNT: u32 = 3;
/// How long a connection that nobody uses stays open, should its engine be lost.
const IDLE: Duration = Duration::from_secs(120);

/// Where a target is and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// What the runbook calls the target.
    pub(crate) target: String,
    /// A name or an address, or what the user's configuration of ssh calls it.
    pub(crate) name: String,
    user: Option<String>,
    pub(crate) port: Option<u64>,
    identity_file: Option<String>,
    pub(crate) proxy_jump: Option<String>,
    config: Option<String>,
    options: Vec<(String, String)>,
    connect_timeout: Duration,
    keepalive: Duration,
}

impl Host {
    /// The host of `target`, whose parameters are rendered.
    pub(crate) fn of(target: &Target) -> Result<Self, String> {
        let text = |key: &str| {
            target
                .params
                .get(key)
                .filter(|value| !value.is_null())
                .map(display)
                .filter(|text| !text.is_empty())
        };
        let duration = |key: &str, default: Duration| match text(key) {
            None => Ok(default),
            Some(text) => text
                .parse::<runbook_core::value::Duration>()
                .map(|duration| duration.to_std())
                .map_err(|error| format!("`{key}: {text}` is not a duration: {error}")),
        };
        let name = text("host").ok_or("its `host` is empty")?;
        let words =
            [("host", Some(name.clone())), ("user", text("user")), ("proxy_jump", text("proxy_jump"))];
        for (key, word) in words {
            if let Some(word) = word.filter(|word| is_misread(word)) {
                return Err(format!("`{key}: {word}` cannot be a name: ssh would read it differently"));
            }
        }
        let port = match text("port") {
            Some(text) => Some(text.parse().map_err(|_| format!("`port: {text}` is not a number"))?),
            None => None,
        };
        let options = target.params.get("options").and_then(Value::as_object);
        let options = options.into_iter().flatten().map(|(name, value)| (name.clone(), display(value)));
        let options: Vec<_> = options.collect();
        for (name, _) in &options {
            if let Some(why) = refused_option(name) {
                return Err(format!("the option `{name}` {why}"));
            }
        }
        Ok(Host {
            target: target.name.clone(),
            name,
            user: text("user"),
            port,
            identity_file: text("identity_file"),
            proxy_jump: text("proxy_jump"),
            config: text("config"),
            options,
            connect_timeout: duration("connect_timeout", CONNECT_TIMEOUT)?,
            keepalive: duration("keepalive", KEEPALIVE)?,
        })
    }

    /// How people call it: `root@app.example.net:2222`.
    pub(crate) fn shown(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{user}{}{port}", self.name)
    }

    /// How long opening a connection may take at most, everything included.
    pub(crate) fn patience(&self) -> Duration {
        // `ConnectTimeout` counts for each hop by itself, and logging in comes after it.
        let hops = self.proxy_jump.as_ref().map_or(1, |jump| 2 + jump.matches(',').count());
        self.connect_timeout * u32::try_from(hops).unwrap_or(u32::MAX) + Duration::from_secs(30)
    }

    /// The arguments of `ssh`, the host last. Of an option given twice ssh takes the first.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut option =
            |name: &str, value: &str| arguments.extend(["-o".into(), format!("{name}={value}").into()]);
        for (name, value) in [
            ("BatchMode", "yes"),
            ("StrictHostKeyChecking", "yes"),
            // What a user's configuration may say for terminals would be in the way here.
            ("RemoteCommand", "none"),
            ("RequestTTY", "no"),
            ("PermitLocalCommand", "no"),
            ("ClearAllForwardings", "yes"),
            ("ExitOnForwardFailure", "no"),
            ("StreamLocalBindMask", "0177"),
            ("StreamLocalBindUnlink", "yes"),
        ] {
            option(name, value);
        }
        option("ControlPersist", &IDLE.as_secs().to_string());
        for (name, value) in &self.options {
            option(name, value);
        }
        option("ConnectTimeout", &whole_seconds(self.connect_timeout).to_string());
        option("ServerAliveInterval", &whole_seconds(self.keepalive).to_string());
        option("ServerAliveCountMax", &KEEPALIVE_COUNT.to_string());
        if let Some(file) = &self.identity_file {
            option("IdentitiesOnly", "yes");
            option("IdentityFile", &quoted(file));
        }
        let mut with = |flag: &str, value: &Option<String>| {
            if let Some(value) = value {
                arguments.extend([flag.into(), value.into()]);
            }
        };
        with("-F", &self.config);
        with("-J", &self.proxy_jump);
        with("-l", &self.user);
        with("-p", &self.port.map(|port| port.to_string()));
        arguments.extend(["--".into(), self.name.clone().into()]);
        arguments
    }
}

/// Whether ssh would read `word` as something else than a name.
pub(crate) fn is_misread(word: &str) -> bool {
    word.is_empty() || word.starts_with('-') || word.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Why an option of ssh cannot be set by a runbook; `None` when it can.
pub(crate) fn refused_option(name: &str) -> Option<&'static str> {
    const TRUSTING: [&str; 7] = [
        "stricthostkeychecking",
        "userknownhostsfile",
        "globalknownhostsfile",
        "knownhostscommand",
        "nohostauthenticationforlocalhost",
        "verifyhostkeydns",
        "updatehostkeys",
    ];
    const RUNNING: [&str; 6] = [
        "proxycommand",
        "localcommand",
        "permitlocalcommand",
        "pkcs11provider",
        "securitykeyprovider",
        "match",
    ];
    const OURS: [&str; 15] = [
        "batchmode",
        "controlmaster",
        "controlpath",
        "controlpersist",
        "remotecommand",
        "requesttty",
        "localforward",
        "remoteforward",
        "dynamicforward",
        "clearallforwardings",
        "sessiontype",
        "stdinnull",
        "forkafterauthentication",
        "streamlocalbindmask",
        "streamlocalbindunlink",
    ];
    let lower = name.to_lowercase();
    let is_in = |names: &[&str]| names.contains(&lower.as_str());
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    match () {
        () if !is_name => Some("cannot be the name of an option"),
        () if is_in(&TRUSTING) => Some("would decide whether the host's key is checked"),
        () if is_in(&RUNNING) => Some("would run a program on the engine's machine"),
        () if is_in(&OURS) => Some("is set by the engine itself"),
        () => None,
    }
}

/// As ssh reads a path in an option.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}

/// ssh knows no parts of seconds, and takes 0 for "never".
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0).max(u64::from(duration.is_zero()))
}
