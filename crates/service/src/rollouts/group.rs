//! A count of accounts, and some of them.

use std::collections::BinaryHeap;

use tidegate_core::AccountId;

#[derive(Debug, Default)]
pub struct Group {
    pub count: i64,
    /// The accounts with the least random bits: any account is as likely as another, and the same question gets the same
    /// sample.
    kept: BinaryHeap<(u64, AccountId)>,
}

impl Group {
    pub(super) fn add(&mut self, account: AccountId, most: usize) {
        self.count += 1;
        let rank = account.uuid().as_u64_pair().1;
        if self.kept.len() < most {
            self.kept.push((rank, account));
        } else if let Some(mut greatest) = self.kept.peek_mut()
            && (rank, account) < *greatest
        {
            *greatest = (rank, account);
        }
    }

    /// By id.
    pub fn into_sample(self) -> Vec<AccountId> {
        let mut accounts: Vec<_> = self.kept.into_iter().map(|(_, account)| account).collect();
        accounts.sort_unstable();
        accounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(millis: u64, random: u64) -> AccountId {
        AccountId::from_uuid(uuid::Uuid::from_u64_pair(millis, random))
    }

    #[test]
    fn a_sample_keeps_the_least_random_bits_in_any_order() {
        let all: Vec<_> = [5, 1, 4, 2, 3].iter().zip(1..).map(|(random, at)| account(at, *random)).collect();
        for accounts in [all.clone(), all.into_iter().rev().collect()] {
            let mut group = Group::default();
            for account in accounts {
                group.add(account, 2);
            }
            assert_eq!(group.count, 5);
            assert_eq!(group.into_sample(), [account(2, 1), account(4, 2)]);
        }
    }

    #[test]
    fn a_sample_may_be_empty() {
        let mut group = Group::default();
        group.add(account(1, 1), 0);
        assert_eq!((group.count, group.into_sample().len()), (1, 0));
    }
}
