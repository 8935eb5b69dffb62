//! Bounds of connections: how many there are, in all, from one address and of callers that are not known, and their ages.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout_at};

/// Connections whose callers have shown no valid credential yet, from `accept` on. Where there are too many, a new one
/// waits for the oldest, and ends it when it takes longer than `PATIENCE`: a caller needs milliseconds to show who it is, so
/// the oldest is then one that an attacker holds open (slow loris). To end the oldest at once would end all of them where
/// many callers connect again at the same time.
pub(super) struct Strangers {
    present: VecDeque<(Instant, oneshot::Sender<()>)>,
    max: usize,
    patience: Duration,
}

/// The place of a connection among the strangers, free when this is dropped. Resolves with a value when it must be given up,
/// and with an error when no new connection comes any more.
pub(super) type StrangersPlace = oneshot::Receiver<()>;

impl Strangers {
    const PATIENCE: Duration = Duration::from_secs(1);

    pub(super) const fn new(max: usize) -> Self {
        Self { present: VecDeque::new(), max, patience: Self::PATIENCE }
    }

    pub(super) async fn begin(&mut self) -> StrangersPlace {
        if self.present.len() >= self.max {
            self.present.retain(|(_, stranger)| !stranger.is_closed());
        }
        if self.present.len() >= self.max
            && let Some((begun, mut oldest)) = self.present.pop_front()
            && timeout_at((begun + self.patience).into(), oldest.closed()).await.is_err()
        {
            // Fails where it has ended meanwhile.
            let _ = oldest.send(());
        }
        let (present, evicted) = oneshot::channel();
        self.present.push_back((Instant::now(), present));
        evicted
    }
}

/// How many connections there are from each address: of IPv6 from each /64, which one machine has to itself.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One of the connections from an address.
#[derive(Debug)]
pub(super) struct AddressPlace(Arc<Addresses>, IpAddr);

impl Addresses {
    /// `None`: there are as many as may be.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, max: usize) -> Option<AddressPlace> {
        let network = network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(AddressPlace(self.clone(), network))
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let Self(addresses, network) = self;
        let mut counts = addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(network);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

/// The ages at which connections end: `max_age`, give or take a tenth, so that those which were
/// opened together do not end together. Multiples of the golden ratio spread evenly, which random
/// numbers do less well.
pub(super) struct Ages {
    max_age: Option<Duration>,
    turn: u32,
}

impl Ages {
    /// 2^32 divided by the golden ratio.
    const STEP: u32 = 0x9E37_79B9;

    pub(super) const fn new(max_age: Option<Duration>) -> Self {
        Self { max_age, turn: 0 }
    }

    pub(super) fn next(&mut self) -> Option<Duration> {
        self.turn = self.turn.wrapping_add(Self::STEP);
        let share = f64::from(self.turn) / f64::from(u32::MAX);
        Some(self.max_age?.mul_f64(0.9 + 0.2 * share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_stranger_makes_room_for_the_newest() {
        let mut strangers = Strangers { patience: Duration::ZERO, ..Strangers::new(2) };
        let (mut first, second) = (strangers.begin().await, strangers.begin().await);
        drop(second);
        let mut third = strangers.begin().await;
        assert!(first.try_recv() == Err(oneshot::error::TryRecvError::Empty), "the second had ended");
        let _fourth = strangers.begin().await;
        assert!(first.try_recv() == Ok(()), "it was the oldest");
        assert!(third.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    }

    #[test]
    fn connections_are_counted_by_address_and_by_network_of_ipv6() {
        let addresses = Arc::new(Addresses::default());
        let enter = |address: &str| addresses.enter(address.parse().unwrap(), 2);
        let first = enter("192.0.2.1");
        let second = enter("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(enter("192.0.2.1").is_none(), "the same address in both forms");
        let other = enter("192.0.2.2");
        assert!(other.is_some());
        drop(first);
        assert!(enter("192.0.2.1").is_some());
        let of_network = [enter("2001:db8:0:1::1"), enter("2001:db8:0:1:ffff::2")];
        assert!(of_network.iter().all(Option::is_some));
        assert!(enter("2001:db8:0:1::3").is_none() && enter("2001:db8:0:2::1").is_some());
        drop((second, other, of_network));
        assert!(addresses.0.lock().unwrap().is_empty(), "what is not counted is forgotten");
    }

    #[test]
    fn ages_spread_over_a_tenth_in_both_directions() {
        let mut ages = Ages::new(Some(Duration::from_secs(1_000)));
        let mut ages: Vec<_> = (0..100).map(|_| ages.next().unwrap().as_secs()).collect();
        ages.sort_unstable();
        assert!(
            (900..=904).contains(ages.first().unwrap()) && (1_096..=1_100).contains(ages.last().unwrap())
        );
        assert!(ages.windows(2).all(|two| two[1] - two[0] <= 5), "{ages:?}");
        assert_eq!(Ages::new(None).next(), None);
    }
}
