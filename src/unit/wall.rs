//! Variables that must not reach a command of the unit through the env file.

/// Loader, shell and interpreter variables that make a program run foreign code (ld.so(8),
/// bash(1), python(1)). The second wall: the helpers are static and use nothing of their
/// environment by themselves.
pub const WALL: &[&str] = &[
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "LD_AUDIT",
    "LD_DEBUG",
    "LD_DEBUG_OUTPUT",
    "LD_LIBRARY_PATH",
    "LD_ORIGIN_PATH",
    "LD_PRELOAD",
    "LD_PROFILE",
    "LOCPATH",
    "MALLOC_TRACE",
    "NLSPATH",
    "PERL5LIB",
    "PERL5OPT",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "SHELLOPTS",
    "TMPDIR",
];
