//! The files of a rotated log: `calls.jsonl`, before it `calls.jsonl.1`, before that `calls.jsonl.2`.
use std::path::{Path, PathBuf};

/// The file that what is now in `path` will be in after so many rotations.
pub(crate) fn rotated(path: &Path, times: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{times}"));
    name.into()
}

/// All files of the set that are there, oldest first. They may have been compressed since (`.1.gz`).
pub(crate) fn set(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if path.is_file() {
        found.push(path.to_owned());
    }
    for times in 1.. {
        let plain = rotated(path, times);
        let mut packed = plain.as_os_str().to_owned();
        packed.push(".gz");
        let there = [plain, packed.into()].into_iter().find(|p| p.is_file());
        match there {
            Some(file) => found.push(file),
            None => break,
        }
    }
    found.reverse();
    found
}
