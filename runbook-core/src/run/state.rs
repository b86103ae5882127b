//! What a log amounts to.

/// What a log amounts to.
#[derive(Clone, Debug)]
pub struct State {}
