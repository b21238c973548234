//! Which rule reports a fault, and which findings are left in the end.

pub(super) mod attribution;
pub(super) mod suppress;
