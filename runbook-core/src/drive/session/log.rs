//! Writing the log: what must be on disk before anything goes on, and what may wait a moment.

use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use tokio::task::{JoinError, JoinHandle};

use super::{Launch, Session};
use crate::drive::outcome::EngineError;
use crate::local;
use crate::model::{Action, Effect};
use crate::port::{Durability, StoreError};
use crate::run::{Ending, Entry, Event};

/// How long an entry that can be asked again may wait to be written, and how many may.
pub(super) const WRITE_WITHIN: StdDuration = StdDuration::from_millis(10);
const MOST_UNWRITTEN: usize = 256;

/// What a write comes back with.
pub(super) type Returned = Result<Result<(), StoreError>, JoinError>;

/// A write under way.
pub(super) struct Writing {
    returned: JoinHandle<Result<(), StoreError>>,
    page: Page,
}

/// What is written together.
struct Page {
    entries: Arc<Vec<Entry>>,
    durability: Durability,
    status: &'static str,
    /// What begins once it is written.
    launches: Vec<Launch>,
}

impl Session {
    /// Takes the events that fit into the log, and says which of them did.
    ///
    /// They are applied before they are written, because one may change whether the next fits; but no
    /// effect that they allow is begun before the write has returned. What can be asked again after a
    /// crash may wait a moment, so that many small entries share a write.
    pub(super) async fn commit(&mut self, events: Vec<Event>) -> Result<Vec<bool>, EngineError> {
        let must_be_written = events.iter().any(|event| !self.may_wait(event));
        let admitted = self.take(events);
        if must_be_written {
            self.write().await?;
        } else if self.is_due() {
            self.write_meanwhile().await?;
        }
        Ok(admitted)
    }

    /// As [`commit`](Self::commit), and begins what the events allow once their intents are written. While
    /// other work is under way, what it brings is looked at before the write has returned.
    pub(super) async fn commit_and_launch(
        &mut self,
        events: Vec<Event>,
        launches: Vec<(usize, Launch)>,
    ) -> Result<Vec<bool>, EngineError> {
        let must: Vec<bool> = events.iter().map(|event| !self.may_wait(event)).collect();
        let intents_alone =
            events.iter().zip(&must).all(|(event, must)| !must || matches!(event, Event::Started { .. }));
        let admitted = self.take(events);
        for (index, launch) in launches {
            match (admitted.get(index), must.get(index)) {
                (Some(true), Some(true)) => self.hold(launch),
                (Some(true), _) => self.launch(launch),
                _ => {}
            }
        }
        if must.contains(&true) && !intents_alone {
            self.write().await?;
        } else if must.contains(&true) || self.is_due() {
            self.write_meanwhile().await?;
        }
        Ok(admitted)
    }

    fn take(&mut self, events: Vec<Event>) -> Vec<bool> {
        let at = self.world.clock.now();
        let mut admitted = Vec::with_capacity(events.len());
        for event in events {
            let event = self.masked(event);
            let fits = self.machine.admit(&event).is_ok();
            admitted.push(fits);
            if fits {
                let entry = Entry { seq: self.machine.state().seq + 1, at, event };
                self.machine.apply(&entry);
                self.unwritten.push(entry);
            }
        }
        if !Arc::ptr_eq(self.machine.plan(), &self.context.plan) {
            self.context.plan = Arc::clone(self.machine.plan());
            self.scopes.grow(&self.context.plan);
        }
        if !self.unwritten.is_empty() {
            self.unwritten_since.get_or_insert_with(Instant::now);
        }
        admitted
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

    /// Writes what has not been written yet, begins what that allows, and tells everybody.
    pub(super) async fn write(&mut self) -> Result<(), EngineError> {
        self.end_write().await?;
        let Some(page) = self.next_page() else { return Ok(()) };
        self.world.store.append(&self.record.id, &page.entries, page.status, page.durability).await?;
        self.written(page);
        Ok(())
    }

    /// Writes without waiting for it, where anything else is going on; otherwise there is nothing to do but wait.
    async fn write_meanwhile(&mut self) -> Result<(), EngineError> {
        if !self.has_work_under_way() {
            return self.write().await;
        }
        if self.writing.is_some() {
            self.write_again = true;
        } else if let Some(page) = self.next_page() {
            let (store, run) = (Arc::clone(&self.world.store), self.record.id.clone());
            let (entries, status, durability) = (Arc::clone(&page.entries), page.status, page.durability);
            let append = async move { store.append(&run, &entries, status, durability).await };
            self.writing = Some(Writing { returned: tokio::spawn(append), page });
        }
        Ok(())
    }

    /// Waits for the write that is under way.
    pub(super) async fn end_write(&mut self) -> Result<(), EngineError> {
        let Some(Writing { returned, page }) = self.writing.take() else { return Ok(()) };
        self.has_returned(returned.await, page)
    }

    /// Waits for the write that is under way, and begins nothing any more.
    pub(super) async fn last_write(&mut self) -> Result<(), EngineError> {
        if let Some(writing) = &mut self.writing {
            writing.page.launches.clear();
        }
        self.end_write().await
    }

    /// What the write under way comes back with; for ever pending when there is none.
    pub(super) async fn returned(writing: &mut Option<Writing>) -> Returned {
        match writing {
            Some(writing) => (&mut writing.returned).await,
            None => std::future::pending().await,
        }
    }

    /// The write under way has returned; the next one begins if it was waited for.
    pub(super) async fn turn_page(&mut self, returned: Returned) -> Result<(), EngineError> {
        if let Some(Writing { page, .. }) = self.writing.take() {
            self.has_returned(returned, page)?;
        }
        match self.write_again || self.is_due() {
            true => self.write_meanwhile().await,
            false => Ok(()),
        }
    }

    fn has_returned(&mut self, returned: Returned, page: Page) -> Result<(), EngineError> {
        let broken = |error| StoreError::Unavailable(format!("it failed inside: {error}"));
        returned.map_err(broken)??;
        self.written(page);
        Ok(())
    }

    fn next_page(&mut self) -> Option<Page> {
        (self.unwritten_since, self.write_again) = (None, false);
        let entries = std::mem::take(&mut self.unwritten);
        let durability = entries.iter().map(|entry| self.durability(&entry.event)).max()?;
        let status = self.machine.state().run_status();
        let launches = std::mem::take(&mut self.held);
        Some(Page { entries: Arc::new(entries), durability, status, launches })
    }

    /// What the entries allow begins, and everybody is told of them.
    fn written(&mut self, page: Page) {
        for launch in page.launches {
            self.launch(launch);
        }
        for entry in page.entries.iter() {
            self.forget_files(&entry.event);
            self.told.apply(entry);
            self.world.entry(self.told.plan(), self.told.state(), entry);
        }
    }

    fn is_due(&self) -> bool {
        let is_late = self.unwritten_since.is_some_and(|since| since.elapsed() >= WRITE_WITHIN);
        is_late || self.unwritten.len() >= MOST_UNWRITTEN
    }

    fn has_work_under_way(&self) -> bool {
        !self.tasks.is_empty()
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
            if matches!(node.spec.action, Action::Run(_) | Action::Custom(_))
                && result.ending != Ending::Unknown
            {
                // A file too many does no harm.
                let _ = local::forget(&self.context.attempt_directory(&node.key, *attempt));
            }
        }
    }
}
