# MariaDB: a data directory, the server over AF_UNIX, many clients, a kill and recovery.
set -e
S=$(mktemp -d "$PWD/sXXXXXX"); trap 'rm -rf $S' EXIT
u=$([ "$(id -u)" = 0 ] && echo --user=root || :)
mariadb-install-db --no-defaults --force $u --datadir="$PWD/data" --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; exit 1; }
m() { mariadb --no-defaults -u root -S $S/s -N -B "$@"; }
start() {
	mariadbd --no-defaults $u --datadir="$PWD/data" --socket=$S/s --pid-file=$S/pid --skip-networking --innodb-buffer-pool-size=32M --log-error="$PWD/log" &
	until m -e 'select 1' >/dev/null 2>&1; do kill -0 $! || { tail log; exit 1; }; sleep 0.1; done
}
start
m -e 'create database d; create table d.t (a int primary key, b varchar(40)) engine=innodb; use d; insert into t select seq, md5(seq) from seq_1_to_20000; select count(*), sum(a), max(b) from d.t'
m d -e 'create table account (id int primary key, n int) engine=innodb; insert into account select seq, 100 from seq_1_to_10'
for i in 1 2 3 4 5 6; do
	(for k in $(seq 40); do echo "start transaction; update account set n = n - $k where id = $((k % 10 + 1)); update account set n = n + $k where id = $(((k + 1) % 10 + 1)); commit;"; done | m -f d 2>/dev/null) &
done
for j in $(jobs -p | tail -n 6); do wait $j || :; done
m d -e 'select sum(n), count(*) from account; insert into t values (30001, "kept")'
kill -9 "$(cat $S/pid)"; wait $! 2>/dev/null || :; rm -f $S/s
start
m d -e 'select b from t where a > 30000; select sum(n) from account; check table t, account'
mariadb-admin --no-defaults -u root -S $S/s shutdown; wait
