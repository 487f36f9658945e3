//! Network Load Balancers of AWS behind the contract of `roadstead-core`.
