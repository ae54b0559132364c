. "$(dirname "$0")/lib.sh"

code 127 "$B" run /nowhere/program; err '/nowhere/program'
code 127 "$B" run no-such-program-anywhere; err no-such-program
code 125 "$B" frobnicate; err "'frobnicate'"
code 125 "$B" run; err 'no image or program'
code 125 "$B" run --frob true; err --frob
code 125 "$B" run -z true; err -z
code 125 "$B" run -v; err -v
code 125 "$B" run -v /nowhere:/x true; err '/nowhere: No such file'
code 125 "$B" run -v /usr:relative true; err HOST:GUEST
code 125 "$B" run -v /usr:/a/../b true; err "'..'"
code 125 "$B" run -v /dev/null:/x true; err '/dev/null'
# A grant that cannot be mounted is no start without it; what the sandbox has of its own cannot be hidden.
for at in /dev /proc /proc/sub /sys; do code 125 "$B" run -v "$T:$at" true; err "the sandbox's own"; done
code 125 "$B" run --tmpfs /proc true; err own
mkdir "$T/above"; chmod 755 "$T/above"
code 125 "$B" run -v "$T/above:/d:ro" -v "$T/above:/d/sub" true; err '/d/sub: cannot be mounted: the directory is missing'
code 127 "$B" run ''; err 'is empty'
# Names are one line of plain text, whoever chose them.
code 127 "$B" run $'./\e[31m\nred'; err './\x1b[31m\nred'
code 125 "$B" inspect $'./\e[31mred'; err 'red'; ! grep -q $'\e' "$T/err" || not_ok "an escape sequence"
code 125 "$B" build -o "$T/x" $'./\e[31mred'; err './\x1b[31mred: No such file'
mkdir $T/$'e\e[31mvil'; echo x >$T/$'e\e[31mvil/f'; chmod 755 $T/$'e\e[31mvil'
code 1 "$B" run cat $T/$'e\e[31mvil/f'; grep '^bartizan' "$T/err" | grep -q $'\e' && not_ok "a hint with an escape sequence"; err 'e\x1b[31mvil/f; add'
code 125 "$B" run -m lots true; err "'lots'"
code 125 "$B" run -m 1m true; err 'at least 16m'
code 125 "$B" run --cpus 0 true; err --cpus
code 125 "$B" run --timeout soon true; err "'soon'"
code 125 "$B" run --ulimit nofiles=1 true; err "'nofiles'"
code 125 "$B" run --ulimit nofile=2:1 true; err 'above'
code 0 "$B" run --ulimit nofile=3 "$(command -v busybox)" true
code 126 "$B" run --ulimit data=0 true; err 'needs more memory than its limits allow'
code 125 "$B" run -w relative true; err relative
code 125 "$B" run -u nonesuch true; err "user nonesuch: not in the sandbox's /etc/passwd"
code 125 "$B" run -u root:nonesuch true; err "user root:nonesuch: not in"
code 125 "$B" run --name a/b true; err "'a/b'"
code 125 "$B" run --env-file /nowhere true; err /nowhere
code 125 "$B" run --here=no true; err "'no'"
code 125 "$B" run --rootfs /nowhere /bin/true; err /nowhere

code 125 "$B" run --entrypoint /bin/echo /bin/true a; err "--entrypoint: /bin/true is no image"
echo '{"volumes": ["/usr:/x"], "volums": []}' >"$T/policy"
code 125 "$B" run --policy "$T/policy" true; err "'volums'"
echo '{"memory": true}' >"$T/policy"
code 125 "$B" run --policy "$T/policy" true; err "'memory'"
echo '{"memory"' >"$T/policy"
code 125 "$B" run --policy "$T/policy" true; err "$T/policy:"
# What a lenient parser would let through: the operator's grants are read as JSON or not at all.
for text in '{"env": ["A=1" "B=2"]}' '{"env": ["A=1",]}' '{"read_only": truth}' '{"memory": 1, "memory": 2}' '{"memory": 01}' \
	'{"memory" 1}' '{"memory": 1} {}' '{"a": }' '["a": 1]'; do
	printf '\n%s' "$text" >"$T/policy"
	code 125 "$B" run --policy "$T/policy" true; err "$T/policy:2:"
done
for open in '[' '{"a":'; do
	{ printf '{"volumes": '; yes "$open" | head -n 100000 | tr -d '\n'; } >"$T/policy"
	code 125 timeout 10 "$B" run --policy "$T/policy" true; err "$T/policy:1:"
done
echo '{"env": {"A": "\u00e9\ud83d\ude00\t\"x"}}' >"$T/policy"
code 0 "$B" run --policy "$T/policy" sh -c 'printf %s "$A" | od -An -tx1'; out ' c3 a9 f0 9f 98 80 09 22 78'
echo '{"hostname": "a\u0000b"}' >"$T/policy"
code 125 "$B" run --policy "$T/policy" true; err "'hostname'"

echo text >"$T/text"; chmod +x "$T/text"
code 126 "$B" run "$T/text"; err 'neither'
code 126 "$B" run "$T"; err 'a directory'
printf '\177ELF' >"$T/short"; chmod +x "$T/short"
code 126 "$B" run "$T/short"; err truncated
head -c 4096 /bin/true >"$T/elf"; chmod +x "$T/elf"
printf '\001' | dd of="$T/elf" bs=1 seek=4 conv=notrunc 2>/dev/null
code 126 "$B" run "$T/elf"; err 32-bit
printf '\002' | dd of="$T/elf" bs=1 seek=4 conv=notrunc 2>/dev/null
printf '\267' | dd of="$T/elf" bs=1 seek=18 conv=notrunc 2>/dev/null
code 126 "$B" run "$T/elf"; err 'another processor'
# What only loading can tell: an interpreter or a library that is missing, segments behind the file's end.
sed 's,/lib64/ld-linux-x86-64.so.2,/lib64/ld-linux-x86-64.so.9,' /bin/true >"$T/elf"
code 127 "$B" run "$T/elf"; err '/elf: needs the interpreter /lib64/ld-linux-x86-64.so.9, which is not in the sandbox'
sed 's,libc\.so\.6,libq.so.6,' /bin/true >"$T/elf"
code 127 "$B" run "$T/elf"; err libq.so.6
head -c 9000 /bin/true >"$T/elf"
code 126 "$B" run "$T/elf"; err '/elf: cannot be loaded: it is damaged or truncated'
printf '#!/bin/sh\necho script $1\n' >"$T/script"
code 126 "$B" run "$T/script"; err 'not executable'
chmod 755 "$T/script"
code 0 "$B" run "$T/script" arg; out 'script arg'
printf '#!/no/interpreter\n' >"$T/script"
code 127 "$B" run "$T/script"; err '/script: needs the interpreter /no/interpreter, which is not in the sandbox'
printf '\211BZIMG\r\n' >"$T/image"
code 125 "$B" run "$T/image"; err image

echo data >"$T/file"; chmod 644 "$T/file"
code 1 "$B" run cat "$T/file"; err "not granted: $T/file; add -v"
for command in logs wait stop kill rm; do code 125 "$B" $command nobody-here; err nobody-here; done
code 125 "$B" ps extra; err "'extra'"
code 125 "$B" stop; err stop
code 125 "$B" ps --tail 3; err --tail
code 125 "$B" inspect nothing-of-that-name; err nothing-of-that-name
code 125 "$B" rmi nothing; err nothing
code 125 "$B" kill -s NOSUCH x; err NOSUCH
[ -z "$(ls "$XDG_RUNTIME_DIR"/bartizan 2>/dev/null)" ] || not_ok "something was left behind"

# Limits that this host cannot enforce.
code 125 "$B" run --cpus 1000 true; err 'can be used here'
code 125 "$B" run --ulimit nofile=999999999 true; err 'RLIMIT_NOFILE'
code 125 "$B" run --pids-limit -5 true; err --pids-limit
code 0 "$B" run --pids-limit -1 true
[ -z "$(ls "$XDG_RUNTIME_DIR"/bartizan 2>/dev/null)" ] || not_ok "something was left behind"

# No user namespace: the remedy, in a line.  Its limit is one of each user namespace, so it can be tried in one.
other=
[ "$(id -u)" != 0 ] || other="setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_RUNTIME_DIR -u XDG_DATA_HOME"
none() { $other unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh "$@"; }
if none "$B" version >/dev/null 2>&1; then
	code 125 none "$B" run true; err "sysctl -w user.max_user_namespaces=10000; or use --no-userns"
	[ "$(wc -l <"$T/err")" -eq 1 ] || not_ok "not one line: $(cat "$T/err")"
	code 0 none "$B" run --no-userns true
fi
