//! Standard input, or another descriptor that the caller handed over, as a whole.

use std::io::Read;

/// All of standard input, at most `limit` bytes.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read_all(limit: u64) -> Result<Vec<u8>, String> {
    whole(std::io::stdin().lock(), limit).map_err(|why| format!("standard input: {why}"))
}

/// All of an open descriptor, as [`read_all`].
///
/// # Errors
/// As [`read_all`]; also if it is not open.
pub fn read_descriptor(number: u32, limit: u64) -> Result<Vec<u8>, String> {
    if number == 0 {
        return read_all(limit);
    }
    let opened = std::fs::File::open(format!("/proc/self/fd/{number}"));
    let read = opened.map_err(|error| error.to_string()).and_then(|file| whole(file, limit));
    read.map_err(|why| format!("descriptor {number}: {why}"))
}

fn whole(from: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match from.take(limit + 1).read_to_end(&mut bytes) {
        Ok(n) if n as u64 > limit => Err(format!("more than {limit} bytes")),
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}
