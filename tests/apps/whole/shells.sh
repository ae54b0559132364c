# bash, dash and busybox's ash: pipelines, traps, jobs, redirections; each prints what it sees.
cat >script <<'E'
set -u
echo "pipe: $(seq 1 1000 | sort -r | head -n 3 | tr '\n' ' ')"
f() { return 7; }; f; echo "status $?"; (exit 9); echo "sub $?"; false | true; echo "last $?"
sh -c 'kill -TERM $$'; echo "killed $?"
(sleep 0.05; exit 4) & a=$!; (exit 5) & b=$!; wait $a; echo "a $?"; wait $b; echo "b $?"
trap 'echo usr1' USR1; kill -USR1 $$; (kill -USR1 $$); sleep 0.05
trap 'echo exit trap' EXIT
x=$(cat <<H
here $((6 * 7)) $(echo nested $(echo deeper))
H
); echo "$x"
for i in 1 2 3 4 5 6 7 8; do (echo $i >out.$i; exec sleep 0.01) & done; wait; cat out.* | tr -d '\n'; echo
exec 5<>fd5; echo five >&5; cat fd5; exec 5>&-
{ echo out; echo err >&2; } 2>&1 | sort | tr '\n' ' '; echo
mkfifo p; (seq 5 >p) & paste -s -d+ p; wait
i=0; while read -r l; do i=$((i + 1)); done <<H
1
2
H
echo "lines $i"; echo "$(yes | head -n 100000 | wc -l)"; type cd >/dev/null && cd / && pwd; cd "$OLDPWD"; umask 077; touch m; ls -l m | cut -c1-10
ulimit -n 64; ulimit -n; (ulimit -n 10; echo sub $(ulimit -n)); set -- a 'b c' d; for w in "$@"; do echo "<$w>"; done
sh -c 'sleep 10 & echo $! >pid; wait' & s=$!; while ! [ -s pid ]; do sleep 0.01; done; kill $s; wait $s 2>/dev/null; echo "waited $?"; kill -0 $(cat pid) && echo orphan lives; kill $(cat pid)
times >/dev/null && echo times; rm -f out.* p pid m fd5
E
for shell in bash dash 'busybox ash'; do echo "== $shell"; $shell script 2>&1; echo "ends $?"; done
echo '== bash only'
bash -c 'set -o pipefail; false | true; echo $?; diff <(seq 3) <(seq 4); coproc cat; echo hi >&${COPROC[1]}; read -r l <&${COPROC[0]}; echo $l; eval "exec ${COPROC[1]}>&-"; wait
	shopt -s lastpipe; echo x | read -r y; echo "$y"; a=(1 2 3); echo ${#a[@]}; for i in {1..20}; do sleep 0.0$((i % 3)) & done; wait -n; echo $?; wait; printf "%(%Y)T\n" 0
	exec {fd}>/dev/null; echo $((fd >= 10)); read -t 0.05 -r z < <(sleep 1); echo $?; timeout 0.1 sleep 5; echo $?; echo $BASHPID | grep -c .'
bash -i -c 'set -m; sleep 5 & kill -STOP %1; sleep 0.2; jobs | grep -c Stopped; kill -CONT %1; kill %1; wait %1; echo $?' 2>/dev/null
