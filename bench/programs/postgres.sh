#!/bin/sh
# postgres.sh DIR BIN: a PostgreSQL cluster on an AF_UNIX socket, and pgbench with 1, 8 and 32 clients: reading alone (-S), and the
# transactions that resemble TPC-B's; NAME and nanoseconds a transaction.
set -e
at=$(mktemp -d "$1/postgres-XXXXXX")
cd "$at"
"$2/initdb" -D data -A trust -N --locale=C -U bench >log
"$2/pg_ctl" -D data -w -l log -o "-c listen_addresses='' -k $at -c fsync=off -c shared_buffers=128MB" start >/dev/null
"$2/createdb" -h "$at" -U bench bench
"$2/pgbench" -h "$at" -U bench -i -s 4 -q bench >/dev/null 2>&1
for test in select tpcb; do
	[ $test = select ] && script=select-only || script=tpcb-like
	for clients in 1 8 32; do
		"$2/pgbench" -h "$at" -U bench -n -c $clients -j $((clients > 1 ? 2 : 1)) -T 1 -b $script bench 2>/dev/null |
			awk -v name=${test}_${clients}_clients '/^tps/ { printf "%s %.1f\n", name, 1e9 / $3 }'
	done
done
"$2/psql" -h "$at" -U bench -At -c 'select count(*) from pgbench_accounts' bench
"$2/pg_ctl" -D data -m fast stop >/dev/null
