//! What this program was built with: every kind of action and target, in one place.

use runbook_core::kind::Kinds;

/// The static half of everything that plugs in.
pub(crate) fn kinds() -> Kinds {
    Kinds::default()
}
