//! Files of the operator and of charts, which findings lead to and which are no inputs themselves.

pub mod chart;
pub mod operator;
