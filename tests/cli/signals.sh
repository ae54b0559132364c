. "$(dirname "$0")/lib.sh"

code 143 "$B" run sh -c 'kill -TERM $$'
code 139 "$B" run sh -c 'kill -SEGV $$'

# What the command gets, the guest gets.
for signal in INT TERM HUP USR1 QUIT; do
	mkfifo "$T/fifo"
	env --default-signal=INT,QUIT,HUP "$B" run sh -c "trap 'echo got $signal; exit 5' $signal; echo ready; while :; do sleep 0.05; done" >"$T/fifo" &
	pid=$!
	exec 3<"$T/fifo"
	read -r line <&3
	[ "$line" = ready ] || not_ok "not ready for $signal: $line"
	kill -s $signal $pid
	read -r line <&3
	wait $pid
	got=$?
	exec 3<&-
	rm "$T/fifo"
	[ "$line" = "got $signal" ] && [ $got -eq 5 ] || not_ok "$signal: '$line', exit code $got"
done

# nohup: what the command was told to ignore does not reach the guest.
(trap '' HUP; exec "$B" run sh -c 'sleep 0.6; echo survived') >"$T/out" &
pid=$!
sleep 0.3
kill -HUP $pid
wait $pid || not_ok "SIGHUP reached the guest though it was ignored"
out survived

# A command that is killed takes its sandbox with it.
"$B" run --name victim sleep 60 >/dev/null 2>&1 &
pid=$!
sleep 0.3
monitor=$("$B" ps --json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
[ -n "$monitor" ] || not_ok "a sandbox in the foreground has no record"
kill -KILL $pid
wait $pid 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do grep -q 'State:.*[SRD] ' "/proc/$monitor/status" 2>/dev/null || break; sleep 0.1; done
grep -q 'State:.*[SRD] ' "/proc/$monitor/status" 2>/dev/null && not_ok "the monitor lives on"
"$B" ps -a | grep -q victim && not_ok "the record of a killed command stays"
[ -z "$(ls "$XDG_RUNTIME_DIR/bartizan")" ] || not_ok "left behind: $(ls "$XDG_RUNTIME_DIR/bartizan")"

# A pipe of the host that nobody reads: SIGPIPE says that the writer itself caused it, as Linux's does.
cat >"$T/sigpipe.py" <<'EOF'
import os, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
try:
    while True:
        os.write(1, b"x" * 65536)
except BrokenPipeError:
    info = signal.sigtimedwait([signal.SIGPIPE], 5)
    sys.stderr.write(f"SIGPIPE {info.si_code} {info.si_pid == os.getpid()}\n")
EOF
for run in "" "$B run -v $T/sigpipe.py:/sigpipe.py"; do
	$run /usr/bin/python3 "$([ -n "$run" ] && echo /sigpipe.py || echo "$T/sigpipe.py")" 2>"$T/err" | true
	err "SIGPIPE 0 True"
done
