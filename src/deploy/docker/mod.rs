//! The Docker fallback as text: compose file, recipe, web server, `.env.prod`.
//!
//! Invariant: pure. No value of the env file but those of `.env.prod` reaches a file, and that one is
//! a `Secret`.
