//! `make shell`: a shell in a booted root, to look around in. HOST says which: `broken` as the
//! field leaves it (the default), `fresh` without a unit and logs, `healed` with the package.

use anyhow::{Result, bail};
use host::{Machine, field, package, recipe, service};

fn main() -> Result<()> {
    let host = std::env::var("HOST").unwrap_or_else(|_| "broken".to_owned());
    let mut machine = Machine::of(&recipe::app())?;
    match &*host {
        "broken" | "healed" => field::break_host(&machine.root())?,
        "fresh" => field::fresh_host(&machine.root())?,
        other => bail!("HOST={other}: it is broken, fresh or healed"),
    }
    machine.boot()?;
    if host == "healed" {
        package::install(&machine)?;
        service::await_health(&machine)?;
    } else if package::file().is_ok() {
        package::upload(&machine)?;
    }
    machine.shell()?;
    machine.finish()
}
