. "$(dirname "$0")/lib.sh"
P=$(realpath "$2")

# The lines between the marks, without addresses and process numbers.
shape() {
	sed -n '/^getppid/,/^getppid/p' "$1" | sed -E 's/0x[0-9a-f]{4,}/ADDR/g; s/^(getppid|getpid)\(\).*/\1/; s/^kill\([0-9]+/kill(PID/
		s/si_pid=[0-9]+, si_uid=[0-9]+/WHO/; s/ +=/ =/; s/makedev\([^)]*\)/DEV/; s/(S_IFDIR[^,]*), st_size=[0-9]+/\1/
		s/(, )?(prlimit64\(0, RLIMIT_CORE).*/\2/; s/htons\([0-9]{5}\)/PORT/g'
}

code 5 "$B" run --trace "$P"
shape "$T/err" >"$T/ours"
[ "$(wc -l <"$T/ours")" -gt 120 ] || not_ok "the trace has $(wc -l <"$T/ours") lines between its marks"
err 'write(4, "a\"\\\n\t\1\09\0017\177\377\33[0m", 16) = 16'
err 'newfstatat(AT_FDCWD, "/nonexistent\33[31m\n\\x\"", 0x'
err ', AT_SYMLINK_NOFOLLOW) = -1 ENOENT (No such file or directory)'
err 'openat(AT_FDCWD, "/tmp/bartizan-trace", O_RDWR|O_CREAT|O_TRUNC|O_APPEND, 0640) = 5'
err '--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=1, si_uid='
err 'exit_group(5)                           = ?'
err '+++ exited with 5 +++'
grep -q '^\[pid' "$T/err" && not_ok "a single thread's lines have its number"
LC_ALL=C grep -qP '[^\n -~]' "$T/err" && not_ok "the trace is not printable ASCII: $(LC_ALL=C grep -P '[^\n -~]' "$T/err" | head -3 | cat -v)"

# More threads than one, and an end by a signal.
code 143 "$B" run --trace "$P" more
err '[pid     2] execve("/nonexistent", ["name", "argument \"\\\33"], 0x'
err '[pid     2] exit_group(3)               = ?'
err '[pid     2] +++ exited with 3 +++'
err 'wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 2'
err '+++ killed by SIGTERM +++'

# A call that waits is seen while it does, and one whose thread ends in it.
code 0 sh -c 'mkfifo "$1/fifo"; exec 9<>"$1/fifo"
	"$2" run --trace /bin/cat <&9 2>"$1/err" & tries=0
	until grep -q "^read(0,  <unfinished ...>$" "$1/err"; do
		tries=$((tries + 1)); [ $tries -lt 300 ] || { echo "cat waits unseen" >&2; kill $!; exit 1; }; sleep 0.1
	done
	echo hello >"$1/fifo"
	until grep -q "hello" "$1/err"; do tries=$((tries + 1)); [ $tries -lt 300 ] || exit 1; sleep 0.1; done
	kill $!; wait $!; exit 0' sh "$T" "$B"
grep -qE '^<\.\.\. read resumed>"hello\\n", [0-9]+\) *= 6$' "$T/err" || not_ok "a call that waited is not resumed: $(cat "$T/err")"

# And as strace itself prints them, where it is installed and may trace.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	strace -o "$T/strace" "$P"
	shape "$T/strace" >"$T/theirs"
	diff "$T/theirs" "$T/ours" >"$T/diff" || not_ok "not as strace: $(cat "$T/diff")"
fi
