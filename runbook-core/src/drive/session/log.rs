//! Writing the log: what must be on disk before anything goes on, and what may wait a moment.

use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use super::Session;
use crate::drive::outcome::EngineError;
use crate::local;
use crate::model::{Action, Effect};
use crate::port::Durability;
use crate::run::{Ending, Entry, Event};

/// How long an entry that can be asked again may wait to be written, and how many may.
pub(super) const WRITE_WITHIN: StdDuration = StdDuration::from_millis(10);
const MOST_UNWRITTEN: usize = 256;

impl Session {
    /// Takes the events that fit into the log, and says which of them did.
    ///
    /// They are applied before they are written, because one may change whether the next fits; but no
    /// effect that they allow is begun before the write has returned. What can be asked again after a
    /// crash may wait a moment, so that many small entries share a write.
    pub(super) async fn commit(&mut self, events: Vec<Event>) -> Result<Vec<bool>, EngineError> {
        let at = self.world.clock.now();
        let mut admitted = Vec::with_capacity(events.len());
        let mut must_be_written = false;
        for event in events {
            let event = self.masked(event);
            let fits = self.machine.admit(&event).is_ok();
            admitted.push(fits);
            if fits {
                must_be_written |= !self.may_wait(&event);
                let entry = Entry { seq: self.machine.state().seq + 1, at, event };
                self.machine.apply(&entry);
                self.unwritten.push(entry);
            }
        }
        if !Arc::ptr_eq(self.machine.plan(), &self.context.plan) {
            self.context.plan = Arc::clone(self.machine.plan());
            self.scopes.grow(&self.context.plan);
        }
        if must_be_written || self.unwritten.len() >= MOST_UNWRITTEN || self.is_late() {
            self.write().await?;
        } else if !self.unwritten.is_empty() {
            self.unwritten_since.get_or_insert_with(Instant::now);
        }
        Ok(admitted)
    }

    /// `event` without the secrets in it.
    fn masked(&self, event: Event) -> Event {
        let masker = &self.context.secrets.masker;
        if masker.is_empty() {
            return event;
        }
        let masked = serde_json::to_value(&event).map(|value| masker.mask_value(&value));
        // An event is data; what masking leaves of it has the same form.
        masked.and_then(serde_json::from_value).unwrap_or(event)
    }

    /// Writes what has not been written yet, and tells everybody.
    pub(super) async fn write(&mut self) -> Result<(), EngineError> {
        self.unwritten_since = None;
        let entries = std::mem::take(&mut self.unwritten);
        let Some(durability) = entries.iter().map(|entry| self.durability(&entry.event)).max() else {
            return Ok(());
        };
        let status = self.machine.state().run_status();
        self.world.store.append(&self.record.id, &entries, status, durability).await?;
        for entry in &entries {
            self.forget_files(&entry.event);
            self.told.apply(entry);
            self.world.entry(self.told.plan(), self.told.state(), entry);
        }
        Ok(())
    }

    fn is_late(&self) -> bool {
        self.unwritten_since.is_some_and(|since| since.elapsed() >= WRITE_WITHIN)
    }

    /// Whether losing this entry in a crash costs no more than asking or looking again. What became of
    /// an effect is among it: its executor can still be asked, and the next intent is written with it.
    fn may_wait(&self, event: &Event) -> bool {
        match event {
            Event::Condition { .. } | Event::Checked { .. } | Event::Ended { .. } => true,
            Event::Started { .. } => self.durability(event) == Durability::Process,
            _ => false,
        }
    }

    /// Intents of effects, decisions of people and the end must survive the machine. Everything else
    /// can be asked again.
    fn durability(&self, event: &Event) -> Durability {
        match event {
            Event::Started { node, .. } if self.machine.plan().node(*node).spec.effect == Effect::Read => {
                Durability::Process
            }
            Event::Started { .. }
            | Event::Escalated { .. }
            | Event::GateDecided { .. }
            | Event::Resolved { .. }
            | Event::Chosen { .. }
            | Event::RollbackDecided { .. }
            | Event::Abandoned { .. }
            | Event::Finished { .. } => Durability::Machine,
            _ => Durability::Process,
        }
    }

    /// What an attempt left in its directory is in the log now, or kept there because it is large.
    fn forget_files(&self, event: &Event) {
        if let Event::Ended { node, attempt, result } = event {
            let node = self.machine.plan().node(*node);
            if matches!(node.spec.action, Action::Run(_)) && result.ending != Ending::Unknown {
                // A file too many does no harm.
                let _ = local::forget(&self.context.attempt_directory(&node.key, *attempt));
            }
        }
    }
}
