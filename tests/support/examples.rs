//! The examples of a page of the manual.

/// The literal blocks of a page's EXAMPLES, as they are shown.
pub fn examples(page: &str) -> Vec<String> {
    let section = page.split("\n.SH EXAMPLES\n").nth(1).unwrap_or_default();
    let section = section.split("\n.SH ").next().unwrap_or_default();
    let block = |part: &str| {
        let roff = part.split_once(".EE").expect(".EX has its .EE").0;
        roff.replace("\\-", "-").replace("\\e\n", "\\\n").replace("\\e", "\\").replace("\\&", "")
    };
    format!("\n{section}").split("\n.EX\n").skip(1).map(block).collect()
}
