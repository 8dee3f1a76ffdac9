//! The order of a move.

use super::super::up::tests::up;
use super::*;
use crate::config::resolve;

fn planned(work: impl Fn(&Move) -> Vec<Step>) -> Vec<Step> {
    let (config, _) = resolve(&[]);
    let up = up();
    let note = Moved {
        phase: Phase::Leaving,
        site: "/etc/nginx/sites-available/p".into(),
        before: "host".into(),
        stack: "127.0.0.1:8080".into(),
        room: 9,
        enabled: false,
    };
    work(&Move {
        config: &config,
        up: &up,
        database: Some(Role { role: "r".into(), name: "n".into() }),
        run: "now",
        note: &note,
        to_room: "room",
        to_stack: "stack",
        to_host: "host",
        socket: true,
        seconds: 5,
    })
}

/// The texts that the site gets, and what else matters, in order.
fn events(steps: &[Step]) -> Vec<String> {
    let all = steps.iter().flat_map(|step| &step.work);
    let event = |work: &Work| match work {
        Work::Effect(Effect::Write { path, content, .. }) if path.ends_with("p") => {
            Some(format!("site {}", String::from_utf8_lossy(content.expose())))
        }
        Work::Effect(Effect::Write { path, .. }) if *path == Moved::path() => {
            Some("note".to_owned())
        }
        Work::Effect(Effect::Remove { path }) if *path == Moved::path() => {
            Some("no note".to_owned())
        }
        Work::Copy(copy) => Some(format!("copy to {}", copy.to.word())),
        Work::Hold { .. } => Some("hold".to_owned()),
        Work::Lead { to } => Some(format!("lead to {to}")),
        _ => None,
    };
    all.filter_map(event).collect()
}

#[test]
fn requests_wait_while_what_counts_is_copied() {
    assert_eq!(
        events(&planned(plan_there)),
        [
            "copy to the stack",
            "note",
            "hold",
            "site room",
            "copy to the stack",
            "note",
            "site stack",
            "lead to 127.0.0.1:8080"
        ]
    );
    assert_eq!(
        events(&planned(plan_back)),
        [
            "note",
            "hold",
            "site room",
            "copy to the host",
            "site host",
            "no note",
            "lead to 127.0.0.1:8000"
        ]
    );
}

#[test]
fn the_way_back_of_a_move_leads_to_where_it_began() {
    for (steps, site) in [(planned(plan_there), "host"), (planned(plan_back), "stack")] {
        let wait = steps.iter().find(|step| step.name == "requests wait").expect("the step");
        let Undo::By { work, .. } = &wait.undo else { panic!("it has no way back") };
        let back =
            Step { name: "", changes: String::new(), work: work.clone(), undo: Undo::Nothing };
        assert!(events(&[back]).contains(&format!("site {site}")));
    }
}
