. "$(dirname "$0")/lib.sh"

# Another process in a running sandbox: streams, exit codes, identity, place, environment.
code 0 "$B" run -d --name box -e FIRST=1 -w /usr sh -c 'trap "echo hung up >/tmp/hup" HUP; echo ready >/tmp/ready; while :; do sleep 0.1; done'
for _ in $(seq 100); do "$B" exec box test -e /tmp/ready 2>/dev/null && break; sleep 0.1; done

code 7 "$B" exec box sh -c 'echo out; echo err >&2; exit 7'; out out; err err
code 137 "$B" exec box sh -c 'kill -9 $$'
code 127 "$B" exec box nonesuch; err "bartizan: nonesuch: not found"
code 126 "$B" exec box /etc/passwd; err "permission denied"
code 125 "$B" exec box; err "name a sandbox"
code 125 "$B" exec none true; err "none: no such sandbox"
code 125 "$B" exec --wrong box true; err "unknown option"
code 0 "$B" exec box sh -c 'echo $FIRST $PWD $PPID; ps -o args= -p 1 | cut -c 1-7'; out "1 /usr 0
sh -c t"
code 0 "$B" exec -e FIRST=2 -e SECOND=3 -w /tmp box sh -c 'echo $FIRST$SECOND; pwd'; out "23
/tmp"
code 125 "$B" exec -w /nowhere box true; err "working directory /nowhere: does not exist"
code 0 "$B" exec -u nobody box sh -c 'id -un; echo $HOME'; out "nobody
/nonexistent"
code 0 "$B" exec -u 1234:nogroup box id; out "uid=1234 gid=65534(nogroup) groups=65534(nogroup)"
code 125 "$B" exec -u nonesuch box true; err "no such user or group"
[ "$(seq 200000 | "$B" exec -i box tail -n 1)" = 200000 ] || not_ok "standard input"
[ "$("$B" exec box seq 200000 | md5sum)" = "$(seq 200000 | md5sum)" ] || not_ok "standard output"
code 0 "$B" exec box cat; out "" # no -i: nothing is read
code 0 "$B" exec box sh -c 'ls -l /proc/self/fd | awk "{ print \$9, \$1 }" | sed -n 3,4p'; out "1 l-wx------
2 l-wx------"
yes | head -c 3m | "$B" exec -i box sh -c 'head -c 10 >/dev/null; exit 3'; [ "${PIPESTATUS[2]}" -eq 3 ] || not_ok "input that nobody reads"
"$B" exec box yes | head -n 1 >/dev/null; [ "${PIPESTATUS[0]}" -eq 141 ] || not_ok "a reader that went away: ${PIPESTATUS[0]}"

# Signals pass; a command that is killed hangs up; -d goes on.
"$B" exec box sh -c 'trap "exit 9" TERM; echo up >/tmp/up; while :; do sleep 0.1; done' & pid=$!
for _ in $(seq 100); do "$B" exec box test -e /tmp/up && break; sleep 0.1; done
kill -TERM $pid; wait $pid; [ $? -eq 9 ] || not_ok "SIGTERM was not passed on"
"$B" exec box sh -c 'trap "echo yes >/tmp/hung; exit" HUP; echo up >/tmp/up2; while :; do sleep 0.1; done' & pid=$!
for _ in $(seq 100); do "$B" exec box test -e /tmp/up2 && break; sleep 0.1; done
kill -9 $pid; wait $pid 2>/dev/null
for _ in $(seq 100); do "$B" exec box test -e /tmp/hung && break; sleep 0.1; done
code 0 "$B" exec box cat /tmp/hung; out yes
code 0 "$B" exec -d box sh -c 'sleep 0.3; echo detached >/tmp/detached'; out ""
for _ in $(seq 100); do "$B" exec box test -e /tmp/detached && break; sleep 0.1; done
code 0 "$B" exec box cat /tmp/detached; out detached
code 127 "$B" exec -d box nonesuch; err "not found"

# Its orphans go to the first process; several at once; the number of sessions is bounded, and they are given back.
code 0 "$B" exec box sh -c '(sleep 5; :) & sleep 0.1; exec ps -o ppid= -p $!'
for i in $(seq 40); do "$B" exec box true || not_ok "session $i"; done
pids=
for i in 1 2 3 4 5; do "$B" exec box sh -c "sleep 0.2; exit $i" & pids="$pids $!"; done
i=0
for p in $pids; do i=$((i + 1)); wait $p; [ $? -eq $i ] || not_ok "one of several at once"; done

# While processes end all the time: the template hears of deaths on whichever thread the kernel chooses.
code 0 "$B" exec -d box sh -c 'i=0; while [ $i -lt 400 ]; do i=$((i + 1)); /bin/true; done'
for i in $(seq 60); do
	[ "$(timeout 20 "$B" exec box echo yes)" = yes ] || { not_ok "no answer while others end"; break; }
done

# top: what runs, as text and as JSON.
"$B" exec -d box sleep 77
code 0 "$B" top box; has "sleep 77"; has "PID"
code 0 "$B" top --json box
python3 - "$T/out" <<'PY' || not_ok "top --json"
import json, sys
d = json.load(open(sys.argv[1]))
by = {p['pid']: p for p in d['processes']}
assert d['name'] == 'box' and d['process_count'] == len(by) and d['thread_count'] >= sum(p['state'] != 'Z' for p in by.values()), d
assert by[1]['command'].startswith('sh -c trap') and by[1]['state'] in 'RS' and by[1]['memory_bytes'] > 0, by[1]
sleeper = [p for p in by.values() if p['command'] == 'sleep 77'][0]
assert sleeper['ppid'] == 0 and sleeper['descriptors'] == 3 and sleeper['threads'] == 1, sleeper
PY
code 0 "$B" exec -d box bash -c 'exec -a "$(printf "\033[31mred\"")" sleep 60'
code 0 "$B" top --json box; python3 -m json.tool "$T/out" >/dev/null || not_ok "top --json of a hostile name"
code 0 "$B" top box; grep -q "$(printf '\033')" "$T/out" && not_ok "an escape sequence reached the terminal"
code 0 "$B" exec -d box sh -c 'while :; do :; done'
code 0 "$B" exec box sh -c 'i=0; while [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); t=$(ps -eo cputimes=,args= | grep "while :; do :; done" | grep -v grep | sort -n | tail -n 1); set -- $t; [ "${1:-0}" -ge 1 ] && exit 0; done; exit 1'
code 125 "$B" top none; err "no such sandbox"

# The sandbox's end ends what was executed in it.
"$B" exec box sleep 60 & pid=$!
for _ in $(seq 100); do "$B" top box | grep -q 'sleep 60' && break; sleep 0.1; done
code 0 "$B" kill box
wait $pid; [ $? -eq 137 ] || not_ok "the end of the sandbox"
code 125 "$B" exec box true; err "is not running"
