//! What this program was built with: every kind of action and target, in one place.

use std::sync::Arc;

use runbook_core::drive::EngineBuilder;
use runbook_core::kind::Kinds;

use crate::keeper;

/// The static half of everything that plugs in.
pub(crate) fn kinds() -> Kinds {
    let mut kinds = Kinds::default();
    runbook_ssh::register(&mut kinds);
    runbook_docker::register(&mut kinds);
    runbook_http::register(&mut kinds);
    kinds
}

/// The half that runs.
pub(crate) fn plug_in(engine: EngineBuilder) -> EngineBuilder {
    let engine = engine.connector(Arc::new(keeper::connector()));
    let docker = runbook_docker::EngineAddress::of_docker_host(std::env::var("DOCKER_HOST").ok().as_deref());
    runbook_http::plug_in(runbook_docker::plug_in(runbook_ssh::plug_in(engine), &docker))
}
