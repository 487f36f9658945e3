//! Who may speak? Whoever knows a key. The first of the file signs; all of it is believed, so that keys can be changed
//! while everybody goes on.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use super::layout::TAG;

/// A secret that announcers share.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

/// The keys of one announcer: at least one.
#[derive(Clone, Debug)]
pub struct Keys {
    signing: Key,
    former: Arc<[Key]>,
}

/// Why a text has no keys to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadKeys {
    /// Nothing but blank lines.
    #[error("no key in it: one key a line, of at least {min} characters each", min = Key::MIN_LEN)]
    Empty,
    /// A key that could be guessed.
    #[error(
        "the key on line {line} has {length} characters, and needs at least {min} (`openssl rand -hex 32` makes a good one)",
        min = Key::MIN_LEN
    )]
    Weak {
        /// Which line, from 1.
        line: usize,
        /// How long it is, in bytes.
        length: usize,
    },
    /// More than a change of keys needs; every forged hello would cost as many computations.
    #[error("more than {max} keys in it", max = Keys::MAX)]
    Many,
}

// === impl Key ===

impl Key {
    /// The least length, in bytes: 128 bits, if they are hexadecimal digits drawn at random.
    pub const MIN_LEN: usize = 32;

    /// The key of these bytes; `None` if there are fewer than [`Key::MIN_LEN`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < Self::MIN_LEN {
            return None;
        }
        // HMAC takes a key of any length.
        Hmac::new_from_slice(bytes).ok().map(Self)
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; TAG] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().0
    }

    /// Takes the same time wherever the first wrong byte is.
    pub(super) fn verifies(&self, message: &[u8], tag: &[u8; TAG]) -> bool {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify(&(*tag).into()).is_ok()
    }
}

impl fmt::Debug for Key {
    /// Says nothing about the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

// === impl Keys ===

impl Keys {
    /// The most keys there may be.
    pub const MAX: usize = 8;

    /// One key, that signs and is believed.
    #[must_use]
    pub fn one(key: Key) -> Self {
        Self {
            signing: key,
            former: [].into(),
        }
    }

    /// Reads the text of a Secret's file: one key a line; space around it does not count, nor do blank lines.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without a word of what it says.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            keys.push(Key::new(line.as_bytes()).ok_or(BadKeys::Weak {
                line: number,
                length: line.len(),
            })?);
        }
        if keys.len() > Self::MAX {
            return Err(BadKeys::Many);
        }
        let mut keys = keys.into_iter();
        Ok(Self {
            signing: keys.next().ok_or(BadKeys::Empty)?,
            former: keys.collect(),
        })
    }

    /// The key that signs.
    #[must_use]
    pub const fn signing(&self) -> &Key {
        &self.signing
    }

    /// Every key that is believed, the signing one first.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.signing).chain(self.former.iter())
    }
}
