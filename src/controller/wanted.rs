//! Is something watched that nobody needs? Only while somebody wants it, and a little longer. Knows nothing of what is watched.

use std::{collections::HashSet, time::Duration};

use tokio::{sync::watch, time::timeout};

/// So long after the last one that wanted it, something is watched still: a Service that is replaced, or edited forth and
/// back, needs no new lists.
const UNWANTED: Duration = Duration::from_mins(1);

/// Has `follow` running while `wanted` is not empty, and a little longer; `stop` forgets what it saw. Never ends.
///
/// Whoever puts something into `wanted` finds either everything as it was, or everything forgotten: `stop` runs under its lock.
pub(super) async fn while_wanted<T, F: Future<Output = ()>>(
    wanted: watch::Sender<HashSet<T>>,
    mut follow: impl FnMut() -> F,
    stop: impl Fn(),
) {
    let mut asked = wanted.subscribe();
    // The sender is here, so that nobody is told that it is gone.
    while asked.wait_for(|wanted| !wanted.is_empty()).await.is_ok() {
        tokio::select! {
            () = follow() => {}
            () = unwanted(&wanted, &stop) => {}
        }
    }
}

/// Waits until nothing was wanted for [`UNWANTED`], and stops.
async fn unwanted<T>(wanted: &watch::Sender<HashSet<T>>, stop: &impl Fn()) {
    let mut asked = wanted.subscribe();
    loop {
        if asked.wait_for(HashSet::is_empty).await.is_err() {
            return;
        }
        if timeout(UNWANTED, asked.wait_for(|wanted| !wanted.is_empty()))
            .await
            .is_ok()
        {
            continue;
        }
        let mut stopped = false;
        wanted.send_if_modified(|wanted| {
            stopped = wanted.is_empty();
            if stopped {
                stop();
            }
            false
        });
        if stopped {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// What became of the watch, in order.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<&'static str>>>);

    impl Told {
        fn tell(&self, what: &'static str) {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(what);
        }

        fn all(&self) -> Vec<&'static str> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        }
    }

    /// Lets everything run that can, and time pass.
    async fn pass(time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn begin(wanted: &watch::Sender<HashSet<u8>>) -> Told {
        let told = Told::default();
        let (begun, ended) = (told.clone(), told.clone());
        let follow = move || {
            begun.tell("follow");
            std::future::pending::<()>()
        };
        let stop = move || ended.tell("stop");
        tokio::spawn(while_wanted(wanted.clone(), follow, stop));
        told
    }

    const A_LITTLE: Duration = Duration::from_secs(1);
    const ALMOST: Duration = UNWANTED.saturating_sub(A_LITTLE);

    #[tokio::test(start_paused = true)]
    async fn it_is_watched_while_somebody_wants_it_and_stops_after_the_last_one() {
        let wanted = watch::Sender::default();
        let told = begin(&wanted);
        pass(UNWANTED * 2).await;
        assert!(told.all().is_empty(), "nobody wants it");
        wanted.send_modify(|wanted| wanted.extend([1, 2]));
        pass(UNWANTED * 2).await;
        wanted.send_modify(|wanted| {
            wanted.remove(&1);
        });
        pass(UNWANTED * 2).await;
        assert_eq!(told.all(), ["follow"], "one wants it still");
        wanted.send_modify(HashSet::clear);
        pass(ALMOST).await;
        assert_eq!(told.all(), ["follow"], "somebody may come back");
        pass(A_LITTLE * 2).await;
        assert_eq!(told.all(), ["follow", "stop"]);
        wanted.send_modify(|wanted| wanted.extend([3]));
        pass(A_LITTLE).await;
        assert_eq!(told.all(), ["follow", "stop", "follow"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_back_soon_finds_it_watched() {
        let wanted = watch::Sender::default();
        let told = begin(&wanted);
        for _ in 0..3 {
            wanted.send_modify(|wanted| wanted.extend([1]));
            pass(ALMOST).await;
            wanted.send_modify(HashSet::clear);
            pass(ALMOST).await;
        }
        assert_eq!(told.all(), ["follow"]);
    }
}
