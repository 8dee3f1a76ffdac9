//! Output for people and programs. Invariant: pure; text in, text out; no secret can reach it.
