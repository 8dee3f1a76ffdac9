#!/bin/bash
# What the original dependency check did: one Python for each package.
for name in $(/opt/projectmeats/venv/bin/python -m pip list --format=freeze 2>/dev/null | cut -d= -f1 | head -12); do
    /opt/projectmeats/venv/bin/python -c "import $name" 2>/dev/null || echo "$name is missing"
done
systemctl is-active projectmeats
curl -s -o /dev/null http://127.0.0.1:8000/health/
