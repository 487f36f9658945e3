//! What may other threads ask of the one that runs the engine?

use std::net::IpAddr;

use tokio::sync::oneshot;

use super::counters::NetStats;
use crate::{
    engine::{Holder, Stats, View, Wanted},
    wire::hello::Keys,
};

/// One request.
#[derive(Debug)]
pub(super) enum Command {
    Want(Wanted),
    Unwant(IpAddr),
    SetFit(bool),
    SetKeys(Keys),
    View(oneshot::Sender<View>),
    Holders(Vec<IpAddr>, oneshot::Sender<Vec<(IpAddr, Vec<Holder>)>>),
    Stats(oneshot::Sender<(Stats, NetStats)>),
    Drain(oneshot::Sender<()>),
}
