//! A dry run as text for people.

use std::fmt;

use super::dry::{DryRun, DryStep, Verdict};

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "dry run of {}: nothing is touched and nothing is asked", self.runbook)?;
        for check in &self.preconditions {
            writeln!(f, "\n  would ask   {check}")?;
        }
        if !self.escalation.is_empty() {
            writeln!(f)?;
        }
        for level in &self.escalation {
            writeln!(f, "  would tell  {level}")?;
        }
        for step in &self.steps {
            write!(f, "\n{step}")?;
        }
        let count =
            |verdict| self.steps.iter().filter(|s| s.verdict == verdict && !s.action.is_empty()).count();
        let (run, may) = (count(Verdict::WouldRun), count(Verdict::MayRun));
        let (skip, fail) = (count(Verdict::WouldSkip), count(Verdict::WouldFail));
        writeln!(f, "\n{run} would run, {may} may run, {skip} would be skipped, {fail} would fail")
    }
}

impl fmt::Display for DryStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::WouldRun if self.action.is_empty() => "group",
            Verdict::WouldRun => "would run",
            Verdict::MayRun => "may run",
            Verdict::WouldSkip => "would skip",
            Verdict::WouldFail => "would fail",
        };
        let pad = "  ".repeat(self.depth + 1);
        let title = self.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
        writeln!(f, "{pad}{verdict:<10}  {}{title}", self.key)?;
        let pad = format!("{pad}            ");
        if let Some(because) = &self.because {
            writeln!(f, "{pad}{because}")?;
        }
        if matches!(self.verdict, Verdict::WouldSkip | Verdict::WouldFail) {
            return Ok(());
        }
        for check in &self.asks_before {
            writeln!(f, "{pad}asks first: {check}")?;
        }
        if let Some(gate) = &self.gate {
            writeln!(f, "{pad}gate: {gate}")?;
        }
        if !self.action.is_empty() {
            writeln!(f, "{pad}{} on {}:", self.effect.name(), self.target)?;
            for line in self.action.trim_end().lines() {
                writeln!(f, "{pad}  {line}")?;
            }
        }
        for check in &self.asks_after {
            writeln!(f, "{pad}then verifies: {check}")?;
        }
        for undo in &self.undo {
            writeln!(f, "{pad}undone by: {}", undo.trim_end().replace('\n', "; "))?;
        }
        if self.irreversible {
            writeln!(f, "{pad}── point of no return ──")?;
        }
        Ok(())
    }
}
