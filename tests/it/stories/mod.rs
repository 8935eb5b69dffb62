//! One file a noun; each test is one scene.

mod wave;
