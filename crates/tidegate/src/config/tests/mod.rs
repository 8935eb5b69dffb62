//! Configurations as an operator writes them, and what comes of them. No test reads the environment.

mod load;
mod print;
mod problems;

use super::{Loaded, Problems, layers::Layers};

/// Stands for a file named `tidegate.toml`, then the environment, then the flags.
fn given(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Result<Loaded, Problems> {
    let mut layers = Layers::defaults();
    layers.document("tidegate.toml", file);
    for (name, value) in environment {
        layers.variable(name, value);
    }
    for pair in set {
        layers.flag(pair);
    }
    layers.settle()
}

fn loaded(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Loaded {
    given(file, environment, set).unwrap()
}

fn refused(file: &str, environment: &[(&str, &str)], set: &[&str]) -> String {
    given(file, environment, set).unwrap_err().to_string()
}

impl Loaded {
    fn entry(&self, key: &str) -> (&str, &str) {
        let entry = self.entries.iter().find(|entry| entry.key == key).unwrap();
        (&entry.value, &entry.origin)
    }
}
