//! Wakes the streams of enrolled devices when something may wait for them, so that a stream reads the database only then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tidegate_core::FactorId;
use tokio::sync::Notify;

/// One entry for each device that is listened to at this server.
#[derive(Default)]
pub(crate) struct DeviceSignals(Mutex<HashMap<FactorId, Weak<Notify>>>);

impl DeviceSignals {
    /// The signal of a device. A waiter that exists before a ring is woken by it.
    pub(crate) fn of(&self, factor: FactorId) -> Arc<Notify> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signal) = all.get(&factor).and_then(Weak::upgrade) {
            return signal;
        }
        all.retain(|_, signal| signal.strong_count() > 0);
        let signal = Arc::new(Notify::new());
        all.insert(factor, Arc::downgrade(&signal));
        signal
    }

    pub(super) fn ring(&self, factor: FactorId) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signal) = all.get(&factor).and_then(Weak::upgrade) {
            signal.notify_waiters();
        }
    }

    pub(super) fn ring_all(&self) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(Weak::upgrade).for_each(|signal| signal.notify_waiters());
    }
}
