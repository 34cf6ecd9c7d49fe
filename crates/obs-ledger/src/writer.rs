//! Writes a log, on a thread of its own.
use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use crate::{Record, Sink, queue::Queue, rotating::Rotating};

/// What is written at once at most, in bytes, but for a longer line.
const BUFFER: usize = 64 << 10;

/// Where a log is written, and how large it may become.
#[derive(Clone, Debug)]
#[must_use = "nothing is written before it is opened"]
pub struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    files: u32,
    flush_every: Duration,
    queue: usize,
    queue_bytes: usize,
}

/// Writes records to a [`LogFile`]. A clone is another handle to the same.
///
/// Records are handed to a thread, which buffers them and writes whole lines, at the latest [`flush_every`](LogFile::flush_every)
/// after they came: a process that crashes loses no more than that. Nothing here blocks or fails a call: what finds no room is dropped and counted,
/// and so is what cannot be written (a full disk), with one warning until it can again.
///
/// When the last handle is dropped the thread writes what is left and ends; nobody waits for it. Call [`flush`](Self::flush) before
/// a process ends.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Queue,
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    rotations: AtomicU64,
}

/// What a [`Writer`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterStats {
    /// Records that are in the file.
    pub written: u64,
    /// Records for which there was no room in the queue.
    pub dropped: u64,
    /// Records that could not be written.
    pub failed: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// How often the file was put aside because it was full.
    pub rotations: u64,
}

impl LogFile {
    /// A file at this place, made if it is not there, and added to if it is. Unless told: 128 MiB each, eight files, buffered for a
    /// second, 8,192 records or 32 MiB in the queue.
    ///
    /// One process writes to it: give each its own.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: 128 << 20,
            files: 8,
            flush_every: Duration::from_secs(1),
            queue: 8192,
            queue_bytes: 32 << 20,
        }
    }

    /// How large it may become, in bytes, before it is put aside as `FILE.1`. A single longer line is written all the same.
    ///
    /// # Panics
    /// With zero.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "a log needs room");
        self.max_bytes = bytes;
        self
    }

    /// How many files are kept, the one that is written to included; the oldest is deleted.
    ///
    /// # Panics
    /// With zero.
    pub const fn files(mut self, files: u32) -> Self {
        assert!(files > 0, "a log is one file at least");
        self.files = files;
        self
    }

    /// For how long a record may stay in memory.
    pub const fn flush_every(mut self, every: Duration) -> Self {
        self.flush_every = every;
        self
    }

    /// How many records, and about how many bytes, may wait to be written. More are dropped, and counted.
    ///
    /// # Panics
    /// With zero records.
    pub const fn queue(mut self, records: usize, bytes: usize) -> Self {
        assert!(records > 0, "a queue needs room for one at least");
        self.queue = records;
        self.queue_bytes = bytes;
        self
    }

    /// Opens it, and starts the thread.
    ///
    /// # Errors
    /// Where the file cannot be opened for writing, or no thread started.
    pub fn open(self) -> io::Result<Writer> {
        let file = Rotating::open(self.path.clone(), self.max_bytes, self.files)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(self.queue, self.queue_bytes),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            rotations: AtomicU64::new(0),
        });
        let writing = Writing {
            shared: shared.clone(),
            name: self.path.display().to_string(),
            file,
            buffer: Vec::with_capacity(BUFFER),
            records: 0,
            broken: false,
        };
        thread::Builder::new()
            .name("obs-ledger".to_owned())
            .spawn(move || writing.run(self.flush_every))?;
        Ok(Writer(Arc::new(Handle(shared))))
    }
}

impl Writer {
    /// Hands a record over. Never blocks.
    pub fn write(&self, record: impl Into<Record>) {
        let shared = &self.0.0;
        if !shared.queue.push(record.into()) {
            shared.dropped.fetch_add(1, Relaxed);
        }
    }

    /// **Blocks** until all that was handed over before is in the file, or for this long. `true`: it is, or it could not be written
    /// and is counted.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        self.0.0.queue.flush(limit)
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        let shared = &self.0.0;
        WriterStats {
            written: shared.written.load(Relaxed),
            dropped: shared.dropped.load(Relaxed),
            failed: shared.failed.load(Relaxed),
            bytes: shared.bytes.load(Relaxed),
            rotations: shared.rotations.load(Relaxed),
        }
    }
}

impl Sink for Writer {
    fn record(&self, record: Record) {
        self.write(record);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

/// The thread.
struct Writing {
    shared: Arc<Shared>,
    name: String,
    file: Rotating,
    buffer: Vec<u8>,
    /// How many are in the buffer.
    records: u64,
    /// The last time nothing could be written: that is warned of once.
    broken: bool,
}

impl Writing {
    fn run(mut self, every: Duration) {
        // Also where a panic ends it: records are dropped then, and nobody waits for them.
        let _ending = Ending(self.shared.clone());
        loop {
            let mut taken = self.shared.queue.take();
            self.add(std::mem::take(&mut taken.records));
            if taken.asked.is_none() && !taken.last {
                taken = self.shared.queue.gather(every);
                self.add(std::mem::take(&mut taken.records));
            }
            self.write();
            if let Some(asked) = taken.asked {
                self.shared.queue.done(asked);
            }
            if taken.last {
                return;
            }
        }
    }

    fn add(&mut self, records: VecDeque<Record>) {
        for record in records {
            let before = self.buffer.len();
            match serde_json::to_writer(&mut self.buffer, &record) {
                Ok(()) => {
                    self.buffer.push(b'\n');
                    self.records += 1;
                }
                Err(error) => {
                    tracing::warn!(%error, "an entry of the log cannot be written as JSON");
                    self.buffer.truncate(before);
                    self.shared.failed.fetch_add(1, Relaxed);
                }
            }
            if self.buffer.len() >= BUFFER {
                self.write();
            }
        }
    }

    /// All of the buffer, or nothing of it any more: memory is bounded, also where a disk is full.
    fn write(&mut self) {
        if self.records == 0 {
            return;
        }
        let records = std::mem::take(&mut self.records);
        match self.file.write(&self.buffer) {
            Ok(rotated) => {
                self.shared.written.fetch_add(records, Relaxed);
                let bytes = self.buffer.len() as u64;
                self.shared.bytes.fetch_add(bytes, Relaxed);
                self.shared.rotations.fetch_add(u64::from(rotated), Relaxed);
                if std::mem::take(&mut self.broken) {
                    tracing::info!(file = self.name, "the log of calls is written again");
                }
            }
            Err(error) => {
                self.shared.failed.fetch_add(records, Relaxed);
                if !std::mem::replace(&mut self.broken, true) {
                    tracing::warn!(
                        file = self.name,
                        %error,
                        "the log of calls cannot be written: entries are lost, and counted, until it can"
                    );
                }
            }
        }
        self.buffer.clear();
    }
}

/// Tells the queue that nobody writes any more.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue.end();
    }
}
