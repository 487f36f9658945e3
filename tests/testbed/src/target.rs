//! Where are things kept that outlive a test, and where those that do not?
//!
//! Everything lies below cargo's target directory, so `cargo clean` takes it all away. Nothing is started here.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, test_kill_process};

/// A directory of this process, removed when dropped.
///
/// It stays while a test is failing, so that its logs can be read; whatever a process leaves behind is removed by
/// the next one that makes such a directory.
#[derive(Debug)]
pub(crate) struct RunDir(PathBuf);

/// The folder of the test bed's crate.
pub(crate) fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `testbed` below cargo's target directory.
///
/// Cargo marks its target directory with a `CACHEDIR.TAG`, and test binaries run from within. A binary that was
/// copied elsewhere falls back on `CARGO_TARGET_DIR`, then on the workspace's own.
pub(crate) fn testbed_dir() -> PathBuf {
    let marked = env::current_exe().ok().and_then(|exe| {
        exe.ancestors()
            .find(|dir| dir.join("CACHEDIR.TAG").is_file())
            .map(Path::to_path_buf)
    });
    let workspace = || {
        crate_dir()
            .ancestors()
            .nth(2)
            .unwrap_or_else(crate_dir)
            .join("target")
    };
    marked
        .or_else(|| env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .unwrap_or_else(workspace)
        .join("testbed")
}

// === impl RunDir ===

impl RunDir {
    pub(crate) fn create() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let parent = testbed_dir().join("run");
        fs::create_dir_all(&parent).with_context(|| format!("creating {}", parent.display()))?;
        remove_leftovers(&parent);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = parent.join(format!("{}-{number}", std::process::id()));
        // A process that had the same id may have left one.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        // Nothing depends on it: what cannot be removed now is removed by a later run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.split_once('-'))
            .and_then(|(pid, _)| pid.parse().ok());
        if owner
            .and_then(Pid::from_raw)
            .is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
