//! Policies from outside of a runbook: `--policy FILE`, and `RUNBOOK_POLICY` of whoever set the machine up.

use std::path::{Path, PathBuf};

use runbook_core::drive::EngineBuilder;
use runbook_core::model::Policy;
use runbook_core::plan::PlanRequest;

use crate::args::Global;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::style::Paint;
use crate::render::{diagnostics, screen};
use crate::{output, source};

/// Files of policies, separated like those in `PATH`.
const VARIABLE: &str = "RUNBOOK_POLICY";

/// What applies besides what runbooks say themselves. Both ways add; neither takes anything away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside {
    policies: Vec<Policy>,
}

impl Outside {
    /// Reads every policy that was given. One that cannot be read stops everything: without it, more would be
    /// allowed than somebody wanted.
    pub(crate) fn read(global: &Global) -> Result<Self, Fault> {
        let variable = std::env::var_os(VARIABLE).unwrap_or_default();
        let set: Vec<PathBuf> =
            std::env::split_paths(&variable).filter(|path| !path.as_os_str().is_empty()).collect();
        let mut outside = Outside::default();
        for path in set.iter().chain(&global.policy) {
            outside.policies.push(read(path, global)?);
        }
        Ok(outside)
    }

    pub(crate) fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Puts the plan under them.
    pub(crate) fn apply(&self, request: PlanRequest) -> PlanRequest {
        self.policies.iter().cloned().fold(request, PlanRequest::policy)
    }

    /// Puts every run of the engine under them.
    pub(crate) fn enforce(&self, engine: EngineBuilder) -> EngineBuilder {
        self.policies.iter().cloned().fold(engine, EngineBuilder::policy)
    }
}

fn read(path: &Path, global: &Global) -> Result<Policy, Fault> {
    let refused = |checked: &source::Checked| {
        let columns = screen::columns(&std::io::stderr());
        let paint = Paint::for_stderr(global.color);
        output::talk(&diagnostics::human(&checked.diagnostics, &checked.sources, paint, columns));
        output::talk(&format!("the policy `{}` cannot be used; nothing is done without it\n", checked.file));
        Fault::said(Exit::Usage)
    };
    let (file, text) = source::text_of(path).map_err(|checked| refused(&checked))?;
    let loaded = Policy::parse(&file, &text);
    let (policy, sources, diagnostics) = (loaded.policy, loaded.sources, loaded.diagnostics);
    policy.ok_or_else(|| refused(&source::Checked { file, runbook: None, sources, diagnostics }))
}
