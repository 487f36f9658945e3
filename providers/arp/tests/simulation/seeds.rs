//! Which seeds are run? A few by default; `ROADSTEAD_SIM_SEEDS=0..100000` runs a range, and one that failed is run again
//! by the line that it prints.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::world::World;

/// Runs `play` for each seed: it makes a world of the seed, then lets things happen in it.
///
/// # Panics
///
/// If one of them does; it prints which, and what had happened before.
pub(crate) fn run(test: &str, default: Range<u64>, make: fn(u64) -> World, play: fn(&mut World)) {
    let seeds = chosen().unwrap_or(default);
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failed.lock().unwrap().is_some() {
                        return;
                    }
                    if let Err(panic) = one(test, seed, make, play) {
                        failed.lock().unwrap().get_or_insert(panic);
                    }
                }
            });
        }
    });
    if let Some(panic) = failed.into_inner().unwrap() {
        resume_unwind(panic);
    }
}

fn one(test: &str, seed: u64, make: fn(u64) -> World, play: fn(&mut World)) -> thread::Result<()> {
    let mut world = make(seed);
    let outcome = catch_unwind(AssertUnwindSafe(|| play(&mut world)));
    if outcome.is_err() {
        eprintln!(
            "{}\nseed {seed} failed; again with:\nROADSTEAD_SIM_SEEDS={seed}..{} cargo test -p roadstead-arp --test simulation {test}",
            world.logged(),
            seed + 1,
        );
    }
    outcome
}

fn chosen() -> Option<Range<u64>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own setting; it has no flags"
    )]
    let text = std::env::var("ROADSTEAD_SIM_SEEDS").ok()?;
    let (from, to) = text.split_once("..").expect("a range, such as 0..1000");
    Some(from.parse().unwrap()..to.parse().unwrap())
}
