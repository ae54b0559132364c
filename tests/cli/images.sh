. "$(dirname "$0")/lib.sh"

cp /bin/echo "$T/echo"
code 0 "$B" build -o "$T/echo.img" "$T/echo"
code 0 "$B" run "$T/echo.img" from an image; out 'from an image'
code 0 "$B" run --explain "$T/echo.img"; has 'an image'
code 0 "$B" inspect "$T/echo.img"
code 0 "$B" verify "$T/echo.img"
(cd "$T" && code 127 "$B" run echo.img; err 'for the file here write ./echo.img'; exit $fails) || fails=1
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
code 125 "$B" run --verify "$T/key.pub" "$T/echo.img"; err "$T/echo.img: the image is not signed"
[ "$(wc -l <"$T/err")" -eq 1 ] || not_ok "more than a line: $(cat "$T/err")"
printf x | dd of="$T/echo.img" bs=1 seek=5000 conv=notrunc 2>/dev/null
code 125 "$B" run "$T/echo.img"; err "$T/echo.img"
head -c 8192 "$T/signed.img" >"$T/cut.img"
code 125 "$B" run "$T/cut.img"; err "$T/cut.img"
mkdir -p "$T/root/bin"; cp /bin/busybox "$T/root/bin/" 2>/dev/null &&
	{ code 0 "$B" run --rootfs "$T/root" /bin/busybox ls /bin; out busybox; }

# What bad input gets: the name, what is wrong, and no file left behind.
mkdir "$T/bad"; cd "$T/bad" || exit 1
manifest() { printf '%s' "$1" >m.json; code 125 "$B" build -m m.json -o x.img "$T/echo"; err 'm.json:1:'; err "$2"; }
manifest '{"entrypont": ["/x"]}' 'unknown key "entrypont"; did you mean "entrypoint"?'
manifest '{"env": 5}' 'env: must be an object of strings'
manifest '{"limits": {"pids": "many"}}' 'limits.pids: must be a whole number, is a string'
manifest '{"limits": {"memory": "lots"}}' limits.memory
manifest '[]' 'the manifest: must be an object, is a list'
manifest '{"cmd": ["a"], "cmd": ["b"]}' duplicate
manifest '{"cmd"' "m.json:1:"
code 125 "$B" build -m /nowhere.json -o x.img "$T/echo"; err '/nowhere.json: No such file'
code 125 "$B" build -o x.img /nowhere; err /nowhere
: >empty; code 125 "$B" build -o x.img ./empty; err './empty: is neither'
sed 's,libc\.so\.6,libq.so.6,' "$T/echo" >nolib
code 125 "$B" build -o x.img ./nolib; err 'needs the library "libq.so.6"'
sed 's,/lib64/ld-linux-x86-64.so.2,/lib64/ld-linux-x86-64.so.9,' "$T/echo" >nointerp
code 125 "$B" build -o x.img ./nointerp; err 'needs the interpreter "/lib64/ld-linux-x86-64.so.9"'
head -c 3000 "$T/echo" >cut; code 125 "$B" build -o x.img ./cut; err 'truncated ELF file'
[ "$(echo *)" = 'cut empty m.json nointerp nolib' ] || not_ok "left behind: $(echo *)"

# Limits that an image asks for, and names that are not in it.
image() { printf '%s' "$1" >m.json; code 0 "$B" build -m m.json -o x.img "$T/echo"; code "$2" "$B" run ./x.img; err "$3"; }
image '{"limits": {"memory": 1}}' 125 'at least 16m'
image '{"entrypoint": ["/bin/none"]}' 127 '/bin/none: not found'
image '{"workdir": "/nowhere"}' 125 '/nowhere'
printf '{"limits": {"nofile": 77, "stack": "1M"}}' >m.json
code 0 "$B" build -m m.json -o lim.img /bin/sh
code 0 "$B" run ./lim.img -c 'ulimit -n; ulimit -s'; out "$(printf '77\n1024')"
code 0 "$B" run --ulimit nofile=99 ./lim.img -c 'ulimit -n'; out 99
rm lim.img
printf '{"user": "somebody"}' >m.json
code 125 "$B" build -m m.json -o x.img "$T/echo"; err 'user "somebody" is not in the image'
size=$(stat -c %s "$T/signed.img")
for n in 8 31 32 4095 4096 100000 $((size - 1)); do
	head -c "$n" "$T/signed.img" >cut.img
	code 125 "$B" run ./cut.img; err ./cut.img
done
[ -z "$(ls "$XDG_RUNTIME_DIR"/bartizan 2>/dev/null)" ] || not_ok "something was left behind"
