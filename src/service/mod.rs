//! What does this Service ask for, and what shall its status say? Pure: no I/O, no clock, no provider.

pub mod annotations;
pub mod class;
pub mod conditions;
pub mod endpoints;
pub mod gates;
pub mod intent;
pub mod nodes;
pub mod request;
pub mod status;
