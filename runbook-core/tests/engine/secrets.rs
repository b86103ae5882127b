//! Secrets: used by the action, seen by nobody else.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use runbook_core::mask::SecretText;
use runbook_core::port::{Ask, Reply, SecretRequest, Secrets};
use runbook_core::run::Decision;

use crate::support::{Bench, End};

/// The secret that must not be found anywhere.
const CANARY: &str = "c4n4ry-Zwölf/+\"'x y";

/// Gives the canary, and remembers who asked.
#[derive(Default)]
struct Vault(Mutex<Vec<String>>);

#[async_trait]
impl Secrets for Vault {
    async fn get(&self, name: &str, request: &SecretRequest) -> Result<SecretText, String> {
        self.0.lock().unwrap().push(format!("{name} {request:?}"));
        match name {
            "missing" => Err("the vault is sealed".to_owned()),
            _ => Ok(SecretText::new(CANARY.to_owned())),
        }
    }
}

async fn run(bench: &Bench, vault: &Arc<Vault>, book: &str) -> End {
    let engine = bench.builder().secrets(vault.clone()).build().unwrap();
    let end = engine.start(bench.plan(book), None).await.unwrap().wait().await.unwrap();
    End(end)
}

const BOOK: &str = "secrets: {token: {env: TOKEN}}
steps:
  - id: use
    env: {TOKEN: 'Bearer ${{ secrets.token }}'}
    stdin: 'in ${{ secrets.token }}'
    run: |
      cat; echo; printf '%s' \"$TOKEN\" | base64 -w0; echo; printf '%s\\n' \"$TOKEN\" >&2
      printf '%s' \"$TOKEN\" | wc -c > effects
      [ \"$(cat /proc/self/cmdline | tr '\\0' ' ' | grep -c c4n''4ry)\" = 0 ] && echo unseen >> effects
    outputs: {said: result.stdout}
    evidence: true
  - {id: after, effect: read, run: [echo, '${{ steps.use.outputs.said }}']}
  - {id: fails, effect: read, run: 'echo ${{ steps.use.stderr }} >&2; exit 3', on_failure: continue}
";

#[tokio::test]
async fn a_secret_reaches_its_command_and_nothing_that_is_kept_or_shown() {
    let (bench, vault) = (Bench::new(), Arc::new(Vault::default()));
    let plan = bench.plan(BOOK);
    let end = run(&bench, &vault, BOOK).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.effects(), [format!("{}", "Bearer ".len() + CANARY.len()), "unseen".to_owned()]);
    assert_eq!(vault.0.lock().unwrap().len(), 1, "asked once");
    let log = serde_json::to_string(&bench.log(end.id()).await).unwrap();
    assert!(log.contains("[secret token]"), "{log}");
    let heard = format!("{:?}", bench.heard.entries.lock().unwrap());
    let output = bench.heard.output();
    assert!(output.contains("[secret token]"), "{output}");
    for (what, text) in
        [("plan", plan.to_json().unwrap()), ("log", log), ("reporters", heard), ("output", output)]
    {
        for spelling in ["c4n4ry", "YzRuNHJ5", "c4n4ry-Zw"] {
            assert!(!text.contains(spelling), "{what}: {text}");
        }
    }
    for entry in walk(&end.0.directory) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"c4n4ry"), "{}", entry.display());
    }
}

#[tokio::test]
async fn output_that_is_too_large_for_the_log_is_masked_in_its_file_and_at_its_ends() {
    let (bench, vault) = (Bench::new(), Arc::new(Vault::default()));
    let book = "secrets: {token: {env: TOKEN}}
steps:
  - {id: big, effect: read, effect_because: yes only prints, env: {T: '${{ secrets.token }}'}, run: 'yes \"$T\" | head -n 40000'}
";
    let end = run(&bench, &vault, book).await;
    assert_eq!(end.outcome(), "succeeded");
    let log = serde_json::to_string(&bench.log(end.id()).await).unwrap();
    let files = walk(&end.0.directory);
    let kept = files.iter().find(|file| file.ends_with("stdout")).unwrap();
    let text = std::fs::read_to_string(kept).unwrap();
    assert_eq!(text, "[secret token]\n".repeat(40_000));
    for piece in ["c4n", "ry-Zw", "wölf"] {
        assert!(!log.contains(piece), "{piece}");
    }
}

#[tokio::test]
async fn a_secret_is_asked_for_after_the_gate_and_not_at_all_when_it_is_denied() {
    let vault = Arc::new(Vault::default());
    let bench = Bench::new().people(|_, ask| match ask {
        Ask::Gate { question, .. } => {
            assert!(!format!("{question:?}").contains("c4n4ry"));
            Some(Reply::Gate { decision: Decision::Deny })
        }
        _ => None,
    });
    let book = "secrets: {token: {prompt: 'token?'}}
steps:
  - {id: use, effect: change, confirm: sure?, env: {T: '${{ secrets.token }}'}, run: 'true'}
";
    assert_eq!(run(&bench, &vault, book).await.outcome(), "denied");
    assert!(vault.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_keeps_the_action_from_beginning() {
    let (bench, vault) = (Bench::new(), Arc::new(Vault::default()));
    let book = "secrets: {missing: {file: /nowhere}}
steps:
  - {id: use, effect: change, env: {T: '${{ secrets.missing }}'}, run: 'echo ran >> effects'}
";
    let end = run(&bench, &vault, book).await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(end.reason("use"), "the secret `missing` cannot be had: the vault is sealed");
    assert!(bench.effects().is_empty());
}

#[tokio::test]
async fn a_secret_goes_into_a_file_and_its_difference_is_masked() {
    let (bench, vault) = (Bench::new(), Arc::new(Vault::default()));
    let book = "secrets: {token: {env: TOKEN}}
steps:
  - {id: w, write: {path: '${{ inputs.dir }}/conf', content: 'token=${{ secrets.token }}', mode: \"0600\"}}
";
    let end = run(&bench, &vault, book).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(std::fs::read_to_string(bench.path("conf")).unwrap(), format!("token={CANARY}"));
    let log = serde_json::to_string(&bench.log(end.id()).await).unwrap();
    assert!(!log.contains("c4n4ry"), "{log}");
}

/// Every file below `directory`.
fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(here) = left.pop() {
        for entry in std::fs::read_dir(here).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    found
}
