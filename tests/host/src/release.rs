//! Sources of releases: one that is good, and one for each way in which a release is not.

/// Broken sources, and the step of a deployment that ends there.
pub const BROKEN: &[(&str, &str)] = &[
    ("bad-import", "settings"),
    ("bad-migration", "migrate"),
    ("bad-health", "trial start"),
    ("bad-live", "restart"),
];

/// Makes of copies of the good source, /srv/NAME, what their names say; `two` says so in its answer.
pub const QUALITIES: &str = r#"
set -eu
cd /srv
sed -i 's/"healthy"/"healthy", "release": "two"/' two/backend/stock/views.py
echo 'import weasyprint' >>bad-import/backend/stock/views.py
sed -i 's/"healthy"/"degraded"/' bad-health/backend/stock/views.py
cat >>bad-live/backend/projectmeats/wsgi.py <<'E'
if "LISTEN_FDS" in os.environ or os.environ.get("INVOCATION_ID"):
    raise SystemExit(3)
E
cat >bad-migration/backend/stock/migrations/0009_bad.py <<'E'
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("stock", "0001_initial")]
    operations = [migrations.RunSQL("SELECT nothing FROM nowhere")]
E
"#;
