# What scripts/quickstart runs when it has built, as root and as an ordinary user, and what a newcomer tries next.
for user in root user; do
	as=
	[ $user = root ] || as=as-user
	out "ok       kernel                     Linux 6.1"
	out "ok       FSGSBASE"
	out "ok       clock"
	out "ok       user namespaces"
	# systemd runs it, without delegation: that is said.
	out "missing  cgroup delegation"
	runs "check, as $user" 1 $as "$B" check
	runs "build, as $user" 0 $as "$B" build -o "$T/sqlite3-$user.bz" /usr/bin/sqlite3
	out "hello from a picoprocess"
	runs "an image, as $user" 0 $as "$B" run "$T/sqlite3-$user.bz" :memory: "select 'hello from a picoprocess'"
	out "[1, 'bin"
	runs "python3, as $user" 0 $as "$B" run /usr/bin/python3 -c 'import os; print([os.getpid(), *sorted(os.listdir("/"))])'
	out "user namespace"
	no_err "LOST"
	runs "explain, as $user" 0 $as "$B" run --explain /usr/bin/true
	runs "pipes and processes, as $user" 0 $as "$B" run sh -c 'seq 1000 | sort -n | tail -n 1 | grep -qx 1000'
	runs "in the background, as $user" 0 $as "$B" run -d --name "there-$user" sleep 100
	out "there-$user"
	runs "ps, as $user" 0 $as "$B" ps
	runs "stop, as $user" 0 $as "$B" stop -t 1 "there-$user"
	runs "rm, as $user" 0 $as "$B" rm "there-$user"
done
