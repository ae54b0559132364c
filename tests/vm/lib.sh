# For the scenarios: expectations, whose results go to the second serial line, one a line, for scripts/test-vm.
# What fails is shown on the console.  $B is the command, $T a directory for the scenario.
B=$PLACE/build/bartizan
PATH=$PLACE/tests/vm/bin:$PATH
T=$(mktemp -d /tmp/scenario.XXXXXX)
chmod 777 "$T"
cd "$T" || exit 1

result() {
	echo "$*" >/dev/ttyS1
	echo "$*"
}
passed() { result "ok $*"; }
skipped() { result "skip $*"; }
failed() {
	result "FAILED $1"
	echo "--- ${2-}"
	tail -c 2000 "$T/out" "$T/err" 2>/dev/null
}

# runs NAME CODE COMMAND...: its exit code; output stays in $T/out and $T/err.  Expectations of its output stand before it:
# `out TEXT`, `err TEXT` for a part of either, `no_err TEXT` for what must not be there.
wants=()
out() { wants+=("out" "$1"); }
err() { wants+=("err" "$1"); }
no_err() { wants+=("no" "$1"); }
runs() {
	local name=$1 code=$2 got
	shift 2
	timeout -k 5 "${SECONDS_EACH-60}" "$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	chmod 666 "$T/out" "$T/err" 2>/dev/null
	if [ $got -ne "$code" ]; then
		failed "$name" "exit code $got, not $code: $*"
	else
		look_at "$name"
	fi
	wants=()
}
look_at() {
	local i
	for ((i = 0; i < ${#wants[@]}; i += 2)); do
		case ${wants[i]} in
		out) grep -qF -- "${wants[i + 1]}" "$T/out" || { failed "$1" "'${wants[i + 1]}' is not in its output" && return; } ;;
		err) grep -qF -- "${wants[i + 1]}" "$T/err" || { failed "$1" "'${wants[i + 1]}' is not in its errors" && return; } ;;
		no) ! grep -qF -- "${wants[i + 1]}" "$T/err" || { failed "$1" "'${wants[i + 1]}' is in its errors" && return; } ;;
		esac
	done
	passed "$1"
}

# within SECONDS COMMAND...: repeats it until it succeeds
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.3
	done
}
