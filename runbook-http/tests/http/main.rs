//! The action `http` against real servers on this machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod channel;
mod contract;
mod kind;
mod place;
mod redirects;
mod runs;
mod support;
mod tls;
mod trouble;
