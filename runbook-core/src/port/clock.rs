//! Time, as the engine sees it.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

/// Where the engine gets the time from.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Returns when [`now`](Self::now) has reached `at`; at once when it already has.
    async fn sleep_until(&self, at: Timestamp);
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        // A sleep is monotonic and the wall clock may be set back meanwhile: look again.
        loop {
            let left = at.as_millisecond().saturating_sub(self.now().as_millisecond());
            let Ok(left @ 1..) = u64::try_from(left) else { return };
            tokio::time::sleep(std::time::Duration::from_millis(left.min(60_000))).await;
        }
    }
}
