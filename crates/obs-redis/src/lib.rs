//! Redis behind one small seam: fail-fast single-key commands, a breaker, and a budget in milliseconds.
