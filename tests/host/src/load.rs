//! What visitors meet while something is done to a machine, and work that is killed in the middle.

use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::machine::Machine;

/// Requests, each a connection of its own, until SIGTERM; then totals, longest wait, and failures.
const LOAD: &str = r#"
import http.client, signal, sys, threading, time
host, port, rate, stop, good, bad = "meats.example", int(sys.argv[1]), int(sys.argv[2]), False, [], []
def end(*_):
    global stop
    stop = True
signal.signal(signal.SIGTERM, end)
def ask():
    begin = time.monotonic()
    try:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        c.request("GET", "/health/", headers={"Host": host})
        status = c.getresponse().status
        (good if status == 200 else bad).append(status)
    except OSError as error:
        bad.append(type(error).__name__)
    waits.append(time.monotonic() - begin)
waits, threads, due = [], [], time.monotonic()
while not stop:
    thread = threading.Thread(target=ask)
    thread.start()
    threads.append(thread)
    due += 1 / rate
    time.sleep(max(0, due - time.monotonic()))
for thread in threads:
    thread.join()
print(len(good), len(bad), "%.2f" % max(waits), sorted(set(map(str, bad))))
"#;

/// What a load of so many requests a second met at this port while `work` was done: how many there
/// were, and how many were not answered with 200.
///
/// # Errors
/// When the work fails, or there were too few requests to say anything.
pub fn meets(
    machine: &Machine,
    port: u16,
    rate: u32,
    work: impl FnOnce() -> Result<()>,
) -> Result<(u32, u32)> {
    machine.put("/root/load.py", LOAD.as_bytes(), 0o644)?;
    machine.ok(&format!(
        "systemd-run --quiet --collect --unit=load -p StandardOutput=truncate:/root/load \
         python3 /root/load.py {port} {rate}"
    ))?;
    let done = work();
    machine.ok("systemctl stop load; true")?;
    let text = machine.fetch("/root/load")?;
    done?;
    let numbers: Vec<u32> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [good, bad] = numbers[..] else { bail!("no figures: {text}") };
    eprintln!("port {port}: good, bad, longest wait in s, kinds: {}", text.trim());
    ensure!(good >= rate, "too few requests to say anything: {text}");
    Ok((good + bad, bad))
}

/// At least 99.9 % were answered with 200.
pub fn lossless((total, bad): (u32, u32)) -> Result<()> {
    ensure!(bad * 1000 <= total, "{bad} of {total} requests were lost");
    Ok(())
}

/// Starts a command and kills it with SIGKILL as soon as this step begins.
///
/// # Errors
/// When the step was not reached, or the command ended before.
pub fn kill_at(machine: &Machine, command: &str, step: &str) -> Result<()> {
    let script = format!(
        "(exec {command}) >/root/out 2>&1 & pid=$!; \
         for i in $(seq 5000); do \
             grep -q '  {step}  ' /root/out && break; kill -0 $pid 2>/dev/null || break; sleep 0.01; \
         done; kill -KILL $pid; wait $pid; true"
    );
    machine.run_with(&script, b"", Duration::from_secs(300))?;
    let said = machine.fetch("/root/out")?;
    ensure!(said.contains(step), "the step {step} was not reached:\n{said}");
    let after = said.rsplit(step).next().unwrap_or_default();
    ensure!(!after.contains("DONE"), "it ended before it was killed in {step}:\n{said}");
    Ok(())
}
