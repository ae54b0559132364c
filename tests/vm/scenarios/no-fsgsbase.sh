# A kernel that keeps the FSGSBASE instructions from programs.
out "fatal    FSGSBASE"
out "nofsgsbase"
runs "check" 125 "$B" check
err "FSGSBASE"
runs "run" 125 "$B" run true
[ "$(wc -l <"$T/err")" -eq 1 ] && passed "in one line" || failed "in one line"
