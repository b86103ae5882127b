//! The target kind `ssh` against real servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod durable;
mod faults;
mod files;
mod support;
