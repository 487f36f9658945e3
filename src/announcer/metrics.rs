//! What is measured of the announcer? The engine counts; here its counters get names. No label ever carries an address.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};
use roadstead_arp::{
    engine::{Claims, Ignored, Lateness, Stats},
    net::NetStats,
};

/// Everything that is counted, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The engine's counters.
    pub stats: Stats,
    /// Those of its sockets.
    pub net: NetStats,
    /// How many addresses this node answers for.
    pub held: usize,
    /// How many other stations it hears.
    pub peers: usize,
    /// How many addresses foreign hosts use, as it sees it.
    pub conflicts: usize,
    /// Whether this node forwards, and may announce at all.
    pub fit: bool,
}

/// The last reading, exposed as metrics.
#[derive(Clone, Debug, Default)]
pub struct Readings(Arc<Mutex<Reading>>);

/// One value of a metric and its labels: a name and a word.
type Series = (Option<(&'static str, &'static str)>, u64);

/// A counter: name, help, values.
type Counter = (&'static str, &'static str, Vec<Series>);

// === impl Readings ===

impl Readings {
    /// A newer reading.
    pub fn set(&self, reading: Reading) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let reading = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Reading { stats, net, .. } = &reading;
        for (name, help, series) in traffic(stats, net).into_iter().chain(doings(stats, net)) {
            let name = format!("announcer_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            for (label, value) in series {
                match label {
                    Some(label) => {
                        let labels = [label];
                        let mut one = metric.encode_family(&labels)?;
                        one.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
                    }
                    None => metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?,
                }
            }
        }
        for (name, help, value) in gauges(&reading) {
            let name = format!("announcer_{name}");
            encoder
                .encode_descriptor(&name, help, None, MetricType::Gauge)?
                .encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        lateness(&mut encoder, &reading.stats.lateness)
    }
}

fn one(value: u64) -> Vec<Series> {
    vec![(None, value)]
}

fn by(label: &'static str, values: &[(&'static str, u64)]) -> Vec<Series> {
    let labelled = |(word, value): &(&'static str, u64)| (Some((label, *word)), *value);
    values.iter().map(labelled).collect()
}

/// Of frames and hellos that came.
fn traffic(stats: &Stats, net: &NetStats) -> Vec<Counter> {
    let ignored = Ignored::ALL.map(|reason| (reason.label(), stats.ignored(reason)));
    vec![
        (
            "frames_received",
            "Frames received by protocol",
            by(
                "protocol",
                &[("arp", net.arp_received), ("ndp", net.ndp_received)],
            ),
        ),
        (
            "frames_sent",
            "Frames sent by protocol",
            by("protocol", &[("arp", net.arp_sent), ("ndp", net.ndp_sent)]),
        ),
        (
            "answers",
            "Questions for an address that were answered, by protocol",
            by(
                "protocol",
                &[("arp", stats.arp_answered), ("ndp", stats.ndp_answered)],
            ),
        ),
        (
            "ignored",
            "Frames and hellos that changed nothing, by the reason",
            by("reason", &ignored),
        ),
    ]
}

/// Of what the engine did by itself.
fn doings(stats: &Stats, net: &NetStats) -> Vec<Counter> {
    let Claims {
        first,
        failover,
        handover,
        unanswered,
    } = stats.claims;
    vec![
        (
            "gratuitous_sent",
            "Announcements that nobody had asked for",
            one(stats.gratuitous_sent),
        ),
        (
            "probes_sent",
            "Probes before a first claim",
            one(stats.probes_sent),
        ),
        ("hellos_sent", "Hellos sent", one(stats.hellos_sent)),
        (
            "hello_bytes_sent",
            "Bytes of the hellos sent",
            one(stats.hello_bytes_sent),
        ),
        (
            "hellos_received",
            "Hellos of peers taken in",
            one(stats.hellos_received),
        ),
        (
            "hellos_lost",
            "Hellos of peers that never came",
            one(stats.hellos_lost),
        ),
        (
            "claims",
            "Addresses claimed, by the cause",
            by(
                "cause",
                &[
                    ("first", first),
                    ("failover", failover),
                    ("handover", handover),
                    ("unanswered", unanswered),
                ],
            ),
        ),
        (
            "handovers",
            "Addresses handed over to another node",
            one(stats.handovers),
        ),
        (
            "yielded",
            "Addresses let go because another node had the better right",
            one(stats.yielded),
        ),
        (
            "peers_joined",
            "Stations that joined",
            one(stats.peers_joined),
        ),
        (
            "peers_lost",
            "Stations that were lost",
            one(stats.peers_lost),
        ),
        (
            "conflicts_seen",
            "Times that a host that is no announcer began to use an address",
            one(stats.conflicts),
        ),
        (
            "stalls",
            "Times that everything was let go because the process had not been run",
            one(stats.stalls),
        ),
        (
            "socket_failures",
            "What the sockets could not do, by what",
            by(
                "what",
                &[
                    ("frame_dropped", net.frames_dropped),
                    ("send", net.send_failures),
                    ("receive", net.receive_failures),
                    ("open", net.open_failures),
                    ("announcement_given_up", net.given_up),
                ],
            ),
        ),
    ]
}

fn gauges(reading: &Reading) -> [(&'static str, &'static str, usize); 4] {
    [
        (
            "addresses",
            "Addresses that this node answers for",
            reading.held,
        ),
        (
            "peers",
            "Other stations that this node hears",
            reading.peers,
        ),
        (
            "conflicts",
            "Addresses that a host that is no announcer uses",
            reading.conflicts,
        ),
        (
            "fit",
            "1 if this node forwards and may announce, else 0",
            usize::from(reading.fit),
        ),
    ]
}

/// How late the engine was run: a busy processor shows here before it shows as a failover.
fn lateness(encoder: &mut DescriptorEncoder<'_>, lateness: &Lateness) -> Result<(), fmt::Error> {
    let Lateness {
        buckets,
        sum,
        max: _,
    } = lateness;
    let bounds = Lateness::BOUNDS
        .iter()
        .map(|bound| std::time::Duration::from_millis(*bound).as_secs_f64())
        .chain([f64::INFINITY]);
    let counted: Vec<(f64, u64)> = bounds.zip(buckets.iter().copied()).collect();
    encoder
        .encode_descriptor(
            "announcer_lateness",
            "How much later than it asked the engine was run",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?
        .encode_histogram::<NoLabelSet>(sum.as_secs_f64(), buckets.iter().sum(), &counted, None)
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn the_engines_counters_are_exposed_under_their_names() {
        let readings = Readings::default();
        let mut stats = Stats::default();
        stats.arp_answered = 3;
        stats.claims.failover = 2;
        stats.lateness.buckets = [5, 1, 0, 0, 0, 0, 0, 2];
        readings.set(Reading {
            stats,
            held: 7,
            ..Reading::default()
        });
        let mut registry = Registry::with_prefix("roadstead");
        registry.register_collector(Box::new(readings));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "roadstead_announcer_answers_total{protocol=\"arp\"} 3",
            "roadstead_announcer_claims_total{cause=\"failover\"} 2",
            "roadstead_announcer_ignored_total{reason=\"wrong_key\"} 0",
            "roadstead_announcer_addresses 7",
            "roadstead_announcer_stalls_total 0",
            "roadstead_announcer_lateness_seconds_bucket{le=\"0.005\"} 6",
            "roadstead_announcer_lateness_seconds_bucket{le=\"+Inf\"} 8",
            "roadstead_announcer_lateness_seconds_count 8",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}\n{text}");
        }
    }
}
