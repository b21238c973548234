//! A limit on the work of finding the places that templates wrote, because templates come from strangers.

use std::cell::Cell;

/// The budget of one template, in nodes visited and parts and pieces of text copied.
const BUDGET: u32 = 100_000;

/// The budget of all templates together, so that nobody waits longer for places in them.
const BUDGET_OF_ALL: u32 = 4_000_000;

/// The budget that is left for all templates.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(BUDGET_OF_ALL))
    }
}

impl Budget {
    /// Returns the budget for one template.
    pub(super) fn for_one(&self) -> u32 {
        self.0.get().min(BUDGET)
    }

    /// Subtracts the cost; `false` if less than that is left.
    pub(crate) fn spend(&self, cost: usize) -> bool {
        let left = u32::try_from(cost).ok().and_then(|cost| self.0.get().checked_sub(cost));
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }
}
