. "$(dirname "$0")/lib.sh"

# What a program looked for and was not granted: hints at the end of the run, all of it by `logs --denied`.
D=$(mktemp -d /var/tmp/bartizan-test.XXXXXX)
chmod 755 "$D"
trap 'rm -rf "$D"; finish' EXIT
for i in 1 2 3 4 5 6 7 8; do echo "$i" >"$D/file$i"; done
mkdir "$D/dir" && echo deep >"$D/dir/deep"
no_err() { grep -qF -- "$1" "$T/err" && not_ok "'$1' is in '$(head -c 300 "$T/err")'"; }

code 3 "$B" run sh -c "cat $D/file1; exit 3"
err "bartizan: not granted: $D/file1; add -v $D/file1:$D/file1:ro"
[ "$(grep -c 'not granted' "$T/err")" -eq 1 ] || not_ok "not one hint: $(cat "$T/err")"
# Granted, absent here too, found, or of no weight.
code 3 "$B" run -v "$D:$D:ro" sh -c "cat $D/file1 $D/no; exit 3"; no_err "not granted"
code 3 "$B" run sh -c "cat $D/none /nonexistent/x; exit 3"; no_err "not granted"
code 3 "$B" run sh -c 'cat /etc/hostname /proc/x /usr/local/bin/sh; exit 3'; no_err "not granted"
code 3 "$B" run -e PATH="/nonexistent:$D/none:/usr/bin" sh -c 'nothing-of-that-name; exit 3'; no_err "not granted"
# A program that was content is talked about on a terminal alone.
code 0 "$B" run sh -c "cat $D/file1; true"; no_err "not granted"
/usr/bin/python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$B" run sh -c "cat $D/file1; true" >"$T/out" </dev/null
has "not granted: $D/file1; add -v"
# The way to a file is not a hint of its own; neither is the same file twice.
code 3 "$B" run sh -c "cd $D; ls $D; ls $D/dir; cat $D/dir/deep $D/dir/deep; exit 3"
[ "$(grep 'not granted' "$T/err")" = "bartizan: not granted: $D/dir/deep; add -v $D/dir/deep:$D/dir/deep:ro" ] ||
	not_ok "the way is hinted: $(cat "$T/err")"
# Few of them.
code 3 "$B" run sh -c "cat $D/file*; for i in 1 2 3 4 5 6 7 8; do cat $D/file\$i; done; exit 3"
[ "$(grep -c 'not granted: .*; add -v' "$T/err")" -eq 5 ] || not_ok "not five hints: $(cat "$T/err")"
err "bartizan: not granted: and 3 more"
# Hostile names stay text, and their number is bounded.
touch "$D/$(printf 'a\033[31m')"
code 3 "$B" run sh -c "cat $D/a$(printf '\033')[31m; exit 3"
grep 'not granted' "$T/err" && not_ok "a name that is not text is hinted"
code 0 "$B" run -d --name many sh -c 'i=0; while [ $i -lt 200 ]; do cat /x$i; i=$((i+1)); done; cat "/home/\033[31m\n"; exit 3'
code 0 "$B" wait many
code 0 "$B" logs --denied many
[ "$(wc -l <"$T/out")" -eq 64 ] || not_ok "$(wc -l <"$T/out") lines of what was denied, not 64"
has "not granted: /x62"
code 0 "$B" rm many
[ -z "$(ls "$XDG_RUNTIME_DIR/bartizan")" ] || not_ok "rm leaves $(ls "$XDG_RUNTIME_DIR/bartizan")"
code 0 "$B" run -d --name one sh -c "cat $D/file2; printf 'x' >\"$D/$(printf 'b\033[2J')\"; exit 3"
code 0 "$B" wait one; out 3
code 0 "$B" logs one; has "not granted: $D/file2; add -v"
code 0 "$B" logs --denied one; has "not granted: $D/file2"; has 'b\x1b[2J'
LC_ALL=C grep -qP '\x1b' "$T/out" && not_ok "an escape sequence in what was denied"
# As options; what the host has not is left out, and what is no grant is a comment.
code 0 "$B" run -d --name grants -v "$D/dir:/d:ro" sh -c "cat $D/file3; cat $D/none; echo x >/d/y; exit 3"
code 0 "$B" wait grants
code 0 "$B" logs --denied=grants grants; has "-v $D/file3:$D/file3:ro"
grep -qF "$D/none" "$T/out" && not_ok "what is not there is offered"
code 125 "$B" logs --denied=x grants; err "there is --denied and --denied=grants"
code 0 "$B" run -d --name net /usr/bin/python3 -c '
import socket
for host in ("192.0.2.1", "2001:db8::1"):
    try: socket.create_connection((host, 443), 5)
    except OSError: pass
try: socket.getaddrinfo("api.example.org", 443)
except OSError: pass'
code 0 "$B" wait net
code 0 "$B" logs --denied=grants net; has "--allow 192.0.2.1:443"; has "--allow '[2001:db8:0:0:0:0:0:1]:443'"; has "--allow api.example.org:PORT"
code 0 "$B" rm net; code 0 "$B" rm grants
# Nothing of it is in --stats.
code 3 "$B" run --stats="$T/stats" sh -c "cat $D/file1; exit 3"
/usr/bin/python3 -m json.tool "$T/stats" >/dev/null || not_ok "--stats is no JSON"
