#!/bin/sh
# postgres.sh DIR BIN: a PostgreSQL cluster on an AF_UNIX socket, and pgbench; NAME and nanoseconds a transaction.
set -e
at=$(mktemp -d "$1/postgres-XXXXXX")
cd "$at"
"$2/initdb" -D data -A trust -N --locale=C -U bench >log
"$2/pg_ctl" -D data -w -l log -o "-c listen_addresses='' -k $at -c fsync=off -c shared_buffers=32MB" start >/dev/null
"$2/createdb" -h "$at" -U bench bench
"$2/pgbench" -h "$at" -U bench -i -s 1 -q bench >/dev/null 2>&1
for test in select update; do
	[ $test = select ] && option=-S || option=-N
	"$2/pgbench" -h "$at" -U bench -c 2 -t 500 $option bench 2>/dev/null |
		awk -v name=$test '/^tps/ { printf "%s %.1f\n", name, 1e9 / $3 }'
done
"$2/psql" -h "$at" -U bench -At -c 'select count(*) from pgbench_accounts' bench
"$2/pg_ctl" -D data -m fast stop >/dev/null
