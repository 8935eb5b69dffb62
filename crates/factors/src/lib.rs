//! How a person proves it is them.
