//! `meats-deploy docker`.
use super::End;
use crate::cli::deploy::Docker;
use crate::sys::Root;
use std::io::Write;
pub(super) fn main(_: &Root, _: &Docker, _: &mut dyn Write) -> Result<End, String> {
    Ok(End::Good)
}
