# AppArmor's restriction of user namespaces, as Ubuntu 24.04 switches it on; Linux has it since 6.7.
if ! sysctl -n kernel.apparmor_restrict_unprivileged_userns >/dev/null 2>&1; then
	skipped "AppArmor's restriction: this kernel has no such switch ($(cat /sys/kernel/security/lsm))"
	return
fi
runs "without it" 0 as-user "$B" run true
sysctl -qw kernel.apparmor_restrict_unprivileged_userns=1
err "apparmor_restrict_unprivileged_userns=0"
runs "run" 125 as-user "$B" run true
[ "$(wc -l <"$T/err")" -eq 1 ] && passed "in one line" || failed "in one line"
out "missing  user namespaces"
out "AppArmor profile for bartizan that says \`userns,\`"
runs "check" 1 as-user "$B" check
runs "--no-userns" 0 as-user "$B" run --no-userns true
runs "root" 0 "$B" run true
