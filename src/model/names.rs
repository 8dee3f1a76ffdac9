//! Names of users and groups for messages.

/// Turns ids into names; what has no name is its number.
pub trait Names {
    fn user(&self, uid: u32) -> String;
    fn group(&self, gid: u32) -> String;
}
