# redis: server over AF_UNIX, data types, BGSAVE and BGREWRITEAOF (a fork each) under writes, a restart from what they left.
set -e
S=$(mktemp -d "$PWD/sXXXXXX"); trap 'rm -rf $S' EXIT
r() { redis-cli -s $S/s "$@"; }
start() {
	redis-server --port 0 --unixsocket $S/s --dir "$PWD" --save '' --appendonly "$1" --logfile "$PWD/log" --daemonize yes --pidfile $S/pid >/dev/null
	until r ping >/dev/null 2>&1; do sleep 0.05; done
}
settled() { until r info persistence | grep -q "$1:0"; do sleep 0.05; done; }
start no
seq 1 20000 | sed 's/.*/SET key:& value&/' | r >/dev/null
r dbsize; r get key:777
r rpush list a b c; r lrange list 0 -1; r zadd z 1 x 2 y; r zrange z 0 -1 withscores
(for i in $(seq 300); do echo "SET during:$i x"; done | r >/dev/null) & writer=$!
r bgsave; settled rdb_bgsave_in_progress; wait $writer
r info persistence | grep -E 'rdb_last_bgsave_status|rdb_changes' | grep -o 'status:ok'
r dbsize
r --pipe </dev/null 2>/dev/null | tail -n 1 | head -c 7; echo
r save; r shutdown nosave || :
start yes
r dbsize; r lrange list 0 -1
r config set appendonly yes >/dev/null; r set after restart; r bgrewriteaof | grep -o started; settled aof_rewrite_in_progress
r info persistence | grep -o 'aof_last_bgrewrite_status:ok'
redis-benchmark -s $S/s -n 2000 -c 20 -q -t set,get,lpush 2>&1 | tr '\r' '\n' | grep -c 'requests per second, p50'
kill -9 "$(cat $S/pid)"; while [ -e /proc/"$(cat $S/pid)" ]; do sleep 0.05; done; rm -f $S/s
start yes; r get after; r dbsize | head -c 2; echo; r shutdown nosave || :
