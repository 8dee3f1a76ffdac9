//! Schemes of database URLs, as dj-database-url and django-environ know them.

const POSTGRES: &[&str] =
    &["postgres", "postgresql", "pgsql", "psql", "postgis", "timescale", "timescalegis"];

const OTHERS: &[&str] = &[
    "sqlite",
    "spatialite",
    "mysql",
    "mysql2",
    "mysqlgis",
    "mysql-connector",
    "oracle",
    "oraclegis",
    "mssql",
    "mssqlms",
    "redshift",
    "cockroach",
    "cockroachdb",
    "pyodbc",
];

/// True for a scheme that one of the two libraries knows.
pub fn is_database_scheme(scheme: &str) -> bool {
    is_postgres_scheme(scheme) || OTHERS.contains(&bare(scheme))
}

/// True for PostgreSQL under any of its schemes.
pub fn is_postgres_scheme(scheme: &str) -> bool {
    POSTGRES.contains(&bare(scheme))
}

/// django-prometheus wraps the engines under names of its own.
fn bare(scheme: &str) -> &str {
    scheme.strip_prefix("prometheus_").unwrap_or(scheme)
}
