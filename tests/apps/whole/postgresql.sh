# PostgreSQL: a cluster, the server over AF_UNIX, pgbench, recovery after a backend was killed.
set -e; S=$(mktemp -d "$PWD/sXXXXXX"); trap "rm -rf $S" EXIT
PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin
initdb -D data -A trust --no-sync -U me >init.log 2>&1 || { cat init.log; exit 1; }
pg_ctl -D data -o "-k $S -c listen_addresses=''" -l log -w -t 60 start >/dev/null || { cat log; exit 1; }
export PGHOST=$S PGUSER=me
psql -d postgres -Atc 'create table t(a int primary key, b text)' -c "insert into t select i, md5(i::text) from generate_series(1, 20000) i" -c 'select count(*), sum(a), max(b) from t'
createdb bench
pgbench -i -s 1 -q bench 2>/dev/null
pgbench -n -c 8 -j 2 -t 50 bench 2>/dev/null | grep -E 'actually processed|failed'
pgbench -n -S -c 8 -j 2 -t 200 bench 2>/dev/null | grep -E 'actually processed|failed'
psql -d bench -Atc 'select count(*) from pgbench_history' -c 'select sum(abalance) = (select sum(bbalance) from pgbench_branches) from pgbench_accounts'
# a backend is killed: the postmaster restarts all, and recovers from the log
psql -d bench -Atc 'begin; insert into pgbench_history values(1,1,1,1,now()); select pg_sleep(100)' >victim.log 2>&1 &
pid=
while [ -z "$pid" ]; do pid=$(psql -d bench -Atc "select pid from pg_stat_activity where query like 'begin; insert%' and pid <> pg_backend_pid()"); done
kill -9 $pid; wait || :
grep -o 'server closed the connection unexpectedly' victim.log
until n=$(psql -d bench -Atc 'select count(*) from pgbench_history' 2>/dev/null); do sleep 0.1; done
echo "after the crash: $n"
grep -oE 'all server processes terminated; reinitializing|database system was interrupted|redo done' log | sort -u
pg_ctl -D data -m fast -w stop
