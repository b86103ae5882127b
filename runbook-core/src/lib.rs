//! Runbooks as data: the language, its checks, the plan and the engine that runs it.

pub mod check;
pub mod command;
pub mod diag;
#[cfg(feature = "engine")]
pub mod drive;
pub mod expr;
pub mod ids;
pub mod kind;
#[cfg(feature = "engine")]
pub mod local;
pub mod model;
pub mod plan;
pub mod policy;
#[cfg(feature = "engine")]
pub mod port;
pub mod read;
pub mod render;
pub mod run;
pub mod shell;
pub mod source;
#[cfg(feature = "engine")]
pub mod store;
#[cfg(feature = "engine")]
pub mod testing;
pub mod value;
pub mod yaml;
