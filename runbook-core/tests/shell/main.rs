//! Values in shell scripts: where they may stand, and that real shells take them as they are.

mod contexts;
mod execution;
mod random;
mod support;
