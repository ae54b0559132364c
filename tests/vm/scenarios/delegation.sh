# Limits by control groups, where systemd delegated one: in scopes and units, of the system's manager and of a user's.
python() { echo "$1" >"$T/${2:-p}.py" && chmod 755 "$T/${2:-p}.py"; }
python 'import sys, time
print("up", flush=True)
time.sleep(300)' sleep
# Private memory, by the page; it is the group that says no.
python 'import mmap
held = []
while True:
    m = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE)
    for i in range(0, 4 << 20, 4096):
        m[i] = 1
    held.append(m)' eat
python 'import os, time
n = 0
try:
    while n < 200:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        n += 1
except OSError as e:
    print("refused with", e.errno, "behind", n, flush=True)' forks
python 'import time
begin = time.process_time()
end = time.time() + 6
while time.time() < end:
    pass
print("used", round(time.process_time() - begin, 1), flush=True)' spin

group_of() { # its control group, by the pid of a process that runs in the sandbox
	local pid
	for pid in $(cat /sys/fs/cgroup/"$1"/bartizan-"$2"-*/cgroup.procs 2>/dev/null); do
		echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")"
		return
	done
	return 1
}
value() { cat "$(group_of "$1" "$2")/$3"; }
run="run -v $T:$T:ro"

for manager in system user; do
	if [ $manager = system ]; then
		as='' start="systemd-run -q" ctl=systemctl top=system.slice
	else
		as=as-user start="as-user systemd-run -q --user" ctl="as-user systemctl --user"
		top=user.slice/user-1000.slice/user@1000.service/app.slice
	fi
	scope="$start --scope -p Delegate=yes"
	out "ok       cgroup delegation          /sys/fs/cgroup/$top/"
	runs "$manager scope: check" 0 $scope --unit=check-$manager "$B" check
	out "on    limit: memory                64 MiB by cgroup"
	out "on    limit: processors            0.500 by cgroup"
	out "20 by RLIMIT_NPROC and cgroup"
	runs "$manager scope: explain" 0 $scope "$B" run --explain -m 64m --cpus 0.5 --pids-limit 20 true
	$ctl start user.slice 2>/dev/null

	$start --unit=lim-$manager -p Delegate=yes -p KillMode=mixed "$B" $run --name lim-$manager -m 64m --cpus 0.25 --pids-limit 20 python3 "$T/sleep.py"
	if within 30 group_of "$top/lim-$manager.service" lim-$manager; then
		passed "$manager unit: the sandbox's group is in its unit's"
		[ "$(value $top/lim-$manager.service lim-$manager memory.max)" = 67108864 ] && passed "$manager unit: memory.max" || failed "$manager unit: memory.max"
		[ "$(value $top/lim-$manager.service lim-$manager pids.max)" = 28 ] && passed "$manager unit: pids.max" || failed "$manager unit: pids.max"
		[ "$(value $top/lim-$manager.service lim-$manager cpu.max)" = "25000 100000" ] && passed "$manager unit: cpu.max" || failed "$manager unit: cpu.max"
	else
		failed "$manager unit: the sandbox's group is in its unit's"
		systemd-cgls -l --no-pager | head -n 60
	fi
	$ctl stop lim-$manager
	within 20 [ ! -e "/sys/fs/cgroup/$top/lim-$manager.service" ] && passed "$manager unit: the groups are gone" || failed "$manager unit: the groups are gone"

	err "out of memory"
	runs "$manager scope: out of memory" 137 $scope "$B" $run -m 64m python3 "$T/eat.py"
	out "refused with 11"
	runs "$manager scope: processes" 0 $scope "$B" $run --pids-limit 20 python3 "$T/forks.py"
	runs "$manager scope: part of a processor" 0 $scope "$B" $run --cpus 0.2 python3 "$T/spin.py"
	used=$(sed -n 's/^used //p' "$T/out")
	python3 -c "import sys; sys.exit(not 0.3 < float(sys.argv[1]) < 2.5)" "${used:-0}" &&
		passed "$manager scope: of 6 s it got $used" || failed "$manager scope: of 6 s it got ${used:-nothing}"
	# Twice in one scope, beside a shell; and at once.
	out "two"
	runs "$manager scope: several" 0 $scope bash -c "'$B' $run -m 64m true && '$B' $run -m 32m --cpus 0.5 true & '$B' $run --cpus 0.5 true; wait \$! && echo two"
	out "there"
	runs "$manager scope: -d" 0 $scope bash -c "'$B' run -d --rm -m 64m --name there sleep 100 && ls -d /sys/fs/cgroup/$top/*/bartizan-there-* && '$B' stop -t 1 there"
	[ -z "$(find /sys/fs/cgroup -name 'bartizan-*' | tee "$T/out")" ] && passed "$manager: no group is left" || failed "$manager: no group is left"

	[ $manager = system ] || continue # a user's unit may have the controllers all the same
	# Without delegation no group outside the unit's is used, though root and the user's manager could make some.
	err "needs a delegated cgroup v2"
	runs "$manager unit without delegation" 125 $start --wait --pipe "$B" run --cpus 0.5 true
	out "weak  limit: memory"
	runs "$manager unit without delegation: explain" 0 $start --wait --pipe "$B" run --explain -m 64m true
done
