//! Writes the file from hashes in ascending order, with little memory: that of the index.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write as _},
};

use super::{ENTRIES, ENTRY, RANGES, Sha1Hash, header, split};

/// Why the file was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteFault {
    #[error("the hashes are not in ascending order: take the list that is ordered by hash")]
    Order,
    #[error("failed to write")]
    Write(#[from] io::Error),
}

/// A file that is being written. It cannot be opened before it is finished.
pub struct BreachedWriter {
    file: BufWriter<File>,
    /// For each range that was begun, how many entries there are before it.
    index: Vec<u64>,
    entries: u64,
    least_count: u64,
    last: Option<(u32, u64)>,
}

impl BreachedWriter {
    /// Passwords that were counted less than `least_count` times are left out.
    pub fn new(mut file: File, least_count: u64) -> Result<Self, WriteFault> {
        file.seek(SeekFrom::Start(ENTRIES))?;
        let index = Vec::with_capacity(RANGES as usize + 1);
        Ok(Self { file: BufWriter::new(file), index, entries: 0, least_count, last: None })
    }

    /// Adds a password. Passwords that nobody used are put into the ranges of Have I Been Pwned to hide their number.
    pub fn add(&mut self, hash: &Sha1Hash, count: u64) -> Result<(), WriteFault> {
        let place @ (range, entry) = split(hash);
        if self.last.is_some_and(|last| last > place) {
            return Err(WriteFault::Order);
        }
        if count < self.least_count.max(1) || self.last.replace(place) == Some(place) {
            return Ok(());
        }
        self.begin(range);
        let bytes = entry.to_be_bytes();
        let (_, lowest) = bytes.split_at(size_of::<u64>() - ENTRY);
        self.file.write_all(lowest)?;
        self.entries += 1;
        Ok(())
    }

    /// Fills the index up to this range.
    fn begin(&mut self, range: u32) {
        let wanted = (range as usize + 1).max(self.index.len());
        self.index.resize(wanted, self.entries);
    }

    /// Writes what comes before the entries, and waits until the disk has it all. Returns the number of entries.
    pub fn finish(mut self) -> Result<u64, WriteFault> {
        self.begin(RANGES);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(self.entries, self.least_count))?;
        for before in &self.index {
            self.file.write_all(&before.to_be_bytes())?;
        }
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        // A file without entries must be as long as its header says.
        file.set_len(ENTRIES + self.entries * ENTRY as u64)?;
        file.sync_all()?;
        Ok(self.entries)
    }
}
