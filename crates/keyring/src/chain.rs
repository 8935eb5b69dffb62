//! The hash chain: the digest of each batch of the record, and the seal that only a holder of the master key can make.
//! The encoding is published in `proto/README.md`, and never changes under its tag. New batches get the newest tag; older
//! ones keep theirs. The tag is hashed, and the seal is of the digest: nobody without the master key can make a batch pass
//! for one of an older tag, which covers less.

use sha2::{Digest as _, Sha256};
use tidegate_core::{
    Anchor, Batch, ChainDigest, ChainTag, Cut, KeyedDigest, Logged, PersonalDigest, RealmId, Sequence,
    Timestamp, Word as _,
};

use crate::{Keyring, SealContext, Unreadable};

/// A digest under construction: each part after its length. Of the personal fields it has the digest of the sealed
/// bytes. To erase a person, their key is dropped and the bytes stay, so the chain still verifies (INV-49).
pub struct Chaining {
    tag: ChainTag,
    hash: Sha256,
}

impl Chaining {
    pub fn new(
        tag: ChainTag,
        realm: RealmId,
        previous: ChainDigest,
        (first, last): (Sequence, Sequence),
        sealed_at: Timestamp,
    ) -> Self {
        let mut chaining = Self { tag, hash: Sha256::new() };
        chaining.part(tag.as_str().as_bytes());
        chaining.part(realm.to_string().as_bytes());
        chaining.part(&previous.0);
        chaining.part(first.to_string().as_bytes());
        chaining.part(last.to_string().as_bytes());
        chaining.part(sealed_at.unix_micros().to_string().as_bytes());
        chaining
    }

    /// Adds the next event, in order, with the digest of its personal fields.
    pub fn add(&mut self, logged: &Logged, personal: Option<PersonalDigest>) {
        let text = |text: Option<String>| text.unwrap_or_default();
        let event = &logged.event;
        self.part(text(logged.sequence.map(|sequence| sequence.to_string())).as_bytes());
        self.part(event.id.to_string().as_bytes());
        self.part(event.at.unix_micros().to_string().as_bytes());
        self.part(event.actor.to_string().as_bytes());
        self.part(text(event.product.as_ref().map(ToString::to_string)).as_bytes());
        self.part(text(event.account.map(|id| id.to_string())).as_bytes());
        self.part(logged.fact.as_bytes());
        match self.tag {
            ChainTag::C1 => {}
            ChainTag::C2 => {
                let digest = personal.as_ref().map(|digest| digest.0.as_slice());
                self.part(digest.unwrap_or_default());
            }
        }
    }

    pub fn digest(self) -> ChainDigest {
        ChainDigest(self.hash.finalize().into())
    }

    fn part(&mut self, part: &[u8]) {
        self.hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.hash.update(part);
    }
}

impl Keyring {
    pub fn seal_batch(&self, realm: RealmId, digest: ChainDigest) -> Result<KeyedDigest, Unreadable> {
        self.digest(&SealContext::Chain { realm }, &digest.0)
    }

    /// The batch's seal under the active key; `None`: it is, or the seal is not right, and stays as it is.
    pub fn reseal_batch(&self, realm: RealmId, batch: &Batch) -> Result<Option<KeyedDigest>, Unreadable> {
        if batch.seal.key == self.active() || !self.batch_is_sealed(realm, batch) {
            return Ok(None);
        }
        self.seal_batch(realm, batch.digest).map(Some)
    }

    /// The same for the cut.
    pub fn reseal_cut(&self, realm: RealmId, cut: &Cut) -> Result<Option<KeyedDigest>, Unreadable> {
        if cut.seal.key == self.active() || !self.cut_is_sealed(realm, cut) {
            return Ok(None);
        }
        self.seal_cut(realm, cut.head(), cut.cut_at).map(Some)
    }

    /// `false` also where the key of the seal is not in the keyring: such a seal proves nothing.
    pub fn batch_is_sealed(&self, realm: RealmId, batch: &Batch) -> bool {
        self.matches(&SealContext::Chain { realm }, &batch.digest.0, &batch.seal).unwrap_or(false)
    }

    pub fn seal_cut(&self, realm: RealmId, head: Anchor, at: Timestamp) -> Result<KeyedDigest, Unreadable> {
        self.digest(&SealContext::ChainCut { realm }, &cut_bytes(head, at))
    }

    pub fn cut_is_sealed(&self, realm: RealmId, cut: &Cut) -> bool {
        let bytes = cut_bytes(cut.head(), cut.cut_at);
        self.matches(&SealContext::ChainCut { realm }, &bytes, &cut.seal).unwrap_or(false)
    }
}

fn cut_bytes(head: Anchor, at: Timestamp) -> Vec<u8> {
    let (sequence, at) = (head.sequence.0.to_be_bytes(), at.unix_micros().to_be_bytes());
    [sequence.as_slice(), &at, &head.digest.0].concat()
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Actor, Event, Id, RecordedFact, Sealed};
    use uuid::Uuid;

    use super::*;
    use crate::fixed_entropy::FixedEntropy;
    use crate::{MasterFile, personal_digest};

    fn digest(tag: ChainTag, change: fn(&mut Logged)) -> ChainDigest {
        let event = Event {
            id: Id::from_uuid(Uuid::from_u128(7)),
            at: Timestamp::from_unix_micros(1),
            actor: Actor::Worker("init".to_owned()),
            product: Some("kasa".parse().unwrap()),
            account: Some(Id::from_uuid(Uuid::from_u128(9))),
            fact: RecordedFact::Newer { data: String::new() },
            personal: Some(Sealed(vec![1])),
        };
        let mut logged = Logged { sequence: Some(Sequence(1)), event, fact: "{}".to_owned() };
        change(&mut logged);
        let realm = Id::from_uuid(Uuid::nil());
        let range = (Sequence(1), Sequence(1));
        let mut chaining =
            Chaining::new(tag, realm, ChainDigest::NONE, range, Timestamp::from_unix_micros(2));
        chaining.add(&logged, logged.event.personal.as_ref().map(personal_digest));
        chaining.digest()
    }

    #[test]
    fn inv_49_everything_of_an_event_is_chained() {
        let same = digest(ChainTag::C2, |_| {});
        let changes: [fn(&mut Logged); 10] = [
            |logged| logged.sequence = Some(Sequence(2)),
            |logged| logged.event.id = Id::from_uuid(Uuid::from_u128(8)),
            |logged| logged.event.at = Timestamp::from_unix_micros(3),
            |logged| logged.event.actor = Actor::Worker("other".to_owned()),
            |logged| logged.event.product = None,
            |logged| logged.event.account = None,
            |logged| logged.fact = "{ }".to_owned(),
            |logged| logged.event.personal = None,
            |logged| logged.event.personal = Some(Sealed(vec![])),
            |logged| logged.event.personal = Some(Sealed(vec![2])),
        ];
        for change in changes {
            assert_ne!(digest(ChainTag::C2, change), same);
        }
    }

    #[test]
    fn inv_49_a_batch_of_the_first_tag_says_nothing_of_what_is_personal() {
        let same = digest(ChainTag::C1, |_| {});
        assert_eq!(digest(ChainTag::C1, |logged| logged.event.personal = None), same);
        assert_ne!(digest(ChainTag::C2, |_| {}), same);
        assert_ne!(digest(ChainTag::C2, |logged| logged.event.personal = None), same);
    }

    #[test]
    fn a_seal_is_good_for_its_realm_and_its_digest() {
        let keyring = Keyring::new(&MasterFile::generate(&FixedEntropy));
        let realm = |number| Id::from_uuid(Uuid::from_u128(number));
        let (tag, digest) = (ChainTag::C2, digest(ChainTag::C2, |_| {}));
        let seal = keyring.seal_batch(realm(1), digest).unwrap();
        let (first, last, sealed_at) = (Sequence(1), Sequence(1), Timestamp::from_unix_micros(2));
        let batch = Batch { tag, first, last, previous: ChainDigest::NONE, digest, seal, sealed_at };
        assert!(keyring.batch_is_sealed(realm(1), &batch));
        assert!(!keyring.batch_is_sealed(realm(2), &batch));
        assert!(!keyring.batch_is_sealed(realm(1), &Batch { digest: ChainDigest::NONE, ..batch.clone() }));
        let seal = keyring.seal_cut(realm(1), batch.head(), sealed_at).unwrap();
        let cut = Cut { last, digest, seal, cut_at: sealed_at };
        assert!(keyring.cut_is_sealed(realm(1), &cut));
        assert!(!keyring.cut_is_sealed(realm(1), &Cut { last: Sequence(2), ..cut.clone() }));
        assert!(!keyring.cut_is_sealed(realm(1), &Cut { seal: batch.seal, ..cut }));
    }
}
