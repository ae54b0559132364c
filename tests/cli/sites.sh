# Patched text in images: found, listed, covered by digests, mapped instead of the original, and never what a reader reads.
. "$(dirname "$0")/lib.sh"

libc=$(ldd /bin/sh | sed -n 's/.*=> \(.*libc\.so\.6\) .*/\1/p')
code 0 "$B" build -o "$T/sh.img" --include /usr/bin/sha256sum /bin/sh
code 0 "$B" inspect "$T/sh.img"; has '  text '
code 0 "$B" inspect --sites "$T/sh.img"; has 'libc.so.6: '; has 'patched before it'; has 'All: '
code 0 "$B" inspect --sites --json "$T/sh.img"
/usr/bin/python3 - "$T/out" <<'EOF' || not_ok "inspect --sites --json"
import json, sys
d = json.load(open(sys.argv[1]))
listed = [s["verdict"] for f in d["files"] for s in f["list"]]
assert len(listed) == d["sites"] and sum(v.startswith("patched") for v in listed) == d["patched"]
assert d["sites"] == d["patched"] + sum(d["left"].values()) and d["patched"] > 400
EOF
code 0 "$B" inspect --sites "$libc"; has ' sites, '
code 125 "$B" inspect --sites /etc/passwd; err /etc/passwd
head -c 3000 "$libc" >"$T/cut.so"; code 125 "$B" inspect --sites "$T/cut.so"; err cut.so

# No call traps, but what is read of the file is the original.
code 0 "$B" run --stats "$T/sh.img" -c "exec /usr/bin/sha256sum $(realpath "$libc")"; has "$(sha256sum "$libc" | cut -d' ' -f1)"
err 'trapped 0,'
code 0 "$B" run --rewrite off --stats "$T/sh.img" -c true; err 'patched 0,'
code 0 "$B" run "$T/sh.img" -c 'while read -r line; do echo "$line"; done </proc/self/maps'; has '[stubs]'

# The same input gives the same bytes; each byte counts.
code 0 "$B" build -o "$T/again.img" --include /usr/bin/sha256sum /bin/sh
cmp -s "$T/sh.img" "$T/again.img" || not_ok "two builds differ"
at=$("$B" inspect --json "$T/sh.img" | /usr/bin/python3 -c '
import json, sys
s = [x for x in json.load(sys.stdin)["sections"] if x["type"] == "text"][0]
print(s["offset"] + s["length"] - 100)')
printf x | dd of="$T/again.img" bs=1 seek="$at" conv=notrunc 2>/dev/null
code 125 "$B" run "$T/again.img" -c true; err damaged
code 125 "$B" inspect --sites "$T/again.img"; err damaged
