# vm.memfd_noexec, since Linux 6.3: with 1 a memfd is executable where that is said, with 2 never.
sysctl -qw vm.memfd_noexec=1 || { skipped "vm.memfd_noexec: this kernel has no such switch" && return; }
runs "memfd_noexec=1: run" 0 "$B" run true
runs "memfd_noexec=1: run, as user" 0 as-user "$B" run true
sysctl -qw vm.memfd_noexec=2
out "fatal    sealed memfd               vm.memfd_noexec = 2"
runs "memfd_noexec=2: check" 125 "$B" check
err "vm.memfd_noexec=1"
runs "memfd_noexec=2: run" 125 as-user "$B" run true
[ "$(wc -l <"$T/err")" -eq 1 ] && passed "memfd_noexec=2: in one line" || failed "memfd_noexec=2: in one line"
