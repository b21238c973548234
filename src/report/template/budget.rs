//! How much may be done to find the places that templates wrote: strangers write templates.

use std::cell::Cell;

/// What may be done for one template: nodes visited, parts and stretches of text copied.
const BUDGET: u32 = 100_000;

/// What may be done for all templates: nobody waits longer for places in them.
const BUDGET_OF_ALL: u32 = 4_000_000;

/// What is left for all templates.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(BUDGET_OF_ALL))
    }
}

impl Budget {
    /// What one template may use.
    pub(super) fn for_one(&self) -> u32 {
        self.0.get().min(BUDGET)
    }

    /// Takes it away; `false` where so much is not left.
    pub(crate) fn spend(&self, cost: usize) -> bool {
        let left = u32::try_from(cost).ok().and_then(|cost| self.0.get().checked_sub(cost));
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }
}
