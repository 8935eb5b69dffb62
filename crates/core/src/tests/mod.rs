//! Fuzz targets: everything that is read from callers, operators and the database.

mod documents;
mod names;
mod texts;
