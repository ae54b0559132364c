. "$(dirname "$0")/lib.sh"

cp /bin/echo "$T/echo"
code 0 "$B" build -o "$T/echo.img" "$T/echo"
code 0 "$B" run "$T/echo.img" from an image; out 'from an image'
code 0 "$B" run --explain "$T/echo.img"; has 'an image'
code 0 "$B" inspect "$T/echo.img"
code 0 "$B" verify "$T/echo.img"
code 0 "$B" build --tag mine "$T/echo"
code 0 "$B" images; has mine
code 0 "$B" images --json; has '"mine"'
code 0 "$B" run mine stored; out stored
code 0 "$B" inspect mine
code 0 "$B" rmi mine
code 127 "$B" run mine; err mine
code 0 "$B" build -o "$T/sh.img" /bin/sh
code 5 "$B" run "$T/sh.img" -c 'exit 5'
code 0 "$B" run --overlay "$T" "$T/sh.img" -c 'echo kept >/kept'
[ "$(cat "$T/kept" 2>/dev/null)" = kept ] || not_ok "--overlay did not keep what was written"

(cd "$T" && "$B" keygen key && "$B" build --sign key -o signed.img ./echo) >/dev/null || not_ok "signing"
code 0 "$B" run --verify "$T/key.pub" "$T/signed.img" trusted; out trusted
code 125 "$B" run --verify "$T/key.pub" "$T/echo.img"; err --verify
printf x | dd of="$T/echo.img" bs=1 seek=5000 conv=notrunc 2>/dev/null
code 125 "$B" run "$T/echo.img"; err "$T/echo.img"
head -c 8192 "$T/signed.img" >"$T/cut.img"
code 125 "$B" run "$T/cut.img"; err "$T/cut.img"
mkdir -p "$T/root/bin"; cp /bin/busybox "$T/root/bin/" 2>/dev/null &&
	{ code 0 "$B" run --rootfs "$T/root" /bin/busybox ls /bin; out busybox; }
