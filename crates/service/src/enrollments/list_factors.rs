//! Lists an account's second factors, never their secrets.

use tidegate_core::{Factor, Method, Permission, Subject};
use tidegate_store::{factors, recovery_codes};

use crate::{Desk, Error, Query};

#[derive(Debug)]
pub struct ListFactors {
    pub subject: Subject,
}

#[derive(Debug)]
pub struct Listed {
    pub factor: Factor,
    /// Of a set of recovery codes.
    pub codes_left: usize,
}

impl Query for ListFactors {
    const NAME: &'static str = "list_factors";
    const PERMISSION: Permission = Permission::TwoStepRead;
    type Outcome = Vec<Listed>;

    async fn run(self, desk: &Desk) -> Result<Vec<Listed>, Error> {
        let acting = desk.acting(&self.subject).await?;
        acting.not_signing_in()?;
        let mut view = desk.view();
        let mut listed = Vec::new();
        for factor in factors::of_account(&mut view, acting.account.id).await? {
            let codes_left = match factor.method() {
                Method::RecoveryCodes => {
                    recovery_codes::left(&mut view, factor.account, factor.id).await?.len()
                }
                Method::Totp | Method::Password => 0,
            };
            listed.push(Listed { factor, codes_left });
        }
        Ok(listed)
    }
}
