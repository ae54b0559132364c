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
printf 'one\ntwo\n' >"$T/in"
[ "$( (read -r line; "$B" run cat) <"$T/in")" = two ] || not_ok "standard input's offset"
[ "$(echo piped | "$B" run cat)" = piped ] || not_ok "standard input from a pipe"
"$B" run cat <&- >"$T/out" 2>&1 || not_ok "closed standard input"
