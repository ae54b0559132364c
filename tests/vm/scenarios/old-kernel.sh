# Linux 5.10: which feature is missing, and since which version Linux has it, in a line.
out "fatal    kernel                     Linux 5.10."
out "Linux 6.1 or newer is needed"
out "fatal    epoll_pwait2"
out "No sandbox runs on this host."
runs "check" 125 "$B" check
for as in "" as-user; do
	err "epoll_pwait2"
	err "since 5.11"
	err "6.1"
	runs "run${as:+, as user}" 125 $as "$B" run true
	[ "$(wc -l <"$T/err")" -eq 1 ] && passed "in one line${as:+, as user}" || failed "in one line${as:+, as user}"
done
runs "build works" 0 "$B" build -o "$T/true.bz" /usr/bin/true
runs "inspect works" 0 "$B" inspect "$T/true.bz"
