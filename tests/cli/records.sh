. "$(dirname "$0")/lib.sh"

cp /bin/busybox $T/$'e\e[31mvil'
code 0 "$B" run -d --name named $T/$'e\e[31mvil' true
code 0 "$B" ps -a; has 'vil'; grep -q $'\e' "$T/out" && not_ok "ps shows an escape sequence"
code 0 "$B" wait named; code 0 "$B" rm named

code 0 "$B" run -d --name one sh -c 'echo hello; echo oops >&2; exit 3'; out one
code 0 "$B" wait one; out 3
code 0 "$B" logs one; out "$(printf 'hello\noops')"
code 0 "$B" logs --tail 1 one; out oops
code 0 "$B" logs --tail 0 one; out ''
code 0 "$B" ps; grep -q one "$T/out" && not_ok "ps shows what has ended"
code 0 "$B" ps -a; has 'ended 3'
code 0 "$B" inspect one; has '"exit_code": 3'
code 125 "$B" run -d --name one true; err "'one'"
code 0 "$B" rm one
code 125 "$B" rm one; err one

code 0 "$B" run -d --name two sleep 60
code 0 "$B" ps; has running
code 0 "$B" ps --json; has '"two"'
code 125 "$B" rm two; err running
sleep 0.3
code 0 "$B" stop -t 5s two
code 0 "$B" wait --json two; has '"exit_code": 143'
code 0 "$B" rm two

code 0 "$B" run -d --name three sleep 60
code 0 "$B" kill three
code 0 "$B" wait three; out 137
code 0 "$B" rm -f three

code 0 "$B" run -d --rm --name four sh -c 'trap "exit 9" USR1; while :; do sleep 0.05; done'
sleep 0.5
code 0 "$B" kill -s USR1 four
for i in 1 2 3 4 5 6 7 8 9 10; do "$B" ps -a | grep -q four || break; sleep 0.1; done
code 0 "$B" ps -a; grep -q four "$T/out" && not_ok "--rm left a record"

code 0 "$B" run -d --name five sh -c 'trap "" TERM; sleep 60 & while :; do sleep 0.1; done'
sleep 0.3
code 0 "$B" stop -t 300ms five
code 0 "$B" wait five; out 137
code 0 "$B" rm five

# A keeper's record whose process number was given away again is not mistaken for it.
code 0 "$B" run -d --name six true
code 0 "$B" wait six
sed -i "s/\"pid\": [0-9]*/\"pid\": $$/; s/\"state\": \"ended\"/\"state\": \"running\"/" "$XDG_RUNTIME_DIR/bartizan/six.json"
code 0 "$B" ps -a; has lost
code 0 "$B" rm six

# Following a log ends with the sandbox; a long log is rotated.
code 0 "$B" run -d --name seven sh -c 'for i in 1 2 3; do echo line $i; sleep 0.1; done'
code 0 timeout 20 "$B" logs -f seven; out "$(printf 'line 1\nline 2\nline 3')"
code 0 "$B" rm seven
code 0 "$B" run -d --name eight sh -c 'yes 0123456789abcdef | head -c 11000000; echo; echo last'
code 0 timeout 30 "$B" wait eight
[ -s "$XDG_RUNTIME_DIR/bartizan/eight.log.1" ] || not_ok "the log was not rotated"
[ "$(stat -c %s "$XDG_RUNTIME_DIR/bartizan/eight.log.1")" -le 10485760 ] || not_ok "the log grew over 10 MB"
code 0 "$B" logs --tail 1 eight; out last
[ "$("$B" logs eight | wc -c)" -eq 11000006 ] || not_ok "rotation lost bytes"
code 0 "$B" rm eight
# A console in the background, and records of what runs in the foreground.
code 0 "$B" run -d -t --name ten sh -c 'tty; exit 2'
code 0 "$B" wait ten; out 2
code 0 "$B" logs --raw ten; out "$(printf '/dev/console\r')"
code 0 "$B" rm ten
"$B" run --name front sleep 60 2>/dev/null &
pid=$!
for i in 1 2 3 4 5 6 7 8 9 10; do "$B" ps | grep -q front && break; sleep 0.1; done
"$B" wait front >"$T/waited" &
sleep 0.2
code 0 "$B" kill front
wait $pid
[ $? -eq 137 ] || not_ok "the exit code of a run in the foreground that was killed"
wait
[ "$(cat "$T/waited")" = 137 ] || not_ok "wait for a run in the foreground: $(cat "$T/waited")"

code 127 "$B" run -d --name nine no-such-thing-9
[ -z "$(ls "$XDG_RUNTIME_DIR/bartizan")" ] || not_ok "left behind: $(ls "$XDG_RUNTIME_DIR/bartizan")"
