# A host with the older control groups alone.
out "missing  cgroup delegation          cgroup v2 is not mounted"
runs "check" 1 "$B" check
for as in "" as-user; do
	runs "run${as:+, as user}" 0 $as "$B" run -m 64m --cpus 1 --pids-limit 50 true
	err "--cpus 0.500: a part of a processor needs a delegated cgroup v2"
	runs "--cpus 0.5${as:+, as user}" 125 $as "$B" run --cpus 0.5 true
	out "weak  limit: memory"
	runs "explain${as:+, as user}" 0 $as "$B" run --explain -m 64m true
done
