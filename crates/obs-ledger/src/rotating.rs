//! A file that is put aside when it is full.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::files::rotated;

/// A file that is put aside when it is full, and those that were.
#[derive(Debug)]
pub(crate) struct Rotating {
    path: PathBuf,
    file: File,
    most: u64,
    /// How many there may be, this one included.
    files: u32,
    /// A line in it has no end: the next one must not be taken for its rest.
    torn: bool,
}

impl Rotating {
    pub(crate) fn open(path: PathBuf, most: u64, files: u32) -> io::Result<Self> {
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            fs::create_dir_all(parent)?;
        }
        let mut file = open(&path)?;
        let size = file.metadata()?.len();
        let torn = size > 0 && last_byte(&mut file)? != b'\n';
        Ok(Self {
            path,
            file,
            most,
            files,
            torn,
        })
    }

    /// Writes whole lines, or nothing of them, and gives back whether the file was put aside before.
    pub(crate) fn write(&mut self, lines: &[u8]) -> io::Result<bool> {
        // Others may have cut it.
        let mut size = self.file.metadata()?.len();
        let full = size > 0 && size + lines.len() as u64 > self.most;
        if full {
            self.rotate()?;
            size = 0;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
            size += 1;
            self.torn = false;
        }
        let written = self.file.write_all(lines);
        if written.is_err() {
            // They count as lost: what was written of them is taken back.
            self.torn = self.file.set_len(size).is_err();
        }
        written.map(|()| full)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let last = self.files - 1;
        for packed in ["", ".gz"] {
            let at = |times| with(&rotated(&self.path, times), packed);
            remove(&at(last.max(1)))?;
            for times in (1..last).rev() {
                rename(&at(times), &at(times + 1))?;
            }
        }
        if last > 0 {
            fs::rename(&self.path, rotated(&self.path, 1))?;
        } else {
            fs::remove_file(&self.path)?;
        }
        self.file = open(&self.path)?;
        self.torn = false;
        Ok(())
    }
}

/// Its text may be anybody's: it is for its owner alone, where there are owners.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(absent)
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).or_else(absent)
}

fn absent(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}
