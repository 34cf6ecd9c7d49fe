//! Reads a log again.
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    vec,
};

use flate2::bufread::MultiGzDecoder;

use crate::{Record, files};

/// Longest line that is read, in bytes.
pub const LONGEST_LINE: u64 = 64 << 20;
/// What is read at a time, in bytes.
const BUFFER: usize = 128 << 10;

/// Reads the records of a log one by one, in the memory of one line.
///
/// A log is a file, all files of a rotated set (oldest first), or what comes in at standard input; each plain or compressed by
/// gzip. What cannot be read is told with its file and line, and the next line can be read all the same. A line that ends before
/// it is complete is what a crash leaves: it is passed over and counted, see [`torn`](Self::torn).
pub struct Reader {
    sources: vec::IntoIter<Source>,
    open: Option<Open>,
    line: Vec<u8>,
    bytes: Arc<AtomicU64>,
    total: Option<u64>,
    torn: u64,
}

/// What cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file.
    #[error("{file}: {source}")]
    File {
        /// Which.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A line of it.
    #[error("{file}, line {line}: {source}")]
    Line {
        /// In which file.
        file: String,
        /// Which, from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// A line is longer than [`LONGEST_LINE`]; it was passed over.
    #[error("{file}, line {line}: longer than {} MiB", LONGEST_LINE >> 20)]
    TooLong {
        /// In which file.
        file: String,
        /// Which, from 1.
        line: u64,
    },
}

enum Source {
    File(PathBuf),
    Opened(String, File),
    Stream(String, Box<dyn Read + Send>),
}

struct Open {
    name: String,
    line: u64,
    lines: Box<dyn BufRead + Send>,
}

/// Counts what goes through, compressed as it is.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl Reader {
    /// Reads the log at this place: the file, and those that it was rotated to before (`FILE.2`, `FILE.1`, `FILE`). `-` is standard
    /// input.
    ///
    /// # Errors
    /// Where there is no such file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Ok(Self::of_stream("standard input", io::stdin()));
        }
        let files = files::set(path);
        if files.is_empty() {
            let file = path.display().to_string();
            let source = io::Error::new(io::ErrorKind::NotFound, "there is no such file");
            return Err(ReadError::File { file, source });
        }
        // All at once: while one is read, the others may be put aside under the names of others, and be missed or read twice.
        let mut total = 0;
        let mut sources = Vec::with_capacity(files.len());
        for path in files {
            let name = path.display().to_string();
            let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
            match opened {
                Ok((size, file)) => {
                    total += size;
                    sources.push(Source::Opened(name, file));
                }
                Err(source) => return Err(ReadError::File { file: name, source }),
            }
        }
        Ok(Self::new(sources, Some(total)))
    }

    /// Reads these files, in this order.
    #[must_use]
    pub fn of_files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files: Vec<_> = files.into_iter().collect();
        let sizes = files.iter().map(|file| Some(file.metadata().ok()?.len()));
        let total = sizes.sum();
        Self::new(files.into_iter().map(Source::File).collect(), total)
    }

    /// Reads what comes here; errors call it by this name.
    #[must_use]
    pub fn of_stream(name: impl Into<String>, stream: impl Read + Send + 'static) -> Self {
        Self::new(vec![Source::Stream(name.into(), Box::new(stream))], None)
    }

    fn new(sources: Vec<Source>, total: Option<u64>) -> Self {
        Self {
            sources: sources.into_iter(),
            open: None,
            line: Vec::new(),
            bytes: Arc::default(),
            total,
            torn: 0,
        }
    }

    /// How many bytes were read so far, compressed as they are: for a progress bar.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// How many bytes there are; `None` where that is not known beforehand.
    #[must_use]
    pub const fn total_bytes(&self) -> Option<u64> {
        self.total
    }

    /// How many lines were passed over because they end before they are complete.
    #[must_use]
    pub const fn torn(&self) -> u64 {
        self.torn
    }

    /// Opens the next source; `None`: there is none.
    fn next_source(&mut self) -> Option<Result<Open, ReadError>> {
        let (name, raw): (_, Box<dyn Read + Send>) = match self.sources.next()? {
            Source::Stream(name, stream) => (name, stream),
            Source::Opened(name, file) => (name, Box::new(file)),
            Source::File(path) => {
                let name = path.display().to_string();
                match File::open(path) {
                    Ok(file) => (name, Box::new(file)),
                    Err(source) => return Some(Err(ReadError::File { file: name, source })),
                }
            }
        };
        let bytes = self.bytes.clone();
        let mut raw = BufReader::with_capacity(BUFFER, Counted { inner: raw, bytes });
        let lines: Box<dyn BufRead + Send> = match raw.fill_buf() {
            // The two bytes that every gzip file begins with, and no JSON does.
            Ok([0x1f, 0x8b, ..]) => {
                Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw)))
            }
            Ok(_) => Box::new(raw),
            Err(source) => return Some(Err(ReadError::File { file: name, source })),
        };
        let line = 0;
        Some(Ok(Open { name, line, lines }))
    }

    /// Reads a line into the buffer. `None`: the source is at its end.
    fn next_line(open: &mut Open, into: &mut Vec<u8>) -> Option<Result<(), ReadError>> {
        into.clear();
        open.line += 1;
        let fault = |open: &Open, source| {
            let file = open.name.clone();
            Some(Err(ReadError::File { file, source }))
        };
        let read = (&mut open.lines).take(LONGEST_LINE).read_until(b'\n', into);
        match read {
            Ok(0) => None,
            Ok(_) if into.len() as u64 == LONGEST_LINE && !into.ends_with(b"\n") => {
                into.clear();
                if let Err(source) = open.lines.skip_until(b'\n') {
                    return fault(open, source);
                }
                let (file, line) = (open.name.clone(), open.line);
                Some(Err(ReadError::TooLong { file, line }))
            }
            Ok(_) => Some(Ok(())),
            Err(source) => fault(open, source),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                None => match self.next_source()? {
                    Ok(open) => self.open.insert(open),
                    Err(error) => return Some(Err(error)),
                },
            };
            match Self::next_line(open, &mut self.line) {
                None => self.open = None,
                Some(Err(error)) => {
                    // A file that cannot be read on is left; a line is passed over.
                    if matches!(error, ReadError::File { .. }) {
                        self.open = None;
                    }
                    return Some(Err(error));
                }
                Some(Ok(())) if self.line.trim_ascii().is_empty() => {}
                Some(Ok(())) => match Record::parse(self.line.trim_ascii()) {
                    Ok(record) => return Some(Ok(record)),
                    Err(error) if error.is_eof() => self.torn += 1,
                    Err(source) => {
                        let (file, line) = (open.name.clone(), open.line);
                        return Some(Err(ReadError::Line { file, line, source }));
                    }
                },
            }
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.bytes.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let open = self.open.as_ref();
        f.debug_struct("Reader")
            .field("file", &open.map(|open| &open.name))
            .field("line", &open.map(|open| open.line))
            .field("bytes", &self.bytes())
            .field("torn", &self.torn)
            .finish_non_exhaustive()
    }
}
