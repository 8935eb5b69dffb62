//! The machines' door.
