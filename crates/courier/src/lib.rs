//! Everything that leaves the house.
