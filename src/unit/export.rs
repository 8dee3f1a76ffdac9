//! The generated units as files that stand by themselves, with an `[Install]` section, and without
//! a line that needs this package. Where it is installed, its drop-in brings those lines back.

use std::path::PathBuf;

use super::emitted::Emitted;
use crate::config::PROBE;

/// What a line that needs this package holds.
const OURS: &[&str] =
    &["/usr/libexec/projectmeats-fixes/", PROBE, "OnFailure=projectmeats-capture@"];

/// Whether a line of a generated unit means something without this package.
fn stands_alone(line: &&str) -> bool {
    // all of them are our pages
    let manual = line.starts_with("Documentation=");
    let about = line.starts_with('#') && (line.contains("pre-start") || line.contains("capture"));
    !manual && !about && !OURS.iter().any(|ours| line.contains(ours))
}

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
            let mut text = "# Written by \"meats-diagnose unit --export\".\n\n".to_owned();
            for line in body.lines().filter(stands_alone) {
                text.push_str(line);
                text.push('\n');
            }
            if let Some(wants) = wanted_by(path) {
                text.push_str(&format!("\n[Install]\nWantedBy={wants}\n"));
            }
            Some((path.clone(), text))
        }
    };
    emitted.iter().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_package_is_left() {
        let text = "# Generated.\n\n[Unit]\nDocumentation=man:a(7)\n\
                    OnFailure=projectmeats-capture@%n.service\nOnFailure=pager.service\n\n\
                    [Service]\nExecStartPre=+/usr/libexec/projectmeats-fixes/pre-start\n\
                    ExecStart=/x\n# capture and meats-diagnose judge\nSuccessExitStatus=0 1\n\
                    ExecStartPost=/usr/bin/meats-diagnose probe --connect --wait=50\n";
        let emitted = [
            Emitted::File { path: "a.service".into(), text: text.to_owned() },
            Emitted::Link {
                path: "multi-user.target.wants/a.service".into(),
                target: "../a".into(),
            },
        ];
        let expected = "# Written by \"meats-diagnose unit --export\".\n\n[Unit]\n\
                        OnFailure=pager.service\n\n[Service]\nExecStart=/x\n\
                        SuccessExitStatus=0 1\n\n[Install]\nWantedBy=multi-user.target\n";
        assert_eq!(export(&emitted), [("a.service".into(), expected.to_owned())]);
    }
}
