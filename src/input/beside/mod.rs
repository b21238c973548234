//! Files of the operator and of charts. Findings refer to them, but they are not inputs themselves.

pub mod chart;
pub mod operator;
