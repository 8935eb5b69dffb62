//! Resume tokens: a reader's sealed cursor, valid for one realm and one method.
//!
//! A token holds the digest of the batch in which its place is. After the database was restored from a copy, the record goes
//! another way: its later batches have other digests. So a token of the lost way is refused for ever, also when the record has
//! passed its place, and a token of the common part stays good, because its reader missed nothing.

use tidegate_core::{ChainDigest, Sealed, Secret, Sequence};
use tidegate_keyring::SealContext;
use tidegate_store::{View, chain, installation};

use crate::{Fault, QueryContext};

/// The bytes of a sealed resume token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeToken(pub Vec<u8>);

/// A place in the record, and the digest of the batch that contains it. `None`: no batch does, because it is ahead of the
/// record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: Sequence,
    pub(super) digest: Option<ChainDigest>,
}

impl QueryContext {
    /// The token for a reader that has everything up to the place.
    pub(super) fn resume_token(&self, method: &'static str, place: Place) -> Result<ResumeToken, Fault> {
        let digest = place.digest.unwrap_or(AHEAD);
        let plain = Secret::new([place.at.0.to_be_bytes().as_slice(), &digest.0].concat());
        let sealed = self.keyring().seal(&self.resume_context(method), &plain, self.entropy())?;
        Ok(ResumeToken(sealed.0))
    }

    /// The place of a token; `None`: it is no token of this realm and method, or of another way that the record went.
    pub(super) async fn resumed(
        &self,
        view: &mut View,
        method: &'static str,
        token: &ResumeToken,
    ) -> Result<Option<Place>, Fault> {
        let opened = self.keyring().open(&self.resume_context(method), &Sealed(token.0.clone()));
        let Some((at, rest)) =
            opened.as_ref().ok().and_then(|plain| plain.expose().as_slice().split_first_chunk())
        else {
            return Ok(None);
        };
        let place = place(view, Sequence(i64::from_be_bytes(*at))).await?;
        if rest.is_empty() {
            // Earlier versions named no batch. Such a token is good as long as the record has gone one way only.
            let found = installation::find(&mut self.across()).await?;
            return Ok(Some(place).filter(|_| found.is_some_and(|found| found.timeline == 0)));
        }
        // What was dropped cannot be compared; its reader is told that the token is too old.
        let is_dropped = chain::cut(view).await?.is_some_and(|cut| place.at < cut.last);
        let digest = place.digest.unwrap_or(AHEAD);
        Ok(Some(place).filter(|_| is_dropped || rest == digest.0))
    }

    fn resume_context(&self, method: &'static str) -> SealContext {
        SealContext::ResumeToken { realm: self.realm(), method }
    }
}

/// Of a place that the record has not reached. No batch has this digest.
const AHEAD: ChainDigest = ChainDigest([0xff; 32]);

/// The place with its batch. What was dropped by the retention, and the start, have none that can be compared.
pub(super) async fn place(view: &mut View, at: Sequence) -> Result<Place, Fault> {
    if at <= Sequence::START {
        return Ok(Place { at, digest: Some(ChainDigest::NONE) });
    }
    let batch = chain::from(view, at, 1).await?.into_iter().find(|batch| batch.first <= at);
    if let Some(batch) = batch {
        return Ok(Place { at, digest: Some(batch.digest) });
    }
    let cut = chain::cut(view).await?.filter(|cut| cut.last == at);
    Ok(Place { at, digest: cut.map(|cut| cut.digest) })
}

/// The same among batches that were read already.
pub(super) fn place_among(batches: &[Place], at: Sequence) -> Place {
    // Each stands for all places from the one after its predecessor on.
    let digest = batches.iter().find(|batch| at <= batch.at).and_then(|batch| batch.digest);
    Place { at, digest }
}
