. "$(dirname "$0")/lib.sh"

# What a program of the host sees, and what it does not.
for path in /home /root /var /run /etc/shadow /etc/hosts /etc/ssl/private /usr/local/bin /etc/fstab /boot /opt; do
	code 2 "$B" run ls -d "$path/."
done
for path in /usr/bin /bin/sh /etc/passwd /etc/ld.so.cache /tmp /dev/null /proc/self/exe; do
	code 0 "$B" run ls -d "$path"
done
[ -d /usr/local/bin ] && code 0 "$B" run --usr-local ls -d /usr/local/bin
code 0 "$B" run cat /etc/passwd
grep -v "^root:\|^nobody:\|^[^:]*:x:$(id -u):" "$T/out" && not_ok "the host's passwd is seen"
code 0 "$B" run id -u; out "$(id -u)"
code 0 "$B" run pwd; out /
code 0 "$B" run -u 0:0 sh -c 'echo x >/tmp/f; echo y >/usr/bin/f && cat /tmp/f /usr/bin/f'; out "$(printf 'x\ny')"
[ ! -e /usr/bin/f ] || not_ok "the host's /usr was written"
cp /bin/echo "$T/my-echo"; chmod 755 "$T/my-echo"
code 0 "$B" run "$T/my-echo" own file; out 'own file'
code 0 "$B" run "$T/my-echo" "$T"
(cd "$T" && code 0 "$B" run ./my-echo here; out here; exit $fails) || fails=1
code 0 "$B" run env
grep -v '^PATH=\|^HOME=\|^HOSTNAME=\|^LANG=\|^LC_\|^TZ=' "$T/out" && not_ok "the environment leaks"
# Position of shared standard streams: as natively.
(echo first; "$B" run echo second; echo third) >"$T/log" 2>&1
[ "$(cat "$T/log")" = "$(printf 'first\nsecond\nthird')" ] || not_ok "standard output's offset: $(cat "$T/log")"
(echo first; "$B" run echo second; echo third) 1<>"$T/log"
[ "$(head -3 "$T/log")" = "$(printf 'first\nsecond\nthird')" ] || not_ok "offset of a file open for both"
"$B" run sh -c 'echo out; echo err >&2; echo out' >"$T/log" 2>&1
[ "$(cat "$T/log")" = "$(printf 'out\nerr\nout')" ] || not_ok "stdout and stderr in one file: $(cat "$T/log")"
# What the command says and what the guest writes do not lie over each other, however the file was opened.
# (With 1<>log 2>>log what is written at an offset lies over what is appended, natively too.)
for redirect in '>"$T/log" 2>&1' '1<>"$T/log" 2>&1' '>>"$T/log" 2>>"$T/log"'; do
	: >"$T/log"
	# What dash says is one write: its trace comes before or behind, not between.
	eval '"$B" run --trace sh -c "echo first; echo \"x: No such file or directory\" >&2; echo last"' "$redirect"
	[ "$(grep -cxE 'first|.*: No such file or directory|last' "$T/log")" -eq 3 ] || not_ok "output with $redirect"
	tail -n 1 "$T/log" | grep -qxF '+++ exited with 0 +++' || not_ok "the trace's end with $redirect"
	: >"$T/log"
	eval '"$B" run -w /nowhere true' "$redirect"
	grep -qxF 'bartizan: working directory /nowhere: does not exist' "$T/log" || not_ok "an error with $redirect"
done
# What the operator puts over a part of the view hides what would be shown there.
mkdir "$T/etc"; echo mine >"$T/etc/f"; chmod -R a+rX "$T/etc"
code 0 "$B" run -v "$T/etc:/etc:ro" ls /etc; out f
printf 'one\ntwo\n' >"$T/in"
[ "$( (read -r line; "$B" run cat) <"$T/in")" = two ] || not_ok "standard input's offset"
[ "$(echo piped | "$B" run cat)" = piped ] || not_ok "standard input from a pipe"
"$B" run cat <&- >"$T/out" 2>&1 || not_ok "closed standard input"
