# An image that somebody truncates while it runs: its guest gets SIGBUS or EIO, and the library OS goes on.
. "$(dirname "$0")/lib.sh"
busybox=$(command -v busybox) || { echo "busybox is not installed"; exit 77; }

mkdir -p "$T/root/bin" "$T/root/data"
cp "$busybox" "$T/root/bin/busybox"
head -c 300000 /dev/urandom >"$T/root/data/big"
for i in $(seq 300); do echo "$i" >"$T/root/data/a-file-with-a-longer-name-$i"; done
"$B" build -o "$T/whole.img" "$T/root" >/dev/null 2>&1 || not_ok "no image was built"

# run SIZE COMMAND: /tmp/busybox runs COMMAND; it is told by a line that the image has SIZE bytes now
run() {
	cp "$T/whole.img" "$T/image.img"
	rm -f "$T/in"
	mkfifo "$T/in"
	"$B" run -i --entrypoint /bin/busybox "$T/image.img" sh -c "busybox=/bin/busybox; \$busybox cp /bin/busybox /tmp/busybox
		$2" <"$T/in" >"$T/out" 2>"$T/err" &
	exec 8>"$T/in"
	tries=0
	until grep -q up "$T/out"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || { not_ok "the guest did not start: $(cat "$T/err")"; break; }
		sleep 0.1
	done
	truncate -s "$1" "$T/image.img"
	echo >&8
	exec 8>&-
	wait $!
	status=$?
}

for size in 0 4096 200000; do
	run $size 'exec /tmp/busybox sh -c "echo up; read line; read text <\$1; /tmp/busybox cat /data/big
		/tmp/busybox ls /data/; echo then >/tmp/file; /tmp/busybox cat /tmp/file; exit 7" sh /data/a-file-with-a-longer-name-7'
	[ $status -eq 7 ] || not_ok "truncated to $size bytes: exit code $status, not 7: $(cat "$T/err")"
	grep -q '/data/big.*: Input/output error' "$T/err" || not_ok "truncated to $size bytes: no EIO: $(cat "$T/err")"
	grep -q '^then$' "$T/out" || not_ok "truncated to $size bytes: files of the sandbox's own are gone"
done

# Text that is gone is the guest's own SIGBUS, as natively.
run 4096 'echo up; read line; exit 0'
[ $status -eq 135 ] || not_ok "text that is gone: exit code $status, not 135: $(cat "$T/err")"
