//! Which actions did a whole test run need?
//!
//! A file to which each proxy adds what it forwards. Nobody reads it here.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Writes down which actions were forwarded.
#[derive(Debug)]
pub(super) struct Recorder {
    file: PathBuf,
    known: BTreeSet<String>,
}

// === impl Recorder ===

impl Recorder {
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            known: BTreeSet::new(),
        }
    }

    pub(super) fn note(&mut self, action: String) {
        if self.known.contains(&action) {
            return;
        }
        // Not written, it is tried again with the next call; a reader misses it and says so.
        if append(&self.file, &action).is_ok() {
            self.known.insert(action);
        }
    }
}

/// One write of a line: lines of several processes do not mix.
fn append(file: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(format!("{line}\n").as_bytes())
}
