//! What are hellos signed with? The file may change under a running announcer, as a mounted Secret does.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use roadstead_arp::wire::hello::{BadKeys, Keys};
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval};

use crate::explain::explain;

/// How often the file is looked at: kubelet takes a minute to bring a changed Secret.
const EVERY: Duration = Duration::from_secs(10);

/// A file of keys, and what was read of it.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    text: String,
}

/// Why a file of keys is of no use.
#[derive(Debug, Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("reading the key of --hello-key-file {path}")]
    Read {
        /// Which file.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It has no keys in it, or bad ones.
    #[error("taking the key of --hello-key-file {path}")]
    Parse {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: BadKeys,
    },
}

// === impl KeyFile ===

impl KeyFile {
    /// Reads it for the first time.
    pub fn open(path: &Path) -> Result<(Self, Keys), KeyError> {
        let mut file = Self {
            path: path.to_owned(),
            text: String::new(),
        };
        file.text = file.read()?;
        let keys = file.parse(&file.text)?;
        Ok((file, keys))
    }

    /// Tells every change that makes sense, for ever. Until then the last keys that did are in use.
    pub async fn follow(mut self, tell: impl Fn(Keys)) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = String::new();
        loop {
            ticks.tick().await;
            match self.changed() {
                Ok(None) => said.clear(),
                Ok(Some(keys)) => {
                    said.clear();
                    let count = keys.all().count();
                    tracing::info!(file = %self.path.display(), keys = count, "signing with what the key's file says now");
                    tell(keys);
                }
                Err(error) => {
                    let error = explain(&error);
                    if error != said {
                        tracing::warn!(error, "going on with the keys of before");
                        said = error;
                    }
                }
            }
        }
    }

    /// The keys, if the file is another one.
    fn changed(&mut self) -> Result<Option<Keys>, KeyError> {
        let text = self.read()?;
        if text == self.text {
            return Ok(None);
        }
        let keys = self.parse(&text)?;
        self.text = text;
        Ok(Some(keys))
    }

    /// A few bytes in memory, for a Secret's volume: nothing to have a thread for.
    fn read(&self) -> Result<String, KeyError> {
        std::fs::read_to_string(&self.path).map_err(|source| KeyError::Read {
            path: self.path.display().to_string(),
            source,
        })
    }

    fn parse(&self, text: &str) -> Result<Keys, KeyError> {
        Keys::parse(text).map_err(|source| KeyError::Parse {
            path: self.path.display().to_string(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    const OLD: &str = "an old key that is long enough to be one";
    const NEW: &str = "a new key that is long enough to be one";

    /// Where nothing is.
    fn path(name: &str) -> PathBuf {
        let file = format!("roadstead-key-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(file);
        let _ = std::fs::remove_file(&path);
        path
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_file_is_told_and_a_bad_one_changes_nothing() {
        let path = path("changed");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(OLD);
        let (file, keys) = KeyFile::open(&path).unwrap();
        assert_eq!(keys.all().count(), 1);
        let (told, mut heard) = mpsc::unbounded_channel();
        let following = tokio::spawn(file.follow(move |keys| {
            let _ = told.send(keys.all().count());
        }));
        let mut after_a_while = async || {
            tokio::time::sleep(3 * EVERY).await;
            heard.try_recv().ok()
        };
        assert_eq!(after_a_while().await, None, "nothing changed");
        write(&format!("{OLD}\n{NEW}\n"));
        assert_eq!(after_a_while().await, Some(2));
        write("short");
        assert_eq!(after_a_while().await, None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(after_a_while().await, None);
        write(NEW);
        assert_eq!(after_a_while().await, Some(1));
        following.abort();
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_missing_or_bad_is_named() {
        let path = path("bad");
        let text = || explain(&KeyFile::open(&path).unwrap_err());
        assert!(text().contains(path.to_str().unwrap()), "{}", text());
        std::fs::write(&path, "short").unwrap();
        assert!(text().contains("line 1"), "{}", text());
        std::fs::remove_file(&path).unwrap();
    }
}
