//! The house: what its sources, its manifest files and its contract must look like, read from themselves.

mod absent;
mod contract;
mod descriptors;
mod habits;
mod names;
mod reasons;
mod rooms;
mod secrets;
mod sources;
mod words;
