//! A random source for tests: every byte is 7.

use tidegate_core::Entropy;

pub(crate) struct FixedEntropy;

impl Entropy for FixedEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
