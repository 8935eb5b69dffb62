//! Fuzz targets: how a refusal is read, of a server or of a proxy that answers in its place.

mod refusals;
