# Shared by the tests of the command: expectations, and a state directory of the test's own.
set -u
B=$(realpath "$1")
T=$(mktemp -d)
export XDG_RUNTIME_DIR=$T/run XDG_DATA_HOME=$T/data
mkdir -p "$XDG_RUNTIME_DIR" "$XDG_DATA_HOME"
chmod 755 "$T"
fails=0

finish() {
	for name in $("$B" ps -a | awk 'NR > 1 { print $1 }'); do "$B" rm -f "$name" >/dev/null; done
	rm -rf "$T"
	[ $fails -eq 0 ] || echo "$fails failed"
	exit $((fails != 0))
}
trap finish EXIT

not_ok() {
	echo "FAILED: $*"
	fails=$((fails + 1))
}

# code WANTED COMMAND...: its exit code; output stays in $T/out and $T/err
code() {
	local wanted=$1
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null
	local got=$?
	[ $got -eq "$wanted" ] || not_ok "exit code $got, not $wanted: $* ($(head -c 300 "$T/err"))"
}

# out TEXT, err TEXT: the last command's whole output; a part of its standard error
out() { [ "$(cat "$T/out")" = "$1" ] || not_ok "output is '$(head -c 300 "$T/out")', not '$1'"; }
err() { grep -qF -- "$1" "$T/err" || not_ok "'$1' is not in '$(head -c 300 "$T/err")'"; }
has() { grep -qF -- "$1" "$T/out" || not_ok "'$1' is not in '$(head -c 300 "$T/out")'"; }
