. "$(dirname "$0")/lib.sh"

code 0 "$B" run echo -e 'a\tb' --help; out "$(printf 'a\tb --help')"
code 7 "$B" run sh -c 'exit 7'
code 0 "$B" run -e A=1 -eB=2 --env C=3 sh -c 'echo $A$B$C'; out 123
A=yours code 0 "$B" run -e A -e UNSET_HERE sh -c 'echo $A${UNSET_HERE-none}'; out yoursnone
SECRET=x code 0 "$B" run sh -c 'echo ${SECRET-none}'; out none
printf '# comment\nX=1 2\n\nY=\r\n' >"$T/env"
code 0 "$B" run --env-file "$T/env" sh -c 'echo "$X-$Y-"'; out '1 2--'
# As Docker reads them: -e wins over files in any order; what has no value here is taken away, or left out.
printf '  X=file\n# comment\n\tY=file\nZ_UNSET\n' >"$T/env"
code 0 "$B" run -e X=word --env-file "$T/env" -e LANG sh -c 'echo "$X-$Y-${Z_UNSET-none}"'; out 'word-file-none'
printf 'X=1\nA B=2\n' >"$T/env"
code 125 "$B" run --env-file "$T/env" true; err "env:2: 'A B'"
printf 'X=1\0Y' >"$T/env"; code 125 "$B" run --env-file "$T/env" true; err 'byte 0'
code 0 "$B" run --ulimit rttime=100:200 true
code 0 "$B" run -u 0 --tmpfs /t:rw,nosuid,nodev,noexec,size=64m,mode=700 sh -c 'cp /bin/true /t/ && ! /t/true 2>/dev/null && grep " /t " /proc/mounts'
out 'tmpfs /t tmpfs rw,nosuid,nodev,noexec,relatime 0 0'
code 2 "$B" run --tmpfs /t:ro sh -c 'echo x 2>/dev/null >/t/f'
# Low ports are for anybody inside, unless the sandbox's root says otherwise.
code 0 "$B" run -u 1000 /usr/bin/python3 -c 'import socket; socket.create_server(("", 80))'
code 1 "$B" run -u 0 /usr/bin/python3 -c 'import os, socket
open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w").write("81")
os.setuid(1000)
socket.create_server(("", 81)).close()
socket.create_server(("", 80))'; err 'PermissionError'
code 0 "$B" run -w /usr/bin pwd; out /usr/bin
code 0 "$B" run -u 1234:5678 sh -c 'id -u; id -g'; out "$(printf '1234\n5678')"
code 0 "$B" run -u nobody sh -c 'id -u; id -g; echo $HOME'; out "$(printf '65534\n65534\n/nonexistent')"
code 0 "$B" run -v "$T:/v" -u nobody sh -c 'stat -c %u /v; echo x >/v/of_nobody; stat -c %u:%g /v/of_nobody'; out "$(printf '65534\n65534:65534')"
[ "$(stat -c %u "$T/of_nobody")" = "$(id -u)" ] || not_ok "what the guest's user makes on a volume is not the caller's"
code 0 "$B" run -u nobody sh -c 'stat -c %u:%g / /usr /usr/bin /etc'; grep -q 4294967294 "$T/out" && not_ok "owners that nobody has: $(cat "$T/out")"
code 0 "$B" run -e HOME=/x -u nobody:root sh -c 'id -u; id -g; echo $HOME'; out "$(printf '65534\n0\n/x')"
code 0 "$B" run --hostname turret uname -n; out turret
code 0 "$B" run --tmpfs /scratch sh -c 'echo x >/scratch/f && cat /scratch/f'; out x
code 137 "$B" run --timeout 300ms sleep 5
code 2 "$B" run --read-only sh -c 'echo x 2>/dev/null >/file'
code 0 "$B" run --ulimit nofile=100:200 sh -c 'ulimit -n; ulimit -Hn'; out "$(printf '100\n200')"
mkdir "$T/v"; echo inside >"$T/v/f"; chmod 777 "$T/v"
code 0 "$B" run -v "$T/v:/v:ro" cat /v/f; out inside
code 2 "$B" run -v "$T/v:/v:ro" sh -c 'echo x 2>/dev/null >/v/g'
code 0 "$B" run -v "$T/v:/v" sh -c 'echo new >/v/g'
[ "$(cat "$T/v/g")" = new ] || not_ok "a volume was not written"
code 0 "$B" run -v "$T/v/f:/etc/one" cat /etc/one; out inside
(cd "$T/v" && code 0 "$B" run --here sh -c 'pwd; cat f'; out "$(printf '%s\ninside' "$T/v")"; exit $fails) || fails=1
cat >"$T/policy" <<END
{"volumes": ["$T/v:/p:ro"], "env": {"FROM": "policy"}, "memory": "64m", "timeout": 10}
END
code 0 "$B" run --policy "$T/policy" sh -c 'cat /p/f; echo $FROM'; out "$(printf 'inside\npolicy')"
code 0 "$B" run --stats="$T/stats" true
python3 - "$T/stats" <<'END' || not_ok "--stats"
import json, sys
s = json.load(open(sys.argv[1]))
assert 0 < len(s['host_syscalls']) <= 20 and s['guest_syscalls']['exit_group'] == 1, s
assert s['start_ms'] > 0 and s['peak_memory_bytes'] > 0 and s['monitor_requests'] > 0, s
END
code 0 "$B" run --trace true; err "brk(NULL)"
code 0 "$B" run --explain -m 64m ls; has 'limit: memory'; has '/usr'
code 0 "$B" version; has bartizan
for command in run ps logs wait stop kill rm inspect images rmi check version completion; do
	code 0 "$B" $command --help; has Usage; has xample
done
# What one page says the others say, too: help, manual, completion.
"$B" completion bash >"$T/completion"
"$B" run --help | grep -oE '^ +(-[a-z], +)?--[a-z-]+(, --[a-z-]+)?' | grep -oE '\-\-[a-z-]+' | while read -r option; do
	sed 's/\\-/-/g' "$(dirname "$0")/../../man/bartizan-run.1" | grep -qF -- "$option" || echo "the manual lacks $option"
	grep -qF -- "$option" "$T/completion" || echo "completion lacks $option"
done >"$T/lacks"
[ ! -s "$T/lacks" ] || not_ok "$(cat "$T/lacks")"
"$B" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | while read -r command; do
	grep -qw "$command" "$T/completion" || echo "completion lacks $command"
	grep -qE "(^|[ ,B])$command" "$(dirname "$0")/../../man/bartizan.1" || echo "the manual lacks $command"
done >"$T/lacks"
[ ! -s "$T/lacks" ] || not_ok "$(cat "$T/lacks")"
for shell in bash zsh fish; do code 0 "$B" completion $shell; has bartizan; done
"$B" completion bash | bash -n || not_ok "the completion script is not bash"
