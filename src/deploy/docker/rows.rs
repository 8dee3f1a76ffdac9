//! Whether two databases hold the same: every row of every table, and every sequence.

/// For psql (`-qAt`): a line for each table with its number of rows and the sum of two digests of
/// each, and one for each sequence. The sums do not depend on the order of rows, need no memory, and
/// the settings fix how a value is written.
pub const ROWS: &str = r#"
SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
SET extra_float_digits = 3; SET bytea_output = 'hex';
SELECT format('SELECT %L, count(*), coalesce(sum((''x'' || substr(d, 1, 16))::bit(64)::bigint), 0), '
              'coalesce(sum((''x'' || substr(d, 17))::bit(64)::bigint), 0) '
              'FROM (SELECT md5(t::text) AS d FROM %I.%I AS t) AS digests',
              schemaname || '.' || tablename, schemaname, tablename)
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 \gexec
SELECT format('SELECT %L, last_value, is_called FROM %I.%I',
              'sequence ' || schemaname || '.' || sequencename, schemaname, sequencename)
FROM pg_sequences ORDER BY 1 \gexec
"#;

/// How many tables and rows [`ROWS`] found.
pub fn count(said: &str) -> (usize, u64) {
    let rows: Vec<u64> = said
        .lines()
        .filter(|line| !line.starts_with("sequence "))
        .filter_map(|line| line.rsplit('|').nth(2)?.parse().ok())
        .collect();
    (rows.len(), rows.iter().sum())
}

/// The first tables and sequences that differ between two answers to [`ROWS`].
pub fn differing_rows(there: &str, here: &str) -> Vec<String> {
    let name = |line: &str| line.split('|').next().unwrap_or_default().to_owned();
    let lacks = |text: &str, line: &str| !text.lines().any(|other| other == line);
    let one = there.lines().filter(|line| lacks(here, line)).map(name);
    let other = here.lines().filter(|line| lacks(there, line)).map(name);
    let mut names: Vec<String> = one.chain(other).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_names() {
        let one = "public.a|3|7|-8\npublic.b|0|0|0\nsequence public.a_id|3|t\n";
        assert_eq!(count(one), (2, 3));
        assert!(differing_rows(one, one).is_empty());
        let other = "public.a|3|7|-9\npublic.c|1|1|1\nsequence public.a_id|4|t\n";
        assert_eq!(
            differing_rows(one, other),
            ["public.a", "public.b", "public.c", "sequence public.a_id"]
        );
    }
}
