//! Runbooks as data: the language, its checks, the plan and the engine that runs it.

pub mod diag;
pub mod expr;
pub mod ids;
pub mod shell;
pub mod source;
pub mod value;
pub mod yaml;
