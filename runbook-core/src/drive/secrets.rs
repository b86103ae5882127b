//! The secrets of one run: asked for when an action needs them, masked wherever they could be seen.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::mask::{MaskStream, Masker, SecretText};
use crate::model::{Input, SecretSource};
use crate::plan::Plan;
use crate::port::{SecretRequest, Secrets};
use crate::render::RenderedRun;
use crate::run::{Captured, Event, SecretMark, StepResult};
use crate::value::{Object, Value};

/// 128 random bits, in hex.
fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

fn input((name, source): &(String, SecretSource)) -> Option<(String, Input)> {
    match source {
        SecretSource::Input(input) => Some((name.clone(), (**input).clone())),
        _ => None,
    }
}

fn locked<T>(shared: &StdMutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The secrets of one run.
pub(super) struct RunSecrets {
    source: Arc<dyn Secrets>,
    requests: Vec<(String, Result<SecretRequest, String>)>,
    /// What stands for each in rendered texts, until the text is used. Nobody outside can know it.
    marks: Object,
    known: Mutex<HashMap<String, SecretText>>,
    /// The sensitive inputs, by the names of their secrets.
    inputs: HashMap<String, Input>,
    /// What earlier engines of the run have seen.
    seen: BTreeMap<String, SecretMark>,
    noticed: StdMutex<Vec<Event>>,
    pub(super) masker: Masker,
}

impl RunSecrets {
    /// `seen` is what the run's log says of secrets.
    pub(super) fn new(plan: &Plan, seen: BTreeMap<String, SecretMark>, source: Arc<dyn Secrets>) -> Self {
        let nonce = nonce();
        let requests: Vec<_> =
            plan.secrets.iter().map(|(name, source)| (name.clone(), secret_request(plan, source))).collect();
        let marks =
            requests.iter().map(|(name, _)| (name.clone(), format!("\u{1}{nonce}:{name}\u{1}").into()));
        RunSecrets {
            source,
            marks: marks.collect(),
            requests,
            known: Mutex::default(),
            inputs: plan.secrets.iter().filter_map(input).collect(),
            seen,
            noticed: StdMutex::default(),
            masker: Masker::new(),
        }
    }

    /// What expressions see as `secrets`.
    pub(super) fn marks(&self) -> &Object {
        &self.marks
    }

    /// `text` with the secrets in it; says of each that cannot be masked.
    pub(super) async fn fill(&self, text: &str, remarks: &mut Vec<String>) -> Result<String, String> {
        if !text.contains('\u{1}') {
            return Ok(text.to_owned());
        }
        let mut text = text.to_owned();
        for (name, mark) in &self.marks {
            let mark = mark.as_str().unwrap_or_default();
            if !mark.is_empty() && text.contains(mark) {
                let secret = self.get(name, remarks).await?;
                text = text.replace(mark, secret.expose());
            }
        }
        Ok(text)
    }

    pub(super) async fn fill_run(
        &self,
        mut run: RenderedRun,
        remarks: &mut Vec<String>,
    ) -> Result<RenderedRun, String> {
        for (_, value) in &mut run.env {
            *value = self.fill(value, remarks).await?;
        }
        if let Some(stdin) = &mut run.stdin {
            *stdin = self.fill(stdin, remarks).await?;
        }
        if let Some(password) = run.run_as.as_mut().and_then(|other| other.password.as_mut()) {
            *password = self.fill(password, remarks).await?;
        }
        Ok(run)
    }

    pub(super) async fn fill_value(&self, value: Value, remarks: &mut Vec<String>) -> Result<Value, String> {
        let text = value.to_string();
        if !self.marks.iter().any(|(name, _)| text.contains(&format!(":{name}\\u0001"))) {
            return Ok(value);
        }
        // Values are small trees; each text in it is filled by itself.
        Ok(match value {
            Value::String(text) => Value::String(self.fill(&text, remarks).await?),
            Value::Array(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    filled.push(Box::pin(self.fill_value(item, remarks)).await?);
                }
                Value::Array(filled)
            }
            Value::Object(fields) => {
                let mut filled = Object::new();
                for (name, field) in fields {
                    filled.insert(name, Box::pin(self.fill_value(field, remarks)).await?);
                }
                Value::Object(filled)
            }
            other => other,
        })
    }

    /// Takes the secrets out of a file of output that is kept.
    pub(super) async fn mask_file(&self, path: &Path, captured: &mut Captured) -> Result<(), String> {
        if self.masker.is_empty() {
            return Ok(());
        }
        let (path, stream) = (path.to_owned(), self.masker.stream());
        let masked = tokio::task::spawn_blocking(move || masked_file(&path, stream)).await;
        let masked = masked
            .map_err(|error| error.to_string())
            .and_then(|masked| masked.map_err(|error| error.to_string()));
        // Cut anew: where the text was cut before may be in the middle of a secret.
        *captured = masked
            .map(|masked| Captured { file: captured.file.take(), ..masked })
            .map_err(|why| format!("the output could not be masked and is not kept: {why}"))
            .inspect_err(|_| *captured = Captured::default())?;
        Ok(())
    }

    /// `result` without the secrets in it. Before anything is computed from it.
    pub(super) fn mask_result(&self, mut result: StepResult) -> StepResult {
        if self.masker.is_empty() {
            return result;
        }
        for captured in [&mut result.stdout, &mut result.stderr] {
            captured.head = self.masker.mask_str(&captured.head).into_owned();
            captured.tail = captured.tail.take().map(|tail| self.masker.mask_str(&tail).into_owned());
        }
        result.fields = self.masker.mask_object(&result.fields);
        result.reason = result.reason.map(|reason| self.masker.mask_str(&reason).into_owned());
        result
    }

    /// Makes the secrets that earlier engines of the run have used known to the masker.
    pub(super) async fn learn(&self, names: &[String]) -> Vec<String> {
        let mut remarks = Vec::new();
        for name in names {
            let asks = self.requests.iter().any(|(known, request)| known == name && is_asked_for(request));
            if !asks && let Err(why) = self.get(name, &mut remarks).await {
                remarks.push(format!("{why}; it cannot be masked until then"));
            }
        }
        remarks
    }

    /// What has been noticed about secrets since this was asked last, for the log.
    pub(super) fn noticed(&self) -> Vec<Event> {
        std::mem::take(&mut *locked(&self.noticed))
    }

    /// Compares a secret with what the run knows of it.
    fn recognise(&self, name: &str, secret: &SecretText, remarks: &mut Vec<String>) {
        let before = self.seen.get(name);
        if before.is_some_and(|before| mark(&before.salt, secret) == *before) {
            return;
        }
        let changed = before.is_some();
        if changed {
            remarks.push(format!("the secret `{name}` is another one than this run has used before"));
        }
        let mark = mark(&nonce(), secret);
        locked(&self.noticed).push(Event::SecretSeen { name: name.to_owned(), mark, changed });
    }

    async fn get(&self, name: &str, remarks: &mut Vec<String>) -> Result<SecretText, String> {
        let mut known = self.known.lock().await;
        if let Some(secret) = known.get(name) {
            return Ok(secret.clone());
        }
        let request = self.requests.iter().find(|(known, _)| known == name).map(|(_, request)| request);
        let secret = match request {
            Some(Ok(request)) => self.source.get(name, request).await,
            Some(Err(why)) => Err(why.clone()),
            None => Err("it is not declared".to_owned()),
        };
        let secret = secret.map_err(|why| format!("the secret `{name}` cannot be had: {why}"))?;
        if let Some(why) = self.inputs.get(name).and_then(|input| input.check_secret(secret.expose()).err()) {
            return Err(format!("the secret `{name}` does not fit: {why}"));
        }
        self.recognise(name, &secret, remarks);
        // Before anybody can use it.
        if let Err(why) = self.masker.add(name, secret.expose().as_bytes()) {
            remarks.push(why.to_string());
        }
        known.insert(name.to_owned(), secret.clone());
        Ok(secret)
    }
}

/// Whether somebody may have to type it; nobody is asked before it is needed.
fn is_asked_for(request: &Result<SecretRequest, String>) -> bool {
    matches!(request, Ok(SecretRequest::Prompt(_) | SecretRequest::Input(_)))
}

/// What a log keeps of `secret`.
fn mark(salt: &str, secret: &SecretText) -> SecretMark {
    let mut digest = secret.digest(salt.as_bytes());
    digest.truncate(4);
    SecretMark { salt: salt.to_owned(), digest }
}

/// What to ask for, computed from what the plan knows.
fn secret_request(plan: &Plan, source: &SecretSource) -> Result<SecretRequest, String> {
    let mut scope = Object::new();
    for (name, values) in [("inputs", &plan.inputs), ("vars", &plan.vars), ("env", &plan.env)] {
        scope.insert(name.to_owned(), Value::Object(values.clone()));
    }
    let text = |template: &crate::expr::Template| {
        template.render_text(&scope).map_err(|error| crate::render::RenderError::from(error).to_string())
    };
    Ok(match source {
        SecretSource::Env(name) => SecretRequest::Env(text(name)?),
        SecretSource::File(path) => SecretRequest::File(text(path)?),
        SecretSource::Command(argv) => {
            SecretRequest::Command(argv.iter().map(text).collect::<Result<_, _>>()?)
        }
        SecretSource::Prompt(question) => SecretRequest::Prompt(text(question)?),
        SecretSource::Input(input) => SecretRequest::Input(input.name.value.clone()),
    })
}

/// Puts the masked content of `path` in its place; the file is gone when that fails.
fn masked_file(path: &Path, mut stream: MaskStream) -> io::Result<Captured> {
    let mut rewrite = || -> io::Result<Captured> {
        let mut from = File::open(path)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut to = tempfile::NamedTempFile::new_in(directory)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer)?;
            let masked = match read {
                0 => std::mem::replace(&mut stream, Masker::new().stream()).finish(),
                read => stream.push(&buffer[..read]),
            };
            to.write_all(&masked)?;
            hash.update(&masked);
            bytes += masked.len() as u64;
            head.extend(masked.iter().take(Captured::ENDS.saturating_sub(head.len())));
            tail.extend_from_slice(&masked);
            tail.drain(..tail.len().saturating_sub(Captured::ENDS));
            if read == 0 {
                break;
            }
        }
        to.persist(path)?;
        Ok(Captured {
            head: String::from_utf8_lossy(&head).into_owned(),
            tail: Some(String::from_utf8_lossy(&tail).into_owned()),
            bytes,
            sha256: Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            file: None,
        })
    };
    rewrite().inspect_err(|_| {
        // Better no output than one with a secret in it.
        let _ = std::fs::remove_file(path);
    })
}
