# Patched text of programs of the host: made when a program is first run, used from then on, and never for another file.
. "$(dirname "$0")/lib.sh"
export XDG_CACHE_HOME=$T/cache
kept() { find "$T/cache/bartizan/text" -type f -size +4k | wc -l; }

# A copy, as old as need be.
/bin/cp /bin/cat "$T/cat"; truncate -s 200000 "$T/cat"
sleep 2.1
code 0 "$B" run --stats "$T/cat" /etc/hosts; err 'patched 0,'
[ "$(kept)" = 1 ] || not_ok "$(kept) files are kept after the first run"
code 0 "$B" run --stats "$T/cat" /etc/hosts; err 'trapped 0,'
code 0 "$B" run "$T/cat" /proc/self/maps; has '[stubs]'
code 0 "$B" run --stats --rewrite hot "$T/cat" /etc/hosts; err 'patched 0,'
code 0 "$B" run --stats --rewrite off "$T/cat" /etc/hosts; err 'patched 0,'
# What a program reads of its files is what they are.
libc=$(ldd /bin/cat | sed -n 's/.*=> \(.*libc\.so\.6\) .*/\1/p')
code 0 "$B" run "$T/cat" "$(realpath "$libc")"; cmp -s "$T/out" "$libc" || not_ok "libc reads otherwise"
# A script is known by its interpreter.
printf '#! /bin/sh\necho "$0"\n' >"$T/script"; chmod +x "$T/script"
code 0 "$B" run "$T/script"; code 0 "$B" run --stats "$T/script"; err 'trapped 0,'
[ "$(kept)" = 2 ] || not_ok "$(kept) files are kept with a script's"

# Another file under the same name, also one that looks like the old one to who looks at size and mtime.
touch -r "$T/cat" "$T/stamp"
/bin/cp /bin/head "$T/cat"; truncate -s 200000 "$T/cat"; touch -r "$T/stamp" "$T/cat"
code 0 "$B" run --stats "$T/cat" -n 1 /etc/hosts; err 'patched 0,'

# Damage: cut short, emptied, no such thing, or a file that others could have written.
/bin/cp -p /bin/cat "$T/dog"
sleep 2.1
code 0 "$B" run "$T/dog" /etc/hosts
file=$(find "$T/cache/bartizan/text" -type f -newer "$T/stamp" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
code 0 "$B" run --stats "$T/dog" /etc/hosts; err 'trapped 0,'
/bin/cp "$file" "$T/whole"
for size in 0 100 4096 9000 40000; do
	head -c $size "$T/whole" >"$T/part"; /bin/cp "$T/part" "$file"
	"$B" run "$T/dog" /etc/hosts >"$T/out" 2>"$T/err"
	[ $? -le 139 ] && ! grep -q 'gave up' "$T/err" || not_ok "text cut at $size: $(cat "$T/err")"
done
head -c 300000 /dev/urandom >"$file"; code 0 "$B" run --stats "$T/dog" /etc/hosts; err 'patched 0,'
/bin/cp "$T/whole" "$file"; chmod 666 "$file"; code 0 "$B" run --stats "$T/dog" /etc/hosts; err 'patched 0,'
chmod 600 "$file"; code 0 "$B" run --stats "$T/dog" /etc/hosts; err 'trapped 0,'
chmod 777 "$T/cache/bartizan/text"; code 0 "$B" run --stats "$T/dog" /etc/hosts; err 'patched 0,'
chmod 700 "$T/cache/bartizan/text"

# The oldest goes.
for i in $(seq 70); do : >"$T/cache/bartizan/text/$(printf %032x "$i")"; touch -d "2001-01-01 00:00:$((i % 60))" "$T/cache/bartizan/text/$(printf %032x "$i")"; done
code 0 "$B" run /bin/true
[ "$(ls "$T/cache/bartizan/text" | wc -l)" -le 74 ] || not_ok "$(ls "$T/cache/bartizan/text" | wc -l) files are kept"

# What is no ELF file for the prover leaves an empty file, and is not tried again.
printf '#!%s\n' "$T/not-elf" >"$T/odd"; printf 'junk%0.s' $(seq 50) >"$T/not-elf"; chmod +x "$T/odd" "$T/not-elf"; sleep 2.1
"$B" run "$T/odd" >/dev/null 2>&1
"${B%/*}/image/bartizan-image" text "$T/not-elf" || not_ok "text of what is no ELF file"
