//! What has to be done so that a rollout is as a file says, and the check of it: the server refuses what its calls would refuse,
//! before anything is changed and before anything is asked.

use std::path::Path;

use anyhow::bail;
use tidegate_client::{Client, Refused};
use tidegate_proto::{
    self as proto, ErrorReason, evaluation_result::Result as Evaluated, preview_rollout_request::Change,
};

use super::{
    ask, explained,
    file::{FilePlaces, LadderFile, PlannedRollout, RolloutFile},
    find, load,
    plan::{PlannedCall, PlannedStep, ladder_step, plan},
    preview::watched,
    print_warnings,
};
use crate::{failure::Usage, output::plain};

/// The contract's bound of one `BatchEvaluate`.
const MAX_BATCH: usize = 256;

/// The steps of a file.
pub struct FilePlan {
    pub key: String,
    /// The rollout as it stands; `None`: it does not exist yet.
    pub found: Option<proto::Rollout>,
    /// The products of the file, or else the rollout's.
    pub products: Vec<String>,
    pub steps: Vec<PlannedStep>,
    places: FilePlaces,
}

impl FilePlan {
    /// Of a file with a whole rollout or a ladder alone. `key`: as the command line names the rollout.
    pub async fn read(client: &Client, path: &Path, key: Option<&str>) -> anyhow::Result<Self> {
        match RolloutFile::read(path)? {
            RolloutFile::Ladder(file) => Self::of_ladder(client, file, key).await,
            RolloutFile::Whole(file) => {
                if let Some(key) = key.filter(|key| *key != file.key) {
                    let text = format!("{} is of `{}`, and not of `{key}`", path.display(), file.key);
                    return Err(Usage::new(text).into());
                }
                Self::of(client, *file).await
            }
        }
    }

    /// Of a rollout that exists, or does not yet.
    pub async fn of(client: &Client, file: PlannedRollout) -> anyhow::Result<Self> {
        let (file, found) = compared(client, file).await?;
        Self::compare(file, found)
    }

    /// Of a rollout that must not exist yet.
    pub fn of_new(file: PlannedRollout) -> anyhow::Result<Self> {
        Self::compare(file, None)
    }

    fn compare(file: PlannedRollout, found: Option<proto::Rollout>) -> anyhow::Result<Self> {
        if let Some(found) = &found {
            not_archived(found)?;
        }
        let steps = plan(&file, found.as_ref())?;
        Ok(Self { key: file.key, found, products: file.products, steps, places: file.places })
    }

    pub async fn of_ladder(client: &Client, file: LadderFile, key: Option<&str>) -> anyhow::Result<Self> {
        let key = file.named(key)?;
        let found = load(client, &key).await?;
        not_archived(&found)?;
        let steps = ladder_step(&file.rules, &found.ladder).into_iter().collect();
        Ok(Self { key, products: found.products.clone(), found: Some(found), steps, places: file.places })
    }

    /// The etag of the rollout as it was compared.
    pub fn etag(&self) -> String {
        self.found.as_ref().map(|found| found.etag.clone()).unwrap_or_default()
    }

    /// The rules that stand.
    pub fn standing(&self) -> &[proto::LadderRule] {
        self.found.as_ref().map_or(&[], |found| &found.ladder)
    }

    /// All steps as one change; `None`: nothing differs.
    pub fn change(&self) -> Option<Change> {
        let steps: Vec<_> = self.steps.iter().map(|step| step.call.previewed()).collect();
        (!steps.is_empty()).then_some(Change::Steps(proto::PlannedSteps { steps }))
    }

    /// Asks the server whether it would take every step, prints what it warns of, and returns that. Nothing is changed.
    pub async fn check(&self, client: &Client) -> anyhow::Result<Vec<proto::RolloutWarning>> {
        let Some(change) = self.change() else { return Ok(Vec::new()) };
        let request = proto::PreviewRolloutRequest {
            rollout: self.key.clone(),
            etag: self.etag(),
            change: Some(change),
            check_only: true,
            ..Default::default()
        };
        match watched(client, request).await {
            Ok(checked) => {
                self.warn(&checked.warnings);
                Ok(checked.warnings)
            }
            Err(error) => Err(self.told(client, error).await),
        }
    }

    /// Prints what the server warns of, with the lines of the file.
    pub fn warn(&self, warnings: &[proto::RolloutWarning]) {
        // A ladder changes nothing that is warned of.
        if self.steps.iter().any(|step| !matches!(step.call, PlannedCall::SetLadder(_))) {
            print_warnings(warnings, |path, what| self.places.told(path, what));
        }
    }

    /// A refusal, with the lines of the file.
    pub async fn told(&self, client: &Client, error: anyhow::Error) -> anyhow::Error {
        let refused = match error.downcast::<Refused>() {
            Ok(refused) => refused,
            Err(other) => return other,
        };
        match self.flaws(&refused) {
            Some(flaws) => Usage::new(flaws).into(),
            None => explained(client, &self.key, refused).await,
        }
    }

    /// What the server found wrong, one a line; `None` where nothing of it is in the file.
    fn flaws(&self, refused: &Refused) -> Option<String> {
        let mut any = false;
        let mut lines = Vec::new();
        for violation in &refused.violations {
            let (field, what) = (plain(&violation.field), plain(&violation.description));
            let path = self.file_path(&violation.field, refused.reason);
            let told = path.and_then(|path| self.places.told(&path, &what));
            any |= told.is_some();
            lines.push(told.unwrap_or_else(|| format!("{field}: {what}")));
        }
        any.then(|| format!("{} ({})", lines.join("\n"), refused.name()))
    }

    /// The path in the file of a path in the request, or in the rollout as it would be.
    fn file_path(&self, field: &str, reason: Option<ErrorReason>) -> Option<String> {
        if let Some(ordinal) = field.strip_prefix("wave ") {
            let place = ordinal.parse::<usize>().ok()?.checked_sub(1)?;
            let of_dates = [ErrorReason::PlannedInPast, ErrorReason::DatesInWrongOrder];
            let dated = reason.is_some_and(|reason| of_dates.contains(&reason));
            return Some(format!("waves[{place}]{}", if dated { ".planned_start" } else { "" }));
        }
        let Some(step) = field.strip_prefix("steps.steps[") else { return Some(field.to_owned()) };
        let (place, rest) = step.split_once("].")?;
        let wave = |ordinal: u32, rest: &str| Some(format!("waves[{}].{rest}", ordinal.checked_sub(1)?));
        match &self.steps.get(place.parse::<usize>().ok()?)?.call {
            PlannedCall::Create(_) => rest.strip_prefix("create.").map(str::to_owned),
            PlannedCall::Update(_) => rest.strip_prefix("update.").map(str::to_owned),
            PlannedCall::UpdateWave(ordinal, ..) => wave(*ordinal, rest.strip_prefix("update_wave.wave.")?),
            PlannedCall::AddWave(ordinal, _) => wave(*ordinal, rest.strip_prefix("add_wave.")?),
            PlannedCall::SetLadder(_) => rest.strip_prefix("set_ladder.").map(str::to_owned),
            PlannedCall::RemoveWave(_) => None,
        }
    }
}

fn not_archived(rollout: &proto::Rollout) -> anyhow::Result<()> {
    if rollout.archive_time.is_some() {
        let key = &rollout.key;
        bail!(
            "`{key}` is archived, and nothing of it changes; `tidegate rollout unarchive {key}` brings it back as it was"
        );
    }
    Ok(())
}

/// The file, and the rollout as it stands, with accounts named as the file names them: an account can be named by its id or
/// by its external id, and the server answers the name that it was given.
async fn compared(
    client: &Client,
    file: PlannedRollout,
) -> anyhow::Result<(PlannedRollout, Option<proto::Rollout>)> {
    let mut found = find(client, &file.key).await?;
    if let Some(rollout) = &mut found {
        let product = file.products.first().cloned().unwrap_or_default();
        let lists = [("allow", &file.allow, &mut rollout.allow), ("deny", &file.deny, &mut rollout.deny)];
        for (list, wanted, named) in lists {
            let wanted_ids = account_ids(client, &product, list, &wanted.accounts, Unknown::Refused).await?;
            let Some(named) = named else { continue };
            let ids = account_ids(client, &product, list, &named.accounts, Unknown::Kept).await?;
            let both = wanted.accounts.iter().zip(&wanted_ids).filter(|(_, id)| ids.contains(id));
            let other = ids.iter().filter(|id| !wanted_ids.contains(id));
            named.accounts = both.map(|(name, _)| name).chain(other).cloned().collect();
        }
    }
    Ok((file, found))
}

/// What becomes of a name that no account has.
#[derive(Clone, Copy, PartialEq)]
enum Unknown {
    Refused,
    Kept,
}

/// The ids of accounts that are named by id or external id. A decision carries the id and no personal field, so this reads no
/// account.
async fn account_ids(
    client: &Client,
    product: &str,
    list: &str,
    names: &[String],
    unknown: Unknown,
) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for batch in names.chunks(MAX_BATCH) {
        let item =
            |account: &String| proto::EvaluationItem { product: product.into(), account: account.clone() };
        let request = proto::BatchEvaluateRequest { items: batch.iter().map(item).collect() };
        let answer = ask!(client, evaluations.batch_evaluate, request)?;
        for (name, result) in batch.iter().zip(answer.results) {
            match result.result {
                Some(Evaluated::Decision(decision)) => ids.push(decision.account_id),
                _ if unknown == Unknown::Refused && result_is_of_account(&result) => {
                    let text = format!("`{list}` names `{}`, and there is no such account", plain(name));
                    return Err(Usage::new(text).into());
                }
                // The product is wrong: the server says so when it is asked to change the rollout.
                _ => ids.push(name.clone()),
            }
        }
    }
    Ok(ids)
}

fn result_is_of_account(result: &proto::EvaluationResult) -> bool {
    let not_found = i32::from(proto::ErrorReason::AccountNotFound);
    matches!(result.result, Some(Evaluated::Error(reason)) if reason == not_found)
}
