//! The same unit on every supported release.

use anyhow::Result;
use host::recipe;

#[test]
fn roots() -> Result<()> {
    for suite in recipe::SUITES.iter().skip(1) {
        let root = recipe::app_of(suite).root()?;
        eprintln!("{suite}: {}", root.display());
    }
    Ok(())
}
