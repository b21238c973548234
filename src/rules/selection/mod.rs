//! Selection: which rule reports a fault, and which findings remain in the end.

pub(super) mod attribution;
pub(super) mod suppress;
