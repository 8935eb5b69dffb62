//! What support does to accounts. Every verb has a reason, which its event keeps, and none returns or sets a secret
//! (INV-33).
//!
//! ```text
//!              suspend                lock down
//!   active ───────────────► suspended ─────────► locked down        active, suspended, locked down ── delete ──► deleted
//!     ▲ ▲ └───────────────────── lock down ────────► │                                                            │  │
//!     │ └───────────── reactivate ──── │ ◄────────────┘                                                            │  │
//!     └─────────────────────────────────────────────────────────────────────────────── undelete, within 30 days ───┘  │
//!                                                                                    purged ◄── after 30 days ─────────┘
//! ```

mod case;
mod delete;
mod end_exemption;
mod exempt;
mod exemption;
mod export;
mod export_lines;
mod extend_deadline;
mod issue_access_pass;
mod list_exemptions;
mod lockdown;
mod pass;
mod purge;
mod reactivate;
mod reset_factors;
mod suspend;
mod undelete;

pub use case::Case;
pub use delete::DeleteAccount;
pub use end_exemption::EndExemption;
pub use exempt::Exempt;
pub use exemption::{Eased, LadderCase};
pub use export::{AccountExport, AccountExported, BeginAccountExport, ReadAccountExport};
pub use extend_deadline::ExtendDeadline;
pub use issue_access_pass::IssueAccessPass;
pub use list_exemptions::{ExemptedAccount, ListExemptions};
pub use lockdown::LockdownAccount;
pub use pass::PassMailed;
pub use purge::{PurgeAccount, PurgeEnded};
pub use reactivate::ReactivateAccount;
pub use reset_factors::{FactorsReset, ResetFactors};
pub use suspend::SuspendAccount;
pub use undelete::UndeleteAccount;

use tidegate_core::Span;

/// How long a deletion can be taken back; after it, the account is purged.
pub const KEPT_FOR: Span = Span::days(30);
