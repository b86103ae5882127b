//! Expressions and the texts they stand in.
