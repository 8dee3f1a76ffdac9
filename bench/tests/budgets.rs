//! What root's helpers may cost: system calls and instructions of the built package's programs, on a
//! tree that is the same everywhere. Counts, no clock: they repeat.
//!
//! A change that needs more says so: it raises the line below, in the same commit, with its reason.
//! [`MARGIN`] is for another processor (libc picks its routines by it) and another kernel.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Program and arguments, system calls, instructions.
const BUDGETS: &[(&str, &[&str], u64, u64)] = &[
    ("projectmeats-generator", &["/run/out", "/run/out", "/run/out"], 134, 645_000),
    ("pre-start", &[], 273, 956_000),
    ("capture-failure", &[], 123, 452_000),
];

/// Percent above the line that is no failure.
const MARGIN: u64 = 5;
/// The uid and gid of the service in the tree.
const SERVICE: u32 = 61_000;

/// A link of this name to the package's program, beside the tree.
fn program(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/meats");
    let built = built.canonicalize().unwrap_or_else(|e| panic!("{built:?}: {e}; run `make deb`"));
    let link = Path::new("/tmp/meats-budgets.bin").join(name);
    fs::create_dir_all("/tmp/meats-budgets.bin").expect("a directory");
    let _ = fs::remove_file(&link);
    symlink(built, &link).expect("a link");
    link
}

const FILES: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nprojectmeats:x:61000:61000::/opt/projectmeats:/bin/false\n",
    ),
    ("etc/group", "root:x:0:\nwww-data:x:33:projectmeats\nprojectmeats:x:61000:\n"),
    (
        "etc/projectmeats/projectmeats.env",
        "# settings of the service\nSECRET_KEY='k7m2q9x4v1p0ws3e6r8t5yu2iog4da7fh9jl1zc3b5n8m1q4w7'\n\
         DEBUG=False\nALLOWED_HOSTS=localhost,127.0.0.1,meats.example.com\n",
    ),
    ("opt/projectmeats/venv/bin/gunicorn", "#!/usr/bin/python3\n"),
    (
        "opt/projectmeats/venv/lib/python3.11/site-packages/gunicorn-23.0.0.dist-info/METADATA",
        "Name: gunicorn\n",
    ),
    ("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so", ""),
    ("usr/lib/aarch64-linux-gnu/systemd/libsystemd-shared-252.so", ""),
];

/// A host at a path of constant length, as far as the helpers look.
fn tree() -> PathBuf {
    let root = PathBuf::from("/tmp/meats-budgets");
    let _ = fs::remove_dir_all(&root);
    for (path, text) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    for dir in ["run", "var/log", "var/lib", "proc", "opt/projectmeats/backend"] {
        fs::create_dir_all(root.join(dir)).expect("a directory");
    }
    let env = root.join("etc/projectmeats/projectmeats.env");
    chown(&env, Some(0), Some(SERVICE)).expect("root");
    fs::set_permissions(&env, fs::Permissions::from_mode(0o640)).expect("a mode");
    root
}

/// Runs the helper on the tree, under `tool`; what was said on standard error.
fn run(tool: &[&str], name: &str, args: &[&str], root: &Path) -> String {
    let out = root.join("run/out");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).expect("a directory");
    let inside = |arg: &&str| root.join(arg.trim_start_matches('/'));
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).arg(program(name)).arg("--root").arg(root);
    command.args(args.iter().map(inside)).env_clear().current_dir("/");
    command.env("PATH", "/usr/bin:/bin").env("INVOCATION_ID", "0123456789abcdef0123456789abcdef");
    command.envs([("SERVICE_RESULT", "success"), ("EXIT_CODE", "exited"), ("EXIT_STATUS", "0")]);
    let output = command.output().unwrap_or_else(|e| panic!("{}: {e}", tool[0]));
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn helpers_keep_their_budgets() {
    let root = tree();
    // What a first run makes and repairs is not what each start costs.
    for _ in 0..2 {
        run(&["env"], "pre-start", &[], &root);
    }
    let mut over = Vec::new();
    for (name, args, most_calls, most_instructions) in BUDGETS {
        let trace = run(&["strace", "-qq"], name, args, &root);
        let calls = trace.lines().filter(|line| line.contains(" = ")).count() as u64;
        let callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let counted = run(&callgrind, name, args, &root);
        let collected = counted.split("Collected : ").nth(1);
        let collected = collected.and_then(|rest| rest.split_whitespace().next());
        let instructions: u64 =
            collected.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{counted}"));
        println!("{name}: {calls} system calls, {instructions} instructions");
        let pairs = [
            ("system calls", calls, *most_calls),
            ("instructions", instructions, *most_instructions),
        ];
        for (what, counted, most) in pairs {
            assert!(counted > 0, "{name}: no {what} counted");
            if counted > most + most * MARGIN / 100 {
                over.push(format!("{name}: {counted} {what}, {most} is its budget"));
            }
        }
    }
    fs::remove_dir_all(&root).expect("the tree goes");
    fs::remove_dir_all("/tmp/meats-budgets.bin").expect("the links go");
    assert!(over.is_empty(), "{}", over.join("\n"));
}
