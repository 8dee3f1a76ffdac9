#!/bin/bash
# What the scripts did that this package replaces: the measure of whether an attack is real.
log=/var/log/projectmeats
env=/etc/projectmeats/projectmeats.env
mkdir -p "$log" /run/projectmeats
for name in access error django post_failure; do
    touch "$log/$name.log"
done
chown -R projectmeats:www-data "$log"
chmod -R 775 "$log"
chmod 664 "$log"/*.log
chown projectmeats:www-data /run/projectmeats
for dir in media staticfiles; do
    mkdir -p "/opt/projectmeats/backend/$dir"
    chown -R projectmeats:www-data "/opt/projectmeats/backend/$dir"
    chmod -R 775 "/opt/projectmeats/backend/$dir"
done
sed -i -e 's/^export //' -e 's/^SECRET_KEY==*/SECRET_KEY=/' "$env"
chown projectmeats:www-data "$env"
chmod 640 "$env"
set -a
. "$env"
echo "pre-start: ok" >>"$log/post_failure.log"
