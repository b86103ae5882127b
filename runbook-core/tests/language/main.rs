//! The language as authors meet it: what is accepted, and what is said of what is not.

#![allow(clippy::unwrap_used)]

mod corpus;
mod files;
mod kinds;
mod limits;
mod mutations;
mod outline;
mod report;
mod schema;
mod table;
