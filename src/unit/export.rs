//! The generated units as files that stand by themselves, with an `[Install]` section.

use std::path::PathBuf;

use super::plan::Emitted;

/// File names and texts. What a link does for a generated unit, `systemctl enable` does for these.
pub fn export(emitted: &[Emitted]) -> Vec<(PathBuf, String)> {
    let wanted_by = |path: &PathBuf| {
        emitted.iter().find_map(|e| match e {
            Emitted::Link { path: link, .. } if link.file_name() == path.file_name() => {
                let directory = link.parent()?.to_str()?;
                directory.strip_suffix(".wants").map(str::to_owned)
            }
            _ => None,
        })
    };
    let file = |e: &Emitted| match e {
        Emitted::Link { .. } => None,
        Emitted::File { path, text } => {
            // The head says that edits are lost: here they are not.
            let body = text.split_once("\n\n").map_or(text.as_str(), |(_, body)| body);
            let mut text = format!("# Written by \"meats-diagnose unit --export\".\n\n{body}");
            if let Some(wants) = wanted_by(path) {
                text.push_str(&format!("\n[Install]\nWantedBy={wants}\n"));
            }
            Some((path.clone(), text))
        }
    };
    emitted.iter().filter_map(file).collect()
}
