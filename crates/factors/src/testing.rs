//! What the tests of several methods share.

use tidegate_core::Entropy;

/// Bytes that count from zero.
pub(crate) struct CountingEntropy;

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, n) in bytes.iter_mut().zip(0..) {
            *byte = n;
        }
    }
}
