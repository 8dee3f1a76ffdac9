//! The host's nginx during a move: requests that wait, and reloads that lose none.

use super::room::Room;
use super::worker::{Ask, Done, Part, Worker};
use crate::sys::exec::{self, Request};
use crate::sys::process;
use crate::sys::relay::WaitingRoom;
use crate::sys::systemd;

impl Worker<'_> {
    pub(super) fn hold(&mut self, port: u16) -> Done {
        self.room = Room::Open(WaitingRoom::open(port)?);
        Ok(Part::default())
    }

    pub(super) fn lead(&mut self, to: &str) -> Done {
        match std::mem::take(&mut self.room) {
            Room::Open(room) => self.room = Room::Leading(room.lead_to(to)),
            other => self.room = other,
        }
        Ok(Part::default())
    }

    /// The old processes of nginx serve what they have accepted, by the old way; new ones take what
    /// comes. Only when the old ones are gone is the old way free.
    pub(super) fn reload_web(&mut self, seconds: u64) -> Done {
        let main = systemd::properties("nginx.service", &["MainPID"])?;
        let main: u32 = main.get("MainPID").and_then(|pid| pid.parse().ok()).unwrap_or(0);
        let old = process::children(self.root, main);
        let argv = ["/usr/bin/systemctl", "reload", "nginx.service"];
        let output = exec::run(&Request::new(&argv))?;
        self.record(&argv.join(" "), &output);
        if !output.success() {
            return Err(self.failure(&output));
        }
        let gone = self.poll(seconds, || {
            let left = process::children(self.root, main);
            if old.iter().any(|pid| left.contains(pid)) {
                return Err(Ask::Again(String::new()));
            }
            Ok(())
        });
        let mut notes = Vec::new();
        if gone.is_err() {
            notes.push(format!("nginx still serves old connections after {seconds} s"));
        }
        match std::mem::take(&mut self.room) {
            Room::Leading(relay) => {
                let failed = relay.end();
                notes.extend(
                    (failed > 0).then(|| format!("{failed} waiting requests got no answer")),
                );
            }
            other => self.room = other,
        }
        Ok(Part { note: (!notes.is_empty()).then(|| notes.join(", ")), changed: true })
    }
}
