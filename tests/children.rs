//! How a child starts: in a session of its own, without what its parent had open, and not longer than
//! its parent lives.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test starts the built program"
)]

#[path = "support/called.rs"]
mod called;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use called::called;

/// A shell whose child runs `script`; `$0` is the way to start one.
fn run(script: &str) -> Output {
    let output = Command::new("/bin/sh").arg("-c").arg(script).arg(called("child")).output();
    output.expect("a shell")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn it_has_a_session_and_no_descriptor_of_its_parents() {
    let output = run("exec 7</dev/null; \"$0\" $$ '' /usr /bin/sh -c \
                      'pwd; echo $$; cut -d\" \" -f5,6,7 /proc/$$/stat; ls /proc/$$/fd' & wait $!");
    let said = text(&output.stdout);
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("/usr"), "{said}{}", text(&output.stderr));
    let pid = lines.next().unwrap();
    assert_eq!(lines.next().unwrap(), format!("{pid} {pid} 0"), "group, session, terminal");
    assert!(lines.all(|fd| fd != "7"), "{said}");
}

/// Its parent outlives a lost terminal; a server that it starts takes SIGHUP for what it is.
#[test]
fn it_has_no_signal_blocked() {
    let script =
        "env --block-signal=HUP \"$0\" $$ '' / /bin/grep SigBlk /proc/self/status & wait $!";
    assert_eq!(text(&run(script).stdout), "SigBlk:\t0000000000000000\n");
}

#[test]
fn what_cannot_start_says_so() {
    for (words, why) in [
        ("$$ '' / /no/such/program", "\"/no/such/program\" could not be started: No such file"),
        ("$$ '' /no/such/place /bin/true", "\"/no/such/place\" could not be started"),
        ("1 '' / /bin/true", "\"/bin/true\" could not be started"),
        ("$$ 0:0:x / /bin/true", "\"/bin/true\" could not be started"),
        ("$$ 0:x / /bin/true", "\"/bin/true\" could not be started"),
    ] {
        let output = run(&format!("\"$0\" {words} & wait $!"));
        assert_eq!(output.status.code(), Some(127), "{words}");
        assert!(text(&output.stderr).contains(why), "{words}: {}", text(&output.stderr));
    }
}

#[test]
fn it_ends_with_its_parent() {
    let mut parent = Command::new("/bin/sh")
        .args(["-c", "\"$0\" $$ '' / /bin/sleep 100 & echo $!; exec sleep 100"])
        .arg(called("child"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(parent.stdout.as_mut().unwrap()),
        &mut pid,
    )
    .unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let lives = || std::fs::read_to_string(&stat).is_ok_and(|s| !s.contains(") Z "));
    let until = |done: &dyn Fn() -> bool| {
        (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            done()
        })
    };
    let sleeps = || std::fs::read_to_string(&stat).is_ok_and(|s| s.contains("(sleep)"));
    assert!(until(&sleeps), "it was not started");
    assert!(lives() && Path::new(&stat).exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(until(&|| !lives()), "it goes on without its parent");
}
