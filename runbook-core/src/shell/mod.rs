//! Shell syntax, as far as the engine must know it.
