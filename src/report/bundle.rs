//! A support bundle: texts as `tar.zst`, the same bytes for the same texts.
//!
//! Every text passes the redactor here, so nothing can get in around it.

use sha2::{Digest, Sha256};

use crate::model::hex;

/// One text of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name in the archive; plain, ours.
    pub name: &'static str,
    pub text: String,
}

/// Packs the documents below `top`, with a manifest of sizes and digests as the first member.
/// `redact` makes a text printable; `time` is the date of every member (seconds since the epoch).
///
/// # Errors
/// The archive could not be made (a name that is too long).
pub fn pack(
    top: &str,
    documents: &[Document],
    time: u64,
    redact: &dyn Fn(&str) -> String,
) -> std::io::Result<Vec<u8>> {
    let printable: Vec<(&str, String)> =
        documents.iter().map(|d| (d.name, redact(&d.text))).collect();
    let mut manifest = String::from("projectmeats.bundle/1.0\n");
    for (name, text) in &printable {
        let digest = hex(Sha256::digest(text.as_bytes()));
        manifest.push_str(&format!("{digest} {:>9} {name}\n", text.len()));
    }
    let mut archive = tar::Builder::new(Vec::new());
    archive.mode(tar::HeaderMode::Deterministic);
    let manifest = ("MANIFEST", manifest);
    for (name, text) in std::iter::once(&manifest).chain(&printable) {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(time);
        archive.append_data(&mut header, format!("{top}/{name}"), text.as_bytes())?;
    }
    let bytes = archive.into_inner()?;
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    Ok(ruzstd::encoding::compress_to_vec(bytes.as_slice(), level))
}
