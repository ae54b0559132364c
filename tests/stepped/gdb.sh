#!/bin/sh
# gdb.sh BARTIZAN PROGRAM SCRIPT OPTION...: gdb, attached from the host to a picoprocess that waits in a system call, shows the frames
# of the guest behind those of the library OS (scripts/gdb-guest.py).
set -u
bartizan=$1 program=$2 script=$3
shift 3
command -v gdb >/dev/null && [ "$(id -u)" = 0 ] || exit 77
work=$(mktemp -d) || exit 1
mkfifo "$work/in"
[ "$*" != '--rewrite cached' ] || . "$(dirname "$0")/../guest/cached.sh"
[ "$*" != '--rewrite cached' ] || cached "$work/cache" "$bartizan" "$program"
"$bartizan" run -i "$@" "$program" <"$work/in" >"$work/out" &
command=$!
exec 3>"$work/in"
trap 'exec 3>&-; wait $command; rm -rf "$work"' EXIT
printf 12345 >&3
for i in $(seq 600); do
	grep -q waits "$work/out" && break
	sleep 0.1
done
# The process of this sandbox that has the program mapped to execute it: tests of its kind run beside it.
descends() { # PID: from $command
	at=$1
	while [ "${at:-0}" -gt 1 ]; do
		[ "$at" = "$command" ] && return 0
		at=$(awk '/^PPid:/ { print $2 }' "/proc/$at/status" 2>/dev/null)
	done
	return 1
}
pid=
for other in $(grep -l " r-xp .* $(realpath "$program")\$" /proc/[0-9]*/maps 2>/dev/null | tr -dc '0-9\n'); do
	descends "$other" && pid=$other && break
done
[ -n "$pid" ] || { echo "no process has $program mapped"; exit 1; }
# It may not have come to wait yet.
for i in 1 2 3 4 5 6 7 8 9 10; do
	timeout 60 gdb -nx -q -batch -p "$pid" -x "$script" -ex backtrace >"$work/frames" 2>&1
	tr '\n' ' ' <"$work/frames" | grep -q 'stream_read.*dispatch.*upcall_.*read (.*innermost (n=[^)]*5).*middle (n=[^)]*5).*main ()' && exit 0
	sleep 0.5
done
cat "$work/frames"
exit 1
