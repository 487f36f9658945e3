//! What does an error say, in as few words as tell the whole? Errors of the Kubernetes client print the API server's answer
//! twice and as a structure; its message alone names who may not do what. Pure.

use std::error::Error;

use kube::runtime::watcher;

/// What is told of `error`: its own words, those of its sources, each once, and the API server's message in place of its
/// answer.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut said = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let (words, deeper) = words(error);
        if !words.is_empty() && !said.contains(&words) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&words);
        }
        next = deeper;
    }
    said
}

/// The words of one error, and where to go on.
fn words<'e>(error: &'e (dyn Error + 'static)) -> (String, Option<&'e (dyn Error + 'static)>) {
    if let Some(error) = error.downcast_ref::<watcher::Error>() {
        return match error {
            watcher::Error::InitialListFailed(kube)
            | watcher::Error::WatchStartFailed(kube)
            | watcher::Error::WatchFailed(kube) => words(kube),
            watcher::Error::WatchError(status) => (status.message.clone(), None),
            watcher::Error::NoResourceVersion => (error.to_string(), None),
        };
    }
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) if !status.message.is_empty() => {
            (status.message.clone(), None)
        }
        Some(kube::Error::Service(below)) => (below.to_string(), below.source()),
        Some(other) => (other.to_string(), other.source()),
        None => match error.downcast_ref::<Box<kube::Error>>() {
            Some(boxed) => words(&**boxed),
            None => (error.to_string(), error.source()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("listing services")]
    struct Listing(#[source] watcher::Error);

    #[test]
    fn the_api_servers_message_stands_for_its_answer() {
        let status = kube::core::Status::failure("services is forbidden: cannot list", "Forbidden")
            .with_code(403);
        let error = Listing(watcher::Error::InitialListFailed(kube::Error::Api(
            status.boxed(),
        )));
        assert_eq!(
            explain(&error),
            "listing services: services is forbidden: cannot list"
        );
    }

    #[test]
    fn a_refused_connection_is_told_to_its_end_and_once() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = kube::Error::Service(Box::new(refused));
        assert_eq!(explain(&error), "connection refused");
    }
}
