# The checks of the diagnose and final-check scripts that the package replaces, as they stood.
# One line for each complaint.
V=/opt/projectmeats/venv; L=/var/log/projectmeats; E=/etc/projectmeats/projectmeats.env
# packages: the distribution's name is imported, then pip is asked
for p in django djangorestframework gunicorn dj-database-url psycopg; do
    $V/bin/python -c "import $p" 2>/dev/null || $V/bin/pip show -q "$p" >/dev/null 2>&1 ||
        echo "package missing: $p"
done
[ -x $V/bin/gunicorn ] || echo 'gunicorn missing'
# directories, as root
for d in /opt/projectmeats /opt/projectmeats/backend $L /run/projectmeats; do
    ls -la $d >/dev/null 2>&1 || echo "missing: $d"
    test -w $d || echo "not writable: $d"
done
test -f $E || echo 'no env file'
bash -n $E 2>/dev/null || echo 'env file: syntax'
# the service
systemctl is-active --quiet projectmeats || echo 'not active'
pgrep -f gunicorn >/dev/null || echo 'no gunicorn process'
systemctl is-active --quiet postgresql 2>/dev/null || echo 'postgresql not active'
case $(curl -s -o /dev/null -m 5 -w '%{http_code}' http://localhost:8000/health/) in
    200|302|404) ;; *) echo 'no answer' ;;
esac
case $(curl -s -o /dev/null -m 5 -w '%{http_code}' http://localhost/) in
    200|302|404) ;; *) echo 'no site' ;;
esac
# does it load, as root
(cd /opt/projectmeats/backend && $V/bin/gunicorn --check-config projectmeats.wsgi:application) \
    >/dev/null 2>&1 || echo 'check-config'
tail -10 $L/error.log 2>/dev/null | grep -q 'permission denied' && echo 'permission denied'
true
