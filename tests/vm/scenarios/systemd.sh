# Units as docs/running.md has them, of the system's manager and of a user's.
unit() { # NAME PROGRAM-TEXT [LINE...]: writes it where $units is
	local name=$1 program=$2
	shift 2
	printf '%s\n' "$program" >"$T/$name.sh"
	chmod 755 "$T/$name.sh"
	printf '%s\n' '[Service]' "ExecStart=$B run --name $name -v $T:$T:ro sh $T/$name.sh" 'KillMode=mixed' "$@" >"$units/$name.service"
}
state() { $ctl show -P "$2" "$1"; }
is() { [ "$(state "$1" "$2")" = "$3" ]; }
# The journal's lines of a unit.
says() { journalctl -q -o cat "$field=$1.service" | grep -qF -- "$2"; }
expect() { # NAME COMMAND...
	local name=$1
	shift
	if within 20 "$@"; then passed "$name"; else
		failed "$name" "$*"
		$ctl --no-pager status "$unit_name" 2>&1 | head -n 20
		journalctl -q --no-pager -n 10 -o cat
	fi
}
empty() { # no process is left of the unit
	local group=/sys/fs/cgroup$group_of/$1.service
	[ ! -e "$group" ] || [ -z "$(find "$group" -name cgroup.procs -exec cat {} +)" ]
}

for manager in system user; do
	if [ $manager = system ]; then
		units=/run/systemd/system ctl=systemctl field=_SYSTEMD_UNIT as='' group_of=/system.slice
	else
		units=/home/tester/.config/systemd/user ctl="as-user systemctl --user" field=_SYSTEMD_USER_UNIT as=as-user
		group_of=/user.slice/user-1000.slice/user@1000.service/app.slice
		mkdir -p $units && chown -R tester: /home/tester
	fi
	unit_name=web
	unit web 'trap "echo asked to end; exit 3" TERM
echo "hello from process $$"
while :; do sleep 0.2; done'
	unit quits 'echo short; exit 42'
	unit dies 'kill -SEGV $$'
	unit stubborn 'trap "" TERM; echo deaf; while :; do sleep 0.2; done' TimeoutStopSec=2
	unit killall 'trap "echo asked to end; exit 4" TERM
echo up
while :; do sleep 0.2; done' KillMode=control-group
	unit again 'echo once more; sleep 0.5; exit 1' Restart=on-failure RestartSec=100ms SuccessExitStatus=143
	$ctl daemon-reload

	$ctl start web
	expect "$manager unit: its output is in the journal" says web "hello from process 1"
	expect "$manager unit: ps knows it" sh -c "$as '$B' ps | grep -q 'web .*running'"
	$ctl stop web
	expect "$manager unit: stop reaches the program" says web "asked to end"
	expect "$manager unit: its exit code" is web ExecMainStatus 3
	expect "$manager unit: nothing is left" empty web
	runs "$manager unit: no record is left" 1 sh -c "$as '$B' ps -a | grep web"

	unit_name=quits
	$ctl start quits
	expect "$manager unit: the program's exit code" is quits ExecMainStatus 42
	expect "$manager unit: failed" is quits Result exit-code
	$ctl start dies
	unit_name=dies
	expect "$manager unit: a program that a signal killed" is dies ExecMainStatus 139

	unit_name=stubborn
	$ctl start stubborn
	expect "$manager unit: one that hears nothing runs" says stubborn deaf
	$ctl stop stubborn
	expect "$manager unit: it is killed when its time is over" is stubborn Result timeout
	expect "$manager unit: and nothing is left of it" empty stubborn

	unit_name=killall
	$ctl start killall
	expect "$manager unit: KillMode=control-group runs" says killall up
	$ctl stop killall
	expect "$manager unit: KillMode=control-group lets the program end" is killall ExecMainStatus 4
	expect "$manager unit: KillMode=control-group: nothing is left" empty killall

	unit_name=again
	$ctl start again
	expect "$manager unit: Restart= starts it again" sh -c "[ \$($ctl show -P NRestarts again) -ge 2 ]"
	$ctl stop again
	expect "$manager unit: and stops" is again ActiveState inactive

	unit_name=web
	$ctl start web
	expect "$manager unit: runs again" says web "hello from process 1"
	$ctl kill -s KILL --kill-who=main web
	expect "$manager unit: a killed command takes its sandbox along" empty web
	$ctl reset-failed
done

# What units are often hardened with: it runs, or one line says why not.
hardened() { # NAME CODE PROPERTY...
	local name=$1 code=$2 p=()
	shift 2
	for i; do p+=(-p "$i"); done
	runs "hardened: $name" "$code" systemd-run -q --wait --pipe "${p[@]}" "$B" run ${run_options-} sh -c 'echo alive'
}
out alive
hardened "NoNewPrivileges" 0 NoNewPrivileges=yes
out alive
hardened "Protect*" 0 ProtectSystem=strict ProtectHome=yes PrivateTmp=yes ProtectKernelTunables=yes ProtectControlGroups=yes \
	ProtectKernelLogs=yes ProtectClock=yes PrivateDevices=yes
err "ENOSYS" # its filter has no openat2(2)
hardened "DynamicUser" 125 DynamicUser=yes
out alive
hardened "User" 0 User=tester
out alive
hardened "no capabilities, a user" 0 User=tester CapabilityBoundingSet= AmbientCapabilities=
err "CAP_SETUID"
hardened "no capabilities, root" 125 CapabilityBoundingSet=
err "--no-userns"
hardened "RestrictNamespaces" 125 User=tester RestrictNamespaces=yes
out alive
run_options=--no-userns hardened "RestrictNamespaces, --no-userns" 0 User=tester RestrictNamespaces=yes
