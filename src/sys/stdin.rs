//! Standard input as a whole.

use std::io::Read;

/// All of standard input, at most `limit` bytes.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read_all(limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes);
    match read {
        Ok(n) if n as u64 > limit => Err(format!("standard input: more than {limit} bytes")),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("standard input: {error}")),
    }
}
