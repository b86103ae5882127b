//! Values in shell scripts: where they may stand, and that real shells take them as they are.

#![allow(clippy::unwrap_used)]

mod contexts;
mod execution;
mod random;
mod support;
