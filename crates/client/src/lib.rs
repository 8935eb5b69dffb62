//! What callers hold.
