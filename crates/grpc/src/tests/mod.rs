//! Fuzz targets: what a request has before it is a message.

mod frames;
mod headers;
