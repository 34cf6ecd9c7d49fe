//! A file in which what was learned in traffic outlives the process.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use obs_core::Background;
use obs_learn::{Spent, State};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::clock::WallClock;

/// What the first field of a file says. Another version is another format.
const FORMAT: &str = "gateway-state/1";

/// Most bytes that are read of one.
const MOST: u64 = 1 << 20;

/// Seconds between two writes.
const EVERY: u64 = 60;

/// What is in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    format: String,
    pub(super) online: State,
    /// What is known of dollars, where those are the wish.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) spent: Option<Spent>,
}

#[derive(Deserialize)]
struct Probe {
    format: String,
}

/// The file, and when it is written: a minute after something was learned, in the background, and at the end.
#[derive(Debug)]
pub(super) struct Keeping {
    path: PathBuf,
    clock: WallClock,
    background: Background,
    /// Something was learned that is not in the file.
    changed: AtomicBool,
    /// The second since 1970 from which on it is written again.
    next: AtomicU64,
    writing: Mutex<()>,
    /// The last write failed, and that was said.
    failing: AtomicBool,
}

impl Kept {
    pub(super) fn new(online: State, spent: Option<Spent>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            online,
            spent,
        }
    }

    fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let Probe { format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if format != FORMAT {
            return Err(format!(
                "its format is {format:?}, and this version reads {FORMAT:?}"
            ));
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

impl Keeping {
    /// Sees whether the file can be written; nothing is changed in it.
    pub(super) fn open(
        path: &Path,
        clock: &WallClock,
        background: &Background,
    ) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let aside = beside(path);
        create(&aside)?;
        fs::remove_file(&aside)?;
        Ok(Self {
            path: path.into(),
            clock: clock.clone(),
            background: background.clone(),
            changed: AtomicBool::new(false),
            next: AtomicU64::new(clock.unix_seconds() + EVERY),
            writing: Mutex::new(()),
            failing: AtomicBool::new(false),
        })
    }

    /// What was kept; `None`: nothing yet.
    pub(super) fn read(&self) -> Result<Option<Kept>, String> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
        match read {
            Ok(_) => Kept::from_json(&bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Something was learned. Where it is time, it is written in the background.
    pub(super) fn changed(&self, write: impl FnOnce() + Send + 'static) {
        self.changed.store(true, Relaxed);
        let (now, next) = (self.clock.unix_seconds(), self.next.load(Relaxed));
        // A clock that was set back does not put it off.
        let is_due = now >= next || now + EVERY < next;
        let is_mine = |next| {
            let then = now + EVERY;
            self.next
                .compare_exchange(next, then, Relaxed, Relaxed)
                .is_ok()
        };
        if is_due && is_mine(next) {
            // Writing blocks its thread. Where there is no room, it is written later.
            let _ = self.background.spawn(async move {
                let _ = tokio::task::spawn_blocking(write).await;
            });
        }
    }

    /// Writes what is not in the file yet, and **blocks** for as long.
    pub(super) fn write(&self, kept: impl FnOnce() -> Kept) {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.changed.swap(false, Relaxed) {
            return;
        }
        match self.replace(&kept()) {
            Ok(()) => self.failing.store(false, Relaxed),
            Err(error) => {
                self.changed.store(true, Relaxed);
                if !self.failing.swap(true, Relaxed) {
                    let file = self.path.display();
                    warn!(
                        "router.state: {file} cannot be written: {error}: what is learned in traffic ends with the process until it can"
                    );
                }
            }
        }
    }

    /// Whole or not at all: whoever reads it finds the one of before or this one.
    fn replace(&self, kept: &Kept) -> io::Result<()> {
        let aside = beside(&self.path);
        let mut file = create(&aside)?;
        let mut text = serde_json::to_vec_pretty(kept)?;
        text.push(b'\n');
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        let replaced = written.and_then(|()| fs::rename(&aside, &self.path));
        if replaced.is_err() {
            // What is half written is of no use to anybody.
            let _ = fs::remove_file(&aside);
        }
        replaced
    }
}

/// In the same folder, so that it can take the other's place at once.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Anew, for its owner alone, where there are owners.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
