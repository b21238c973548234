//! How much work and output a substitution is worth.

use super::Uncertainty;
use super::parse::Stop;

/// The greatest size of the resulting text, and of each argument, in bytes. The API server takes objects of about
/// 1.5 MiB at most, so that nothing longer is ever deployed.
pub(super) const MAX_OUTPUT: usize = 4 << 20;

/// Steps for any text, however short: some thousand expressions with a pattern.
const BASE_STEPS: usize = 4 << 20;

/// Steps for each byte of the text.
const STEPS_PER_BYTE: usize = 256;

/// The steps that are left. One step is about the work for one byte.
pub(super) struct Budget(usize);

impl Budget {
    /// The budget for a text of some length.
    pub(super) fn of(length: usize) -> Self {
        Self(length.saturating_mul(STEPS_PER_BYTE).saturating_add(BASE_STEPS))
    }

    /// Spends some steps.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        self.0 = self.0.checked_sub(steps).ok_or(Stop::Undecided(Uncertainty::Limit))?;
        Ok(())
    }
}
