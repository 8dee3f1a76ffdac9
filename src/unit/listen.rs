//! Who holds the listening addresses: our socket unit, the administrator's, or gunicorn itself.

use super::facts::{AdminSocket, UnitFacts};
use super::file::UnitFile;
use crate::config::Config;

/// How the generated unit gets its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listening {
    /// A generated socket unit; a restart refuses nobody.
    Socket,
    /// The administrator's socket unit of the same name; it says where.
    HisSocket,
    /// gunicorn binds; the text says why, unless it was asked for.
    Bind { because: Option<String> },
}

impl Listening {
    /// Decides it. A socket unit that is masked, or that starts another service, must not be
    /// required: the service could never start.
    pub(super) fn of(config: &Config, facts: &UnitFacts) -> Self {
        if !config.activation.value {
            return Self::Bind { because: None };
        }
        match &facts.socket {
            AdminSocket::None => Self::Socket,
            AdminSocket::Masked { path } => Self::Bind {
                because: Some(format!("the socket unit is masked by \"{}\"", path.display())),
            },
            AdminSocket::Present { bytes, .. } if serves(&UnitFile::parse(bytes), config) => {
                Self::HisSocket
            }
            AdminSocket::Present { path, .. } => Self::Bind {
                because: Some(format!(
                    "\"{}\" starts another service or one for each connection",
                    path.display()
                )),
            },
        }
    }
}

/// Whether a socket unit of the service's name hands its sockets to the service.
pub fn serves(socket: &UnitFile, config: &Config) -> bool {
    let service = socket.last("Socket", "Service").unwrap_or_default();
    let accept = socket.last("Socket", "Accept").unwrap_or_default();
    (service.is_empty() || service == config.unit())
        && !matches!(accept, "yes" | "true" | "on" | "1")
}
