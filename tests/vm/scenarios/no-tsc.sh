# A clock that the vDSO cannot read: time would need a host call, which the filter has not.
out "fatal    clock                      clocksource hpet"
runs "check" 125 "$B" check
err "clock"
runs "run" 125 "$B" run date
[ "$(wc -l <"$T/err")" -eq 1 ] && passed "in one line" || failed "in one line"
