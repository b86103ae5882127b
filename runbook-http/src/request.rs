//! A request as its author wrote it, from rendered parameters.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use runbook_core::value::{Duration, Object, Value, display, type_name};

use crate::kind::METHODS;

/// The name under which this program asks.
pub(crate) const USER_AGENT: &str = concat!("runbook/", env!("CARGO_PKG_VERSION"));

/// Headers that the request itself decides.
pub(crate) const OWN_HEADERS: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// What is sent where.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) tls: Tls,
    pub(crate) proxy: Option<String>,
    pub(crate) follow: bool,
    pub(crate) timeout: Option<Duration>,
    /// Whether the server is asked to carry it out once, however often it comes.
    pub(crate) once: bool,
}

/// What is sent with it.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Bytes(Vec<u8>),
    /// A file on the engine's machine.
    File(String),
}

/// How the server is trusted, and how it knows this side. Texts are paths, or PEM themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    pub(crate) ca: Option<String>,
    pub(crate) cert: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) insecure: bool,
}

impl Request {
    /// Reads rendered parameters; `Err` says what cannot be sent, and why.
    pub(crate) fn of(params: &Value) -> Result<Self, String> {
        let fields = params.as_object().ok_or("the parameters of a request are a map")?;
        let mut written = METHODS.iter().filter(|method| fields.contains_key(**method));
        let (Some(method), None) = (written.next(), written.next()) else {
            return Err(format!("a request has one of {}", METHODS.join(", ")));
        };
        let url = url(&text(fields, method)?.unwrap_or_default(), field(fields, "query"))?;
        let mut headers = headers(field(fields, "headers"))?;
        if let Some(credentials) = credentials(fields)? {
            headers.insert(reqwest::header::AUTHORIZATION, credentials);
        }
        let (body, content_type) = body(fields)?;
        if let Some(content_type) = content_type {
            headers
                .entry(reqwest::header::CONTENT_TYPE)
                .or_insert_with(|| HeaderValue::from_static(content_type));
        }
        let method =
            Method::from_bytes(method.to_uppercase().as_bytes()).map_err(|error| error.to_string())?;
        let looks = matches!(method, Method::GET | Method::HEAD);
        Ok(Request {
            url,
            headers,
            body,
            tls: tls(field(fields, "tls"))?,
            proxy: text(fields, "proxy")?.map(|text| proxy(&text)).transpose()?,
            follow: switch(fields, "follow")?.unwrap_or(looks),
            timeout: duration(fields, "timeout")?,
            once: switch(fields, "idempotency_key")?.unwrap_or(false),
            method,
        })
    }

    /// Whether it may be sent again without asking anybody.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    /// Method and URL, for messages.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

fn field<'v>(fields: &'v Object, name: &str) -> Option<&'v Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn text(fields: &Object, name: &str) -> Result<Option<String>, String> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::Array(_) | Value::Object(_)) => Err(format!("`{name}` is not a text")),
        Some(value) => Ok(Some(display(value))),
    }
}

fn switch(fields: &Object, name: &str) -> Result<Option<bool>, String> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(other) => Err(format!("`{name}` is {}, not `true` or `false`", type_name(other))),
    }
}

fn duration(fields: &Object, name: &str) -> Result<Option<Duration>, String> {
    let Some(text) = text(fields, name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error| format!("`{name}`: {error}"))
}

/// The whole URL of a web server, with `query` added.
fn url(text: &str, query: Option<&Value>) -> Result<Url, String> {
    let mut url = Url::parse(text.trim()).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` is not the URL of a web server"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL holds no user and no password: write them under `basic`".to_owned());
    }
    if let Some(query) = query {
        for (name, value) in pairs("query", query)? {
            url.query_pairs_mut().append_pair(&name, &value);
        }
    }
    Ok(url)
}

/// The URL of a proxy. One that cannot be understood must not be gone around.
fn proxy(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("`proxy`: `{text}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!(
            "`proxy`: `{text}` is not an HTTP proxy, such as `http://proxy.example.net:3128`"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`proxy`: a proxy that wants a user is not supported".to_owned());
    }
    Ok(url.to_string())
}

/// Names and values of `query` and `form`; a list stands for the same name several times.
fn pairs(what: &str, value: &Value) -> Result<Vec<(String, String)>, String> {
    let map = value.as_object().ok_or_else(|| format!("`{what}` is not a map"))?;
    let mut pairs = Vec::new();
    for (name, value) in map {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            if matches!(value, Value::Array(_) | Value::Object(_)) {
                return Err(format!("`{what}.{name}` is neither a text nor a list of texts"));
            }
            // Nothing is nothing, not the text `null`.
            if !value.is_null() {
                pairs.push((name.clone(), display(value)));
            }
        }
    }
    Ok(pairs)
}

fn headers(written: Option<&Value>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let Some(written) = written else { return Ok(headers) };
    let map = written.as_object().ok_or("`headers` is not a map of names to texts")?;
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{}` is not the name of a header", name.escape_debug()))?;
        if OWN_HEADERS.contains(&key.as_str()) {
            return Err(format!("the header `{name}` is decided by the request itself"));
        }
        if matches!(value, Value::Array(_) | Value::Object(_)) {
            return Err(format!("the header `{name}` is not a text"));
        }
        headers.insert(key, header_value(name, display(value).as_bytes())?);
    }
    Ok(headers)
}

/// A value is not shown: it may be a secret.
fn header_value(name: &str, bytes: &[u8]) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(bytes).map_err(|_| {
        format!("the value of the header `{name}` cannot be sent: it has line breaks or control characters")
    })
}

fn credentials(fields: &Object) -> Result<Option<HeaderValue>, String> {
    use base64::Engine as _;
    if let Some(basic) = field(fields, "basic") {
        let basic = basic.as_object().ok_or("`basic` is not a map")?;
        let (user, password) = (text(basic, "user")?, text(basic, "password")?);
        let (Some(user), Some(password)) = (user, password) else {
            return Err("`basic` needs `user` and `password`".to_owned());
        };
        if user.contains(':') {
            return Err("a user with `:` in it cannot be sent".to_owned());
        }
        let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        return sensitive(format!("Basic {both}")).map(Some);
    }
    text(fields, "bearer")?.map(|token| sensitive(format!("Bearer {}", token.trim()))).transpose()
}

fn sensitive(text: String) -> Result<HeaderValue, String> {
    let mut value = header_value("authorization", text.as_bytes())?;
    value.set_sensitive(true);
    Ok(value)
}

fn body(fields: &Object) -> Result<(Body, Option<&'static str>), String> {
    let mut written =
        ["json", "form", "body", "file"].into_iter().filter(|name| field(fields, name).is_some());
    let Some(name) = written.next() else {
        // JSON's own nothing is a body too.
        let null = fields.get("json").is_some_and(Value::is_null);
        let body = if null { Body::Bytes(b"null".to_vec()) } else { Body::None };
        return Ok((body, null.then_some("application/json")));
    };
    if let Some(other) = written.next() {
        return Err(format!("`{other}` beside `{name}`: a request has one body"));
    }
    let value = field(fields, name).unwrap_or(&Value::Null);
    Ok(match name {
        "json" => (Body::Bytes(value.to_string().into_bytes()), Some("application/json")),
        "form" => {
            let mut form = Url::parse("http://form").map_err(|error| error.to_string())?;
            form.query_pairs_mut().extend_pairs(pairs("form", value)?);
            let encoded = form.query().unwrap_or_default().as_bytes().to_vec();
            (Body::Bytes(encoded), Some("application/x-www-form-urlencoded"))
        }
        "file" => {
            let path = text(fields, name)?.unwrap_or_default();
            if path.is_empty() || path.contains('\0') {
                return Err(format!("`file` is not a path: `{}`", path.escape_debug()));
            }
            (Body::File(path), Some("application/octet-stream"))
        }
        _ => {
            let text = text(fields, name)?.unwrap_or_default();
            (Body::Bytes(text.into_bytes()), Some("text/plain; charset=utf-8"))
        }
    })
}

fn tls(written: Option<&Value>) -> Result<Tls, String> {
    let Some(written) = written else { return Ok(Tls::default()) };
    let map = written.as_object().ok_or("`tls` is not a map")?;
    let tls = Tls {
        ca: text(map, "ca")?,
        cert: text(map, "cert")?,
        key: text(map, "key")?,
        insecure: text(map, "insecure_because")?.is_some_and(|why| !why.trim().is_empty()),
    };
    match (&tls.cert, &tls.key) {
        (Some(_), None) => Err("`tls.cert` needs `tls.key`".to_owned()),
        (None, Some(_)) => Err("`tls.key` needs `tls.cert`".to_owned()),
        _ => Ok(tls),
    }
}
