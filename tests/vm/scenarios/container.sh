# Inside containers: crun's with a seccomp policy like Docker's, which has no user namespaces, and systemd-nspawn's.
root=/run/container-root
mkdir -p $root "$T/bundle"
mount --bind / $root
mount --bind "$PLACE" "$root$PLACE"

# USER COMMAND...: in a container of crun's
contained() {
	local uid=$1
	shift
	python3 - "$uid" "$root" "$@" >"$T/bundle/config.json" <<'PYTHON'
import json
import sys

uid, root, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
caps = ["CAP_" + name for name in """CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE
SYS_CHROOT KILL AUDIT_WRITE""".split()]
# What Docker's own policy refuses to a container without CAP_SYS_ADMIN, of what a sandbox would use, and the like.
refused = """unshare setns mount umount2 pivot_root open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr bpf
perf_event_open keyctl add_key request_key userfaultfd init_module delete_module kexec_load open_by_handle_at swapon swapoff
acct reboot sethostname setdomainname quotactl lookup_dcookie""".split()
new = 0x7E020000  # any flag for a new namespace
json.dump({
    "ociVersion": "1.0.2",
    "process": {"args": command, "cwd": "/", "user": {"uid": uid, "gid": uid}, "env": ["PATH=/usr/bin:/bin:/usr/sbin"],
                "capabilities": {} if uid else {kind: caps for kind in ("bounding", "effective", "permitted")}},
    "root": {"path": root},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
               {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
               {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},
               {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
               {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=755"]},
               {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}],
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network", "cgroup")],
              "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                          "syscalls": [{"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
                                       {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
                                       {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                                        "args": [{"index": 0, "value": 0x10000000, "valueTwo": 0x10000000,
                                                  "op": "SCMP_CMP_MASKED_EQ"}]}]}},
}, sys.stdout)
PYTHON
	crun --cgroup-manager=disabled run -b "$T/bundle" "scenario-$RANDOM"
}
export -f contained
export T root
in_container() { # NAME CODE USER COMMAND...
	local name=$1 code=$2 uid=$3 line
	shift 3
	line=$(printf ' %q' "$@")
	runs "$name" "$code" bash -c "contained $uid $line"
}

for uid in 0 1000; do
	who="container, uid $uid"
	out "missing  user namespaces"
	out "a container's seccomp policy"
	out "ok       Landlock                   ABI"
	out "this shell already runs under a seccomp filter"
	in_container "$who: check" 1 $uid "$B" check
	err "--no-userns"
	in_container "$who: run" 125 $uid "$B" run true
	[ "$(wc -l <"$T/err")" -eq 1 ] && passed "$who: in one line" || failed "$who: in one line"
	out "LOST  user namespace"
	out "LOST  namespaces"
	in_container "$who: explain --no-userns" 0 $uid "$B" run --no-userns --explain true
	out "42 alive"
	in_container "$who: --no-userns" 0 $uid "$B" run --no-userns sh -c 'echo $((6 * 7)) $(echo alive | cat)'
	out "42"
	in_container "$who: python" 0 $uid "$B" run --no-userns python3 -c 'import sqlite3; print(6 * 7)'
	out "5"
	in_container "$who: volume" 0 $uid "$B" run --no-userns -v /tmp:/data sh -c 'echo 12345 >/data/n && wc -c </data/n | grep -x 6 && echo 5'
	err "needs a delegated cgroup v2"
	in_container "$who: --cpus" 125 $uid "$B" run --no-userns --cpus 0.5 true
done

nspawn="systemd-nspawn -q -D $root --register=no --as-pid2 --pipe --bind=$PLACE --volatile=no"
out "alive"
runs "nspawn: run" 0 $nspawn "$B" run sh -c 'echo alive'
umount "$root$PLACE" $root
