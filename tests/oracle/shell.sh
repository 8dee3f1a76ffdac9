# Sources each named file in a subshell and writes its environment beside it. Run with `env -i`.
for file in "$@"; do
    ( set -a; . "$file" && /usr/bin/env -0 >"$file.out" ) 2>/dev/null
    echo $? >"$file.status"
done
