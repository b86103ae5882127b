//! Timers beside the steps: which levels have fired, which one is next, and when.

use jiff::Timestamp;
use serde::Serialize;

use super::event::NotTold;
use super::machine::{Machine, after};
use super::state::Stage;
use super::wants::Want;
use crate::model::Level;
use crate::value::Duration;

/// What has become of a run's escalation.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Escalations {
    /// The levels that have fired or were held back, in order.
    pub fired: Vec<Fired>,
    /// Whether no further level fires: what it waited for has come, or the run is over.
    pub over: bool,
    /// Whether a step of the body has succeeded since the last level, or since the start.
    pub progress: bool,
}

/// A level whose time has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fired {
    /// Which level, from 1.
    pub level: u32,
    /// When.
    pub at: Timestamp,
    /// Who was told.
    pub sent: Vec<String>,
    /// Who could not be told, and why.
    pub failed: Vec<NotTold>,
    /// Why nobody was told.
    pub held_back: Option<String>,
    /// How long after its time, when that is worth a note.
    pub late: Option<Duration>,
}

impl Machine {
    /// The level that fires next, with its number from 1 and when it is due. None when no further one fires.
    pub fn next_level(&self) -> Option<(u32, &Level, Timestamp)> {
        let (state, escalation) = (self.state(), self.plan().escalation.as_ref()?);
        let under_way = matches!(
            state.stage,
            Stage::Body | Stage::Handlers | Stage::Deciding | Stage::Unwinding | Stage::Finally
        );
        if state.escalation.over || state.finished.is_some() || !under_way {
            return None;
        }
        let place = state.escalation.fired.len();
        let level = escalation.levels.get(place)?;
        let due = after(self.escalation_begins()?, level.after);
        Some((u32::try_from(place).ok()?.saturating_add(1), level, due))
    }

    /// From when the levels count their time.
    pub fn escalation_begins(&self) -> Option<Timestamp> {
        self.plan().escalation.as_ref()?.since.or(self.state().started)
    }

    pub(super) fn wants_of_timers(&self, now: Timestamp) -> Option<Want> {
        let (number, _, due) = self.next_level()?;
        Some(if now >= due { Want::Escalate(number) } else { Want::Wake(due) })
    }

    /// Whether `level` is the one that can be written down next: also at the very end, when it was begun before.
    pub(super) fn may_escalate(&self, level: u32) -> bool {
        let (state, escalation) = (self.state(), self.plan().escalation.as_ref());
        let levels = escalation.map_or(0, |escalation| escalation.levels.len());
        let next = state.escalation.fired.len();
        !state.escalation.over
            && state.stage > Stage::Preconditions
            && next < levels
            && usize::try_from(level).is_ok_and(|level| level == next + 1)
    }
}
