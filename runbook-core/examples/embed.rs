//! A program that runs a runbook, answers its questions itself, and follows the log.
//!
//! `cargo run -p runbook-core --example embed`

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::drive::{Engine, EventStream};
use runbook_core::model::Effect;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{Approver, Ask, Reply};
use runbook_core::read;
use runbook_core::run::{Answerer, Decision, Outcome};

const RUNBOOK: &str = r#"
apiVersion: runbook/v1
kind: Runbook
name: greet
title: Say hello, and say it louder when somebody agrees
inputs:
  who: {type: string, default: world}
steps:
  - id: greet
    effect: read
    run: [echo, "hello, ${{ inputs.who }}"]
    outputs: {greeting: result.stdout | trim}
  - id: shout
    confirm: Shout "${{ steps.greet.outputs.greeting }}"?
    run: [echo, "${{ steps.greet.outputs.greeting | upper }}!"]
    verify: ["'HELLO' in steps.shout.stdout"]
"#;

/// Agrees to changes, never to destruction. A real one would ask in a chat, a ticket or a web page.
struct Careful;

#[async_trait]
impl Approver for Careful {
    async fn ask(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, Answerer)> {
        let Ask::Gate { node, question, .. } = ask else { return None };
        println!("? {}: {}\n  {}", plan.node(*node).key, question.message, question.action);
        let decision = match question.effect {
            Effect::Destroy => Decision::Deny,
            _ => Decision::Approve,
        };
        Some((Reply::Gate { decision }, Answerer::new("embed", "a rule of this program")))
    }
}

/// Runs the runbook; the lines that followed the log, and how it ended.
pub(crate) async fn greet(who: &str) -> Result<(Vec<String>, Option<Outcome>), Box<dyn Error>> {
    let (reporter, mut events) = EventStream::channel();
    let engine =
        Engine::builder().approver(Arc::new(Careful)).reporter(reporter).identity("embed").build()?;

    // Text to runbook. Every problem comes at once, with its place.
    let loaded = read::parse("greet.yaml", RUNBOOK, &engine.kinds());
    for problem in &loaded.diagnostics {
        eprintln!("{}: {}", problem.code, problem.message);
    }
    let runbook = loaded.runbook.ok_or("greet.yaml is not valid")?;

    // Runbook and inputs to plan. A plan never changes again.
    let mut request = PlanRequest::default();
    request.inputs.insert("who".to_owned(), who.into());
    let plan = Plan::build(&runbook, &request).map_err(|problems| format!("{problems:?}"))?;

    // Plan to run. It goes on in the background, while the log is followed here.
    let run = engine.start(plan, Some("greet.yaml".to_owned())).await?;
    drop(engine);
    let mut lines = Vec::new();
    while let Some(event) = events.next().await {
        let step = event.step.as_deref().unwrap_or("run");
        let line = format!("{step}: {}", event.step_status.unwrap_or(event.status));
        println!("{:>3} {line}", event.entry.seq);
        lines.push(line);
    }
    Ok((lines, run.wait().await?.outcome))
}

#[tokio::main]
#[allow(dead_code, reason = "a test calls what is above")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (_, outcome) = greet("world").await?;
    println!("{}", outcome.map_or("waits for people", Outcome::name));
    Ok(())
}
