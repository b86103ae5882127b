//! A thread that works through a queue and ends with it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::port::StoreError;

pub(super) struct Worker<T> {
    /// `None` only while it is dropped.
    queue: Option<Sender<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    pub(super) fn spawn(
        name: &str,
        work: impl FnOnce(Receiver<T>) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = channel();
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || work(jobs))
            .map_err(|error| StoreError::Unavailable(format!("no thread for it: {error}")))?;
        Ok(Worker { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) fn send(&self, job: T) -> Result<(), StoreError> {
        self.queue.as_ref().and_then(|queue| queue.send(job).ok()).ok_or_else(stopped)
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // Its panic was reported where it happened.
            let _ = thread.join();
        }
    }
}

/// The error for a job whose thread is gone.
pub(super) fn stopped() -> StoreError {
    StoreError::Unavailable("its thread has stopped".into())
}
