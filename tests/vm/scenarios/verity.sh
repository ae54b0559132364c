# An image under fs-verity is known by its measurement, wherever it lies; another one by where it lies.
export XDG_CACHE_HOME=$T/cache
mkdir -p "$XDG_CACHE_HOME"
slots() { find "$XDG_CACHE_HOME" -type f | wc -l; }
runs "build" 0 "$B" build -o "$T/a.bz" /usr/bin/echo
cp "$T/a.bz" "$T/b.bz"
cp "$T/a.bz" "$T/plain.bz"
cp "$T/a.bz" "$T/plain2.bz"
runs "enable" 0 fsverity enable "$T/a.bz"
runs "enable a copy" 0 fsverity enable "$T/b.bz"
sleep 3 # what is younger than two seconds is not remembered
out "hello"
runs "under fs-verity" 0 "$B" run "$T/a.bz" hello
[ "$(slots)" -eq 1 ] && passed "its verification is remembered" || failed "its verification is remembered" "$(slots) slots"
runs "a copy under fs-verity" 0 "$B" run "$T/b.bz" hello
[ "$(slots)" -eq 1 ] && passed "the copy is the same file" || failed "the copy is the same file" "$(slots) slots"
runs "a copy without" 0 "$B" run "$T/plain.bz" hello
runs "another one" 0 "$B" run "$T/plain2.bz" hello
[ "$(slots)" -eq 3 ] && passed "copies without are files of their own" || failed "copies without are files of their own" "$(slots) slots"
runs "nobody writes there" 2 sh -c "echo x >>'$T/a.bz'"
