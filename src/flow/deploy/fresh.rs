//! Work of a fresh host: the env file by meats-env itself, the role with its password.

use std::time::Duration;

use super::mask::Mask;
use super::postgres;
use super::worker::{Done, Part, Worker};
use crate::deploy::{DatabaseUrl, Role, scram_verifier};
use crate::flow::environment;
use crate::flow::units::systemd_version;
use crate::model::Fact;
use crate::sys::exec::{self, Request};
use crate::sys::random;

const MEATS_ENV: &str = "/usr/bin/meats-env";
/// Letters of a fresh password: 240 bits, and nothing that a URL would have to escape.
const PASSWORD: usize = 40;

impl Worker<'_> {
    /// The file that `meats-env generate` writes; values reach it by standard input.
    pub(super) fn env_file(&mut self, hosts: &[String], database: &Role) -> Done {
        let password = String::from_utf8(random::secret(PASSWORD)?).unwrap_or_default();
        let Role { role, name } = database;
        let mut names = hosts.to_vec();
        names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        names.dedup();
        let values = format!(
            "ALLOWED_HOSTS={}\nDATABASE_URL=postgres://{role}:{password}@127.0.0.1:5432/{name}\n",
            names.join(",")
        );
        let argv = [MEATS_ENV, "generate", "--from", "-"];
        let request = Request::new(&argv).stdin(values).deadline(Duration::from_secs(60));
        let output = exec::run(&request)?;
        self.mask.add(password.into_bytes());
        self.record(&argv.join(" "), &output);
        if !output.success() {
            return Err(self.failure(&output));
        }
        let systemd = systemd_version(self.root);
        match environment::variables(self.root, self.config, &systemd) {
            Fact::Known(variables) => {
                self.mask = Mask::new(&variables);
                self.variables = variables;
            }
            Fact::Absent => return Err("the file is not there".to_owned().into()),
            Fact::Unknown(why) => return Err(why.into()),
        }
        Ok(Part { note: Some("SECRET_KEY and password fresh".to_owned()), changed: true })
    }

    /// Role and database, with the password that the env file has.
    pub(super) fn role(&mut self, database: &Role) -> Done {
        let url = DatabaseUrl::of(&self.variables);
        let verifier = url.and_then(|url| scram_verifier(&url.password, random::bytes()));
        let verifier = verifier
            .ok_or_else(|| "the password in DATABASE_URL is empty or not plain ASCII".to_owned())?;
        let output = postgres::make(self.root, database, &verifier)?;
        self.record("psql, as postgres", &output);
        Ok(Part { note: Some(format!("{} owns {}", database.role, database.name)), changed: true })
    }
}
