//! What reading costs: `scan-cost [MIB]`, time for each byte of typical and of pathological files.
//! Linear means: twice the size, twice the time. Instructions: `perf stat -e instructions:u`.

use std::time::Instant;

use meats::env::{Rules, read};

fn filled(size: usize, line: &[u8]) -> Vec<u8> {
    line.iter().copied().cycle().take(size).collect()
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mib: usize = args.next().and_then(|m| m.parse().ok()).unwrap_or(63);
    let only = args.next();
    let typical = b"# a comment of some length, as people write them\nSECRET_KEY='x$y(z)&w#1rs#gacn=n$z(#f@xs2d^i$y9zzqa)3f@5uo)ms2v'\nDATABASE_URL=postgres://meats:secret@localhost:5432/meats\nEMAIL_HOST_PASSWORD=\"it's \\$5\"\n";
    let cases: &[(&str, &[u8])] = &[
        ("typical lines", typical),
        ("one open quote", b"A='"),
        ("one bare value", b"x"),
        ("backslashes", b"\\"),
        ("line ends", b"\n"),
        ("letters on lines of their own", b"x\n"),
        ("short assignments", b"A=\n"),
        ("quotes", b"A=''''\n"),
        ("carriage returns", b"A=1\r"),
        ("comments that end in a backslash", b"#\\\n"),
        ("two bytes a letter", b"A=\xc3\xb6\xc3\xb6\xc3\xb6\n"),
    ];
    for (name, line) in cases.iter().filter(|(name, _)| only.as_deref().is_none_or(|o| o == *name))
    {
        let mut times = Vec::new();
        for part in [2, 1] {
            let mut bytes = filled((mib << 20) / part, line);
            if *name == "one bare value" {
                bytes[1] = b'=';
            }
            let begin = Instant::now();
            let reading = read(&bytes, Rules::Before254);
            let nanos = begin.elapsed().as_nanos();
            assert!(reading.loads.is_ok());
            times.push(nanos as f64 / bytes.len() as f64);
        }
        println!("{name:<34} {:6.2} ns a byte, half the size {:6.2}", times[1], times[0]);
    }
}
