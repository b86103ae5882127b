//! A clock that moves only when it is told to.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::port::Clock;
use crate::value::Duration;

/// A clock that stands still until somebody moves it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use runbook_core::{port::Clock, testing::ManualClock, value::Duration};
///
/// let clock = Arc::new(ManualClock::default());
/// let later = clock.now() + jiff::SignedDuration::from_secs(30);
/// let sleeper = tokio::spawn({ let clock = clock.clone(); async move { clock.sleep_until(later).await } });
/// assert_eq!(clock.next_wake().await, later);
/// clock.advance(Duration::from_secs(30));
/// sleeper.await.unwrap();
/// # });
/// ```
#[derive(Debug)]
pub struct ManualClock {
    face: watch::Sender<Face>,
}

#[derive(Clone, Debug)]
struct Face {
    now: Timestamp,
    /// When each of those who sleep wants to be woken.
    sleeping: Vec<Timestamp>,
}

impl Default for ManualClock {
    /// A clock that stands at 2026-01-01 00:00 UTC.
    fn default() -> Self {
        Self::new(Timestamp::constant(1_767_225_600, 0))
    }
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        ManualClock { face: watch::Sender::new(Face { now, sleeping: Vec::new() }) }
    }

    /// Moves it forward and wakes everybody whose time has come.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::from_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        self.face.send_modify(|face| face.now = face.now.checked_add(by).unwrap_or(Timestamp::MAX));
    }

    /// Moves the clock to the earliest time at which somebody wants to be woken. `false` when nobody sleeps.
    pub fn jump(&self) -> bool {
        self.face.send_if_modified(|face| {
            let next = face.sleeping.iter().min().copied();
            next.inspect(|next| face.now = face.now.max(*next)).is_some()
        })
    }

    /// Waits until somebody sleeps; the earliest time at which one of them wants to be woken.
    pub async fn next_wake(&self) -> Timestamp {
        let mut watched = self.face.subscribe();
        let face = watched.wait_for(|face| !face.sleeping.is_empty()).await;
        // The sender lives as long as `self`.
        face.ok().and_then(|face| face.sleeping.iter().min().copied()).unwrap_or(Timestamp::MAX)
    }

    /// Waits until somebody sleeps, and moves the clock to the earliest time at which one wants to be woken.
    pub async fn advance_to_next_wake(&self) {
        let next = self.next_wake().await;
        self.face.send_modify(|face| face.now = face.now.max(next));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.face.borrow().now
    }

    async fn sleep_until(&self, at: Timestamp) {
        if self.now() >= at {
            return;
        }
        let mut watched = self.face.subscribe();
        let _asleep = Asleep::new(self, at);
        // An error would mean that the clock is gone, and with it the time that is waited for.
        let _ = watched.wait_for(|face| face.now >= at).await;
    }
}

/// Somebody who sleeps; a sleeper that is dropped has left.
struct Asleep<'c> {
    clock: &'c ManualClock,
    until: Timestamp,
}

impl<'c> Asleep<'c> {
    fn new(clock: &'c ManualClock, until: Timestamp) -> Self {
        clock.face.send_modify(|face| face.sleeping.push(until));
        Asleep { clock, until }
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.clock.face.send_modify(|face| {
            if let Some(place) = face.sleeping.iter().position(|until| *until == self.until) {
                face.sleeping.swap_remove(place);
            }
        });
    }
}
