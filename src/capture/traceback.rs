//! Python tracebacks in log lines: frames, the exception that ended it, the whole chain.

/// `File "x.py", line 7, in setup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub file: String,
    pub line: u32,
    pub function: String,
}

/// One traceback with the chain before it ("During handling of …").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traceback {
    /// Of the last exception of the chain, outermost call first.
    pub frames: Vec<Frame>,
    /// `django.core.exceptions.ImproperlyConfigured`.
    pub exception: String,
    /// What follows the colon; may be empty.
    pub message: String,
    /// As logged.
    pub lines: Vec<String>,
}

/// What Python cannot read.
pub(super) const SYNTAX: &[&str] = &["SyntaxError", "IndentationError", "TabError"];
const HEAD: &str = "Traceback (most recent call last):";
const CHAINS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];
/// What stands above a traceback that ended nothing: a destructor's, logging's own, a thread's, that
/// of a request (Django, gunicorn/workers/base.py, uvicorn).
const ASIDE: &[&str] = &[
    "Exception ignored ",
    "--- Logging error ---",
    "Exception in thread ",
    "Internal Server Error: ",
    "Error handling request",
    "Exception in ASGI application",
];
/// Lines of one traceback that are kept.
const MAX_LINES: usize = 400;

impl Traceback {
    /// The last part of the exception's name: `ImproperlyConfigured`.
    pub fn name(&self) -> &str {
        self.exception.rsplit('.').next().unwrap_or(&self.exception)
    }

    /// The innermost frame of the application's own code, else the innermost one at all.
    pub fn last_frame(&self, app_dir: &str, venv: &str) -> Option<&Frame> {
        let below = |file: &str, dir: &str| {
            file.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
        };
        let own = |f: &&Frame| {
            below(&f.file, app_dir)
                && !below(&f.file, venv)
                && !f.file.contains("/site-packages/")
                && !f.file.contains("/lib/python")
        };
        self.frames.iter().rev().find(own).or(self.frames.last())
    }

    /// True when some line of the chain holds `text`.
    pub fn mentions(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

/// Every traceback in `lines` that may have ended something, in order.
pub fn find_tracebacks<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Traceback> {
    let mut reader = Reader::default();
    for line in lines {
        reader.line(line);
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    done: Vec<Traceback>,
    open: Option<Traceback>,
    state: State,
    /// The line above tells of something that ends nothing.
    aside: bool,
    /// So did the one above the open traceback.
    harmless: bool,
}

#[derive(Default, PartialEq)]
enum State {
    /// No traceback is open.
    #[default]
    Outside,
    /// Behind the head: frames and code.
    Frames,
    /// Behind the exception's line: a chain may follow.
    Ended,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if line.trim_end().ends_with(HEAD) {
            self.head(line);
            return;
        }
        self.aside = ASIDE.iter().any(|words| line.contains(words));
        match self.state {
            State::Outside => self.syntax_error(line),
            State::Frames => self.inside(line),
            State::Ended => self.behind(line),
        }
    }

    fn head(&mut self, line: &str) {
        let chained = self.state == State::Ended
            && self.open.as_ref().is_some_and(|t| {
                t.lines.iter().rev().find(|l| !l.trim().is_empty()).is_some_and(|l| is_chain(l))
            });
        if !chained {
            self.close();
            self.harmless = self.aside;
        }
        self.aside = false;
        let open = self.open.get_or_insert_with(empty);
        open.frames.clear();
        open.exception.clear();
        open.message.clear();
        self.keep(line);
        self.state = State::Frames;
    }

    /// A syntax error in the file given to Python itself has frames without a head.
    fn syntax_error(&mut self, line: &str) {
        if line.starts_with("  File \"") && frame(line).is_some() {
            self.open = Some(empty());
            self.harmless = false;
            self.state = State::Frames;
            self.inside(line);
        }
    }

    fn inside(&mut self, line: &str) {
        if let Some(frame) = frame(line) {
            self.keep(line);
            if let Some(open) = &mut self.open {
                open.frames.push(frame);
            }
        } else if line.starts_with([' ', '\t']) || line.is_empty() {
            self.keep(line);
        } else if let Some((exception, message)) = exception(line) {
            self.keep(line);
            if let Some(open) = &mut self.open {
                open.exception = exception;
                open.message = message;
            }
            self.state = State::Ended;
        } else {
            // Lines of another process in between: the traceback is cut off.
            self.close();
        }
    }

    fn behind(&mut self, line: &str) {
        if line.trim().is_empty() || is_chain(line) {
            self.keep(line);
        } else if let Some(open) = self.open.as_mut().filter(|t| is_more(&t.message, line)) {
            if !line.starts_with([' ', '\t']) {
                open.message.push(' ');
                open.message.push_str(line);
                self.keep(line);
            }
        } else {
            self.close();
            self.syntax_error(line);
        }
    }

    fn keep(&mut self, line: &str) {
        if let Some(open) = &mut self.open {
            if open.lines.len() < MAX_LINES {
                open.lines.push(line.to_owned());
            }
        }
    }

    fn close(&mut self) {
        if let Some(mut open) = self.open.take() {
            while open.lines.last().is_some_and(|l| l.trim().is_empty() || is_chain(l)) {
                open.lines.pop();
            }
            // Frames without a head are also those of a call stack that logging shows.
            let whole = open.lines.iter().any(|l| l.trim_end().ends_with(HEAD))
                || SYNTAX.contains(&open.name());
            if !open.exception.is_empty() && whole && !self.harmless {
                self.done.push(open);
            }
        }
        self.state = State::Outside;
    }

    fn finish(mut self) -> Vec<Traceback> {
        self.close();
        self.done
    }
}

fn empty() -> Traceback {
    Traceback {
        frames: Vec::new(),
        exception: String::new(),
        message: String::new(),
        lines: Vec::new(),
    }
}

/// A message goes on: libpq names each address that it tried, pydantic each field.
fn is_more(message: &str, line: &str) -> bool {
    let indented = line.starts_with([' ', '\t']);
    message.contains("connection to server ")
        && (indented || line.starts_with("connection to server "))
        || message.contains(" validation error") && (indented || !line.contains(' '))
}

fn is_chain(line: &str) -> bool {
    CHAINS.contains(&line.trim())
}

fn frame(line: &str) -> Option<Frame> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let (number, function) = match rest.split_once(", in ") {
        Some((number, function)) => (number, function.trim()),
        None => (rest.trim(), ""),
    };
    let line = number.parse().ok()?;
    Some(Frame { file: file.to_owned(), line, function: function.to_owned() })
}

/// `package.Name: message` or `Name`.
fn exception(line: &str) -> Option<(String, String)> {
    let (name, message) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    let name = name.trim_end();
    let part = |p: &str| {
        p.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && p.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    (name.len() <= 200 && name.split('.').all(part))
        .then(|| (name.to_owned(), message.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str) -> Traceback {
        find_tracebacks(text.lines()).pop().expect("a traceback")
    }

    const CHAINED: &str = "\
[2026-11-23 14:02:16 +0000] [41] [INFO] Starting gunicorn 20.1.0
Traceback (most recent call last):
  File \"/usr/lib/python3.11/logging/config.py\", line 563, in configure
    handler = self.configure_handler(handlers[name])
PermissionError: [Errno 13] Permission denied: '/opt/projectmeats/backend/debug.log'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"/opt/projectmeats/venv/bin/gunicorn\", line 8, in <module>
    sys.exit(run())
  File \"/opt/projectmeats/backend/projectmeats/wsgi.py\", line 12, in <module>
    application = get_wsgi_application()
  File \"/opt/projectmeats/venv/lib/python3.11/site-packages/django/core/wsgi.py\", line 12, in get
    django.setup()
ValueError: Unable to configure handler 'file'
[2026-11-23 14:02:17 +0000] [41] [INFO] after";

    #[test]
    fn a_chain_is_one_and_its_last_exception_counts() {
        let found = find_tracebacks(CHAINED.lines());
        assert_eq!(found.len(), 1);
        let t = last(CHAINED);
        assert_eq!(
            (t.name(), t.message.as_str()),
            ("ValueError", "Unable to configure handler 'file'")
        );
        let frame = t.last_frame("/opt/projectmeats", "/opt/projectmeats/venv").expect("a frame");
        assert_eq!(
            (frame.file.as_str(), frame.line),
            ("/opt/projectmeats/backend/projectmeats/wsgi.py", 12)
        );
        assert!(t.mentions("[Errno 13]"));
        assert_eq!(t.lines.len(), 15);
        assert_eq!(
            t.lines.last().map(String::as_str),
            Some("ValueError: Unable to configure handler 'file'")
        );
    }

    #[test]
    fn names_and_messages() {
        let cases = [
            (
                "ModuleNotFoundError: No module named 'x'",
                "ModuleNotFoundError",
                "No module named 'x'",
            ),
            ("django.core.exceptions.ImproperlyConfigured: a: b", "ImproperlyConfigured", "a: b"),
            ("KeyboardInterrupt", "KeyboardInterrupt", ""),
            ("AssertionError:", "AssertionError", ""),
        ];
        for (line, name, message) in cases {
            let t = last(&format!("{HEAD}\n  File \"a.py\", line 1, in f\n    x\n{line}"));
            assert_eq!((t.name(), t.message.as_str()), (name, message));
        }
    }

    #[test]
    fn a_syntax_error_names_its_file() {
        let t = last(
            "Traceback (most recent call last):\n  File \"/a/wsgi.py\", line 3, in <module>\n    import s\n  File \"/a/s.py\", line 9\n    x = (\n        ^\nSyntaxError: '(' was never closed",
        );
        assert_eq!(t.frames.last().map(|f| (f.file.as_str(), f.line)), Some(("/a/s.py", 9)));
        assert_eq!(t.name(), "SyntaxError");
    }

    #[test]
    fn cut_off_ones_and_plain_lines_are_none() {
        for text in [
            "",
            "ValueError: x",
            HEAD,
            "Traceback (most recent call last):\n  File \"a\", line 1, in f\n[2026] other line",
        ] {
            assert_eq!(find_tracebacks(text.lines()), [], "{text}");
        }
    }

    #[test]
    fn two_in_a_row_are_two() {
        let one = "Traceback (most recent call last):\n  File \"a\", line 1, in f\n    y\nKeyError: 'x'\n";
        assert_eq!(find_tracebacks(one.repeat(2).lines()).len(), 2);
    }
}
