#!/bin/bash
# What the original pre-start did, in its own manner: the peer of our helper.
LOG=/var/log/projectmeats
ENV_FILE=/etc/projectmeats/projectmeats.env
mkdir -p "$LOG" /run/projectmeats
for name in access error django post_failure; do
    [ -f "$LOG/$name.log" ] || touch "$LOG/$name.log"
    owner=$(stat -c %U:%G "$LOG/$name.log")
    [ "$owner" = projectmeats:www-data ] || chown projectmeats:www-data "$LOG/$name.log"
done
chown -R projectmeats:www-data "$LOG"
chmod 775 "$LOG"
chmod 664 "$LOG"/*.log
if grep -q '^SECRET_KEY==' "$ENV_FILE"; then
    sed -i 's/^SECRET_KEY==*/SECRET_KEY=/' "$ENV_FILE"
fi
for key in SECRET_KEY ALLOWED_HOSTS; do
    value=$(grep "^$key=" "$ENV_FILE" | cut -d= -f2-)
    [ -n "$value" ] || echo "$key is missing"
done
echo "$(date '+%F %T') pre-start: ok"
