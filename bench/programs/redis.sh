#!/bin/sh
# redis.sh DIR: a redis server on an AF_UNIX socket, and its own benchmark; NAME and nanoseconds a request.
at=$(mktemp -d "$1/redis-XXXXXX")
redis-server --port 0 --unixsocket "$at/socket" --save '' --dir "$at" >"$at/log" 2>&1 &
tries=0
until redis-cli -s "$at/socket" ping >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ $tries -gt 200 ]; then
		cat "$at/log" >&2
		exit 1
	fi
	sleep 0.02
done
for test in set get lpush mset; do
	redis-benchmark -s "$at/socket" -n 10000 -c 8 -t $test --csv >"$at/csv"
	awk -F '"' -v name=$test 'NR > 1 { printf "%s %.1f\n", name, 1e9 / $4 }' "$at/csv"
done
redis-cli -s "$at/socket" dbsize
redis-cli -s "$at/socket" shutdown nosave
wait
