# Unprivileged user namespaces switched off, by each of the sysctls that can.
before=$(sysctl -n user.max_user_namespaces)
for what in unprivileged_userns_clone max_user_namespaces; do
	case $what in
	unprivileged*) setting=kernel.$what=0 remedy="sysctl -w kernel.unprivileged_userns_clone=1" ;;
	max*) setting=user.$what=0 remedy="sysctl -w user.max_user_namespaces=" ;;
	esac
	sysctl -qw $setting
	err "$remedy"
	runs "$what: run" 125 as-user "$B" run true
	[ "$(wc -l <"$T/err")" -eq 1 ] && passed "$what: in one line" || failed "$what: in one line"
	out "missing  user namespaces"
	out "$remedy"
	runs "$what: check" 1 as-user "$B" check
	out "LOST  user namespace"
	out "$remedy"
	runs "$what: explain" 0 as-user "$B" run --explain true
	out "LOST  user namespace               --no-userns"
	out "LOST  namespaces"
	runs "$what: explain --no-userns" 0 as-user "$B" run --no-userns --explain true
	out "55"
	runs "$what: --no-userns" 0 as-user "$B" run --no-userns -v "$T:/data" sh -c 'seq 10 >/data/n; awk "{ n += \$1 } END { print n }" </data/n'
	err "--pids-limit cannot be enforced without a user namespace"
	runs "$what: --no-userns --pids-limit" 125 as-user "$B" run --no-userns --pids-limit 10 true
	case $what in
	max*) # binds root too
		err "$remedy"
		runs "$what: run, as root" 125 "$B" run true
		runs "$what: --no-userns, as root" 0 "$B" run --no-userns true
		;;
	*) runs "$what: run, as root" 0 "$B" run true ;;
	esac
	sysctl -qw kernel.unprivileged_userns_clone=1 user.max_user_namespaces="$before"
done
runs "allowed again" 0 as-user "$B" run true
