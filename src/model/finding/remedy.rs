//! Remedies name a host without settings; for another one their commands get its names.

use super::Kind;

/// The names that stand in commands.
#[derive(Clone, Copy, Debug)]
pub struct HostNames<'a> {
    pub service: &'a str,
    pub user: &'a str,
    pub app_dir: &'a str,
    pub venv: &'a str,
}

impl Kind {
    /// The remedy, with the commands as they are on this host.
    pub fn remedy_on(&self, host: &HostNames) -> String {
        let told = |line: &str| match line.strip_prefix("    ") {
            Some(words) if words.starts_with("systemctl ") => {
                line.replace("projectmeats", host.service)
            }
            Some(_) => line
                .replace("runuser -u projectmeats ", &format!("runuser -u {} ", host.user))
                .replace("../venv", host.venv)
                .replace("/opt/projectmeats", host.app_dir),
            None => line.to_owned(),
        };
        self.remedy.lines().map(told).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CAP_START_LIMIT, all};
    use super::*;

    #[test]
    fn commands_name_this_host_and_no_other() {
        let host =
            HostNames { service: "shop", user: "web", app_dir: "/srv/shop", venv: "/srv/env" };
        let told = CAP_START_LIMIT.remedy_on(&host);
        assert!(told.ends_with("    systemctl start shop"), "{told}");
        let usual = HostNames {
            service: "projectmeats",
            user: "projectmeats",
            app_dir: "/opt/projectmeats",
            venv: "../venv",
        };
        let anew = all().find(|kind| kind.id == "APP-017").expect("a kind").remedy_on(&host);
        assert!(anew.contains(" --clear /srv/env\n"), "{anew}");
        for kind in all() {
            assert_eq!(kind.remedy_on(&usual), kind.remedy, "{}", kind.id);
            let told = kind.remedy_on(&host);
            let commands = told.lines().filter(|line| line.starts_with("    systemctl "));
            assert!(commands.clone().all(|line| !line.contains("projectmeats")), "{told}");
        }
    }
}
