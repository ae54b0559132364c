# Solo5 guests: what they are given, what they may do, how they end.  solo5.sh BARTIZAN FOLDER
. "$(dirname "$0")/../cli/lib.sh"
G=$(realpath "$2")
run() { local want=$1; shift; code "$want" timeout 60 "$B" run "$@"; }

# Output, arguments, exit codes, both versions of the ABI.
for guest in hello hello1; do
	run 0 "$G/$guest.spt" one 'two three'
	out 'hello [one two three]'
	run 0 "$G/$guest.spt"
	out 'hello []'
done
for n in 0 1 7 255; do run $n "$G/hello.spt" exit $n; done
long=$(printf 'x%.0s' $(seq 8190))
run 0 "$G/hello.spt" "$long" && out "hello [$long]"
run 0 "$G/hello.spt" a "${long:2}"
run 126 "$G/hello.spt" "$long" y
err 'its arguments are longer than 8191 bytes'
run 0 --mem 32 "$G/hello.spt" memory
out '33554432 bytes'
run 0 -m 40m "$G/hello.spt" memory
out '41943040 bytes'
run 126 --mem 1 "$G/hello.spt"
err 'does not fit into 1 MB of memory (give it more with --mem)'
"$B" run "$G/hello.spt" piped | grep -q 'hello \[piped\]' || not_ok 'output to a pipe'
for i in 1 2 3; do "$B" run "$G/hello.spt" $i; done >"$T/three"
[ "$(cat "$T/three")" = "$(printf 'hello [1]\nhello [2]\nhello [3]')" ] || not_ok 'one offset for all that write to a file'
"$B" run "$G/hello.spt" x >&- 2>"$T/err"
[ $? -eq 0 ] || not_ok 'closed standard output'
# A full pipe makes it wait, and loses nothing.
[ "$(timeout 60 "$B" run "$G/hello.spt" "$long" | (sleep 0.2; wc -c))" -eq $((8190 + 9)) ] || not_ok 'a slow reader'

# Time.
run 0 "$G/time.spt"
out 'time goes on'
run 137 --timeout 300ms "$G/time.spt" sleep 60000
err 'its time was over'

# Blocks: sectors within capacity, of the size that was given.
truncate -s 64K "$T/disk" "$T/other"
for size in 512 1024 4096 32768; do
	run 0 --block "disk=$T/disk" --block "other=$T/other" --block-sector-size disk=$size "$G/block.spt"
	out "$((65536 / size)) sectors of $size"
done
attached=(--block "disk=$T/disk" --block "other=$T/other")
printf 'written outside\0' | dd of="$T/disk" bs=1024 seek=3 conv=notrunc status=none
run 0 "${attached[@]}" "$G/block.spt" show 3072
out 'written outside'
for call in '17 0 512 0' '18 0 512 65024' '17 1 512 65024' '18 1 512 512'; do
	run 0 "${attached[@]}" "$G/block.spt" call $call
	out allowed
done
# number, device, length, offset: behind the end, partly behind it, negative, too long, too short, none
for call in '18 0 512 65536' '18 0 512 65025' '17 0 512 65025' '17 0 512 0xffffffffffffffff' '18 0 512 0x100000000' \
	'18 0 512 0x8000000000000000' '18 0 1024 0' '18 0 511 0' '18 0 0 0' '17 0 0x100000200 0' '0 0 512 0' '1 0 512 0'; do
	run 159 "${attached[@]}" "$G/block.spt" call $call
	err 'forbidden system call'
done
[ "$(stat -c %s "$T/disk")" -eq 65536 ] || not_ok 'the file grew'

# What cannot be attached says so, and nothing starts.
run 125 --block "disk=$T/disk" "$G/block.spt"
err "needs the block device 'other': add --block other=FILE"
run 125 "${attached[@]}" --block "more=$T/disk" "$G/block.spt"
err "has no block device 'more' in its manifest"
cat >"$T/policy" <<END
{"memory": "32m", "blocks": ["disk=$T/nowhere", "other=$T/other"], "block_sector_sizes": ["disk=1024"]}
END
run 0 --policy "$T/policy" --block "disk=$T/disk" "$G/block.spt"
out '64 sectors of 1024'
run 125 --net "disk=tap0" "${attached[@]}" "$G/block.spt"
err "has no net device 'disk'"
for size in 0 100 513 65536; do run 125 "${attached[@]}" --block-sector-size disk=$size "$G/block.spt"; done
truncate -s 1000 "$T/odd"; : >"$T/empty"
for file in odd empty; do
	run 125 --block "disk=$T/$file" --block "other=$T/other" "$G/block.spt"
	err 'not whole sectors of 512'
done
run 125 --block "disk=$T" --block "other=$T/other" "$G/block.spt"
run 125 --block "disk=$T/none" --block "other=$T/other" "$G/block.spt"
err 'No such file'
run 125 --block "disk=/dev/null" --block "other=$T/other" "$G/block.spt"
err 'neither a file nor a block device'
run 125 --block "disk=$T/disk" --block "other=$T/disk" "$G/block.spt"
err 'another guest has it'
run 125 "$G/net.spt"
err "needs the network 'wire': add --net wire=TAP"
for tap in nosuchtap lo @99 @0 @x 'a/very/long/name/of/a/tap'; do
	run 125 --net "wire=$tap" --net "side=$tap" "$G/net.spt"
	err '--net:'
done

# Hostile guests.
truncate -s 4096 "$T/hostile"
hostile() { local want=$1; shift; run "$want" --mem 64 --block "disk=$T/hostile" "$G/hostile.spt" "$@"; }
hostile 0 scan
out survived
for word in write-text write-constant run-data run-heap run-stack past-memory 'read 0' 'write 0' 'read 0xffff' \
	'read 0x200000000000' 'read 0x200000040000' 'write 0x200000001000' 'read 0x7fffffffe000' 'read 0xffffffffff600000'; do
	hostile 139 $word
	out ''
	err 'the guest was ended by SIGSEGV'
done
hostile 132 undefined
run 0 --exec-heap --mem 64 --block "disk=$T/hostile" "$G/hostile.spt" run-heap
out survived
for word in run-data write-text; do
	run 139 --exec-heap --mem 64 --block "disk=$T/hostile" "$G/hostile.spt" $word
done
for word in int80 vsyscall; do
	hostile 159 $word
	err 'forbidden system call'
done
hostile 159 call 39 1 2 3 4 5 6
err 'forbidden system call getpid(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) at 0x10'
# The same calls with other descriptors, clocks, flags; the loader's unmapping is no tool.
for call in '1 2' '1 3' '1 0' '1 10' '0 1' '0 9' '11 0x100000 4096' '11 0x200000000000 0x200000' '11 0x200000001000 4096' '158 0x1001' \
	'158 0x1003' '158 0x1011' '228 2' '228 4' '281 3' '281 1' '286 2' '286 3 2' '281 2 0x100000 0x7fffffff' \
	'281 2 0x100000 1 0 0x100000' '1 1 0x100000 0x100000000' '17 9 0x100000 512 4096' 0x40000001 1000 0xffffffff; do
	hostile 159 call $call
done
hostile 0 call 11 0x200000000000 0x100000
# Every other number, at least once.
for n in $(seq 0 7 480) 59 56 57 41 42 9 10 16 101 157 219 317 425 426; do
	case $n in 336) continue ;; esac # uprobe(2): the kernel itself lets it pass, and it does nothing here
	case $n in 1 | 11 | 17 | 18 | 158 | 228 | 231 | 281 | 286) continue ;; esac
	hostile 159 call $n
done

# Other targets are named.
for target in hvt virtio muen genode xen; do
	run 126 "$G/$target.spt"
	err "a Solo5 image for the target $target; only those for spt run here"
done
run 126 "$G/version3.spt"
err 'version 3 of spt'

# Images: the guest, default arguments, block devices; what was packed is never changed.
code 0 "$B" inspect "$G/block.spt" && has 'target       spt' && has 'ABI version  2' && has 'block disk' && has 'block other'
code 0 "$B" inspect --json "$G/hello1.spt" && has '"target": "spt"' && has '"version": 1'
code 0 "$B" inspect "$G/genode.spt" && has 'target       genode' && has 'does not run here'
code 0 "$B" build -o "$T/hello.img" --cmd packed --cmd twice "$G/hello.spt"
run 0 "$T/hello.img"
out 'hello [packed twice]'
run 0 "$T/hello.img" given
out 'hello [given]'
code 0 "$B" build -o "$T/again.img" --cmd packed --cmd twice "$G/hello.spt"
cmp "$T/hello.img" "$T/again.img" || not_ok 'the same input gives the same bytes'
code 0 "$B" inspect "$T/hello.img" && has 'target       spt' && has libos
truncate -s 1M "$T/big"
printf 'in the middle' | dd of="$T/big" bs=1024 seek=700 conv=notrunc status=none
code 0 "$B" build -o "$T/block.img" --block-sector-size disk=1024 --block "disk=$T/big" --block "other=$T/other" "$G/block.spt"
code 0 "$B" inspect "$T/block.img" && has 'disk: 1048576 bytes, sectors of 1024'
code 0 "$B" inspect --json "$T/block.img" && has '"sector_size": 1024'
code 0 "$B" verify "$T/block.img"
run 0 "$T/block.img" show 716800
out 'in the middle'
run 0 "$T/block.img"
out '1024 sectors of 1024'
run 0 "$T/block.img" show 716800
out 'in the middle'
code 0 "$B" verify "$T/block.img"
[ "$(stat -c %b "$T/block.img")" -lt 1000 ] || not_ok 'holes stay holes'
run 0 --block "disk=$T/disk" "$T/block.img"
out '128 sectors of 512'
run 0 --explain "$T/block.img" && has 'a copy in memory of what the image holds'
code 0 "$B" build -o "$T/part.img" --block "disk=$T/big" "$G/block.spt"
run 125 "$T/part.img"
err "needs the block device 'other'"
code 125 "$B" build -o "$T/x.img" --block "nodisk=$T/big" "$G/block.spt" && err "no block device 'nodisk'"
code 125 "$B" build -o "$T/x.img" --block "disk=$T/odd" "$G/block.spt" && err 'not whole sectors'
code 125 "$B" build -o "$T/x.img" --block "disk=$T/big" --block-sector-size other=512 "$G/block.spt" && err 'no --block other=FILE'
code 125 "$B" build -o "$T/x.img" --block-sector-size disk=7 --block "disk=$T/big" "$G/block.spt" && err 'no power of two'
code 125 "$B" build -o "$T/x.img" "$G/xen.spt" && err 'for the target xen'
code 125 "$B" build -o "$T/x.img" -e A=b "$G/hello.spt" && err 'is a Solo5 guest'
code 125 "$B" build -o "$T/x.img" --block "disk=$T/big" /bin/true && err 'not a Solo5 image'
[ ! -e "$T/x.img" ] || not_ok 'a failed build leaves a file'
printf x | dd of="$T/block.img" bs=1 seek=$((1024 * 700)) conv=notrunc status=none
run 125 "$T/block.img"
err damaged

# Options of Linux programs, and the other way round.
for option in '-v /tmp:/tmp' '--tmpfs /x' --here --read-only '-e A=b' '-w /' '-u 1' '--hostname x' --trace '--ulimit nofile=5' \
	'--pids-limit 5' '--rewrite all'; do
	run 125 $option "$G/hello.spt"
	err 'is a Solo5 guest'
done
for option in '--block a=b' '--net a=b' '--net-mac a=b' '--block-sector-size a=512' --exec-heap; do
	run 125 $option /bin/true
	err 'is not a Solo5 image'
done
run 125 --block disk "$G/block.spt"
err 'is not NAME=VALUE'

# Observability and life: as for every sandbox.
export XDG_RUNTIME_DIR=$T/run
code 0 "$B" run -d --name hidden --block "disk=$T/hostile" "$G/hostile.spt" spin
out hidden
for i in $(seq 100); do "$B" logs hidden | grep -q spinning && break; sleep 0.05; done
code 0 "$B" logs hidden && has spinning
code 0 "$B" ps && has hostile.spt
code 0 "$B" inspect hidden && has '"running"'
code 125 "$B" cp hidden:/x "$T/x"
code 0 "$B" kill -s STOP hidden
code 0 "$B" kill -s CONT hidden
code 0 "$B" kill -s WINCH hidden
code 0 "$B" stop -t 60s hidden
code 0 "$B" wait hidden && has 143
code 0 "$B" rm hidden
code 0 "$B" run -d --rm --name again "$G/time.spt" sleep 60000
code 0 "$B" kill again
run 0 --stats="$T/stats" "$G/hello.spt"
grep -q '"guest": "solo5"' "$T/stats" && grep -q '"host_syscalls": null' "$T/stats" || not_ok "stats: $(cat "$T/stats")"
grep -q '"peak_memory_bytes": [1-9]' "$T/stats" || not_ok "stats: no memory"
run 0 --stats "$G/hello.spt"
err 'host system calls: not counted'
run 0 --explain "${attached[@]}" "$G/block.spt"
has 'a Solo5 guest'
has "disk"
