//! What is over is deleted, and what must stay, stays.

mod kinds;
mod large;
mod safe;
