//! Durable and in-memory stores.
