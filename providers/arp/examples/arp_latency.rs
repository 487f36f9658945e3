//! How fast is an announcer's answer, next to the kernel's for an address that it holds? With one address announced,
//! and with a thousand. As root: `cargo run --release -p roadstead-arp --example arp_latency`.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "it prints what it measured, and says what is missing"
)]

#[path = "../tests/segment/mod.rs"]
mod segment;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use roadstead_arp::{InterfaceIndex, Mac};
use segment::{
    Segment,
    announcing::wanted,
    latency::{Latencies, Prober},
};

const ROUNDS: usize = 20_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let pause = Duration::from_micros(
        std::env::args()
            .nth(1)
            .and_then(|micros| micros.parse().ok())
            .unwrap_or(200),
    );
    println!("{ROUNDS} questions each, {} µs apart", pause.as_micros());
    println!(
        "{:>9}  {:>21}  {:>21}  {:>21}",
        "", "kernel p50 / p99", "announcer p50 / p99", "ratio p50 / p99"
    );
    for count in [1, 1000] {
        let (kernel, announcer) = measure(count, pause).await;
        println!(
            "{count:>4} VIPs  {:>21}  {:>21}  {:>21}",
            both(&kernel),
            both(&announcer),
            format!(
                "{:.2} / {:.2}",
                ratio(&announcer, &kernel, 0.5),
                ratio(&announcer, &kernel, 0.99)
            ),
        );
    }
}

async fn measure(count: usize, pause: Duration) -> (Latencies, Latencies) {
    let segment = Segment::new();
    let node = segment.host(&["10.0.0.1/16"]);
    let client = segment.host(&["10.0.0.9/16"]);
    let vips: Vec<Ipv4Addr> = (0..count)
        .map(|n| Ipv4Addr::from_bits(0x0a00_0100 + u32::try_from(n).expect("few")))
        .collect();
    let mut announcing = node.announce("node");
    for vip in &vips {
        announcing.announcer.want(wanted(IpAddr::V4(*vip)));
    }
    for _ in &vips {
        announcing
            .until(|event| {
                matches!(event, roadstead_arp::engine::Event::Claimed { .. }).then_some(())
            })
            .await;
    }
    let (index, mac) = (client.namespace.index("eth0"), client.namespace.mac("eth0"));
    client.namespace.run(move || {
        let prober = Prober::open(InterfaceIndex(index), Mac(mac), Ipv4Addr::new(10, 0, 0, 9))
            .expect("a packet socket needs CAP_NET_RAW");
        let lists = [vec![Ipv4Addr::new(10, 0, 0, 1)], vips];
        let mut found = prober
            .compare(&lists, ROUNDS, pause)
            .expect("the segment is there");
        let announcer = found.pop().unwrap_or_default();
        (found.pop().unwrap_or_default(), announcer)
    })
}

fn both(latencies: &Latencies) -> String {
    let micros = |share| latencies.quantile(share).unwrap_or_default().as_secs_f64() * 1e6;
    format!("{:.1} / {:.1} µs", micros(0.5), micros(0.99))
}

fn ratio(ours: &Latencies, kernel: &Latencies, share: f64) -> f64 {
    let of = |latencies: &Latencies| latencies.quantile(share).unwrap_or_default().as_secs_f64();
    of(ours) / of(kernel)
}
