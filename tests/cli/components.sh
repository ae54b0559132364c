. "$(dirname "$0")/lib.sh"
P=$2

# An image's library OS has the components that were asked for, and what is left out is as on a kernel without it.
image() { code 0 "$B" build -o "$T/image" ${1:+--components="$1"} "$P"; sleep 0.1; }
all=$("$B" build --components=none -o "$T/none" "$P" 2>&1 | sed -n 's/.*there are: core, //p' | tr -d ,)
[ "$(echo "$all" | wc -w)" -eq 22 ] || not_ok "components: '$all'"
[ ! -e "$T/none" ] || not_ok "an image with an unknown component was made"
everything="epoll yes
event yes
landlock yes
mqueue yes
overlay yes
pipe yes
procfs yes
ptrace yes
seccomp yes
sysvipc yes
tty yes
null yes
shm yes
thread yes"
declare -A without=([epoll]=ENOSYS [event]=ENOSYS [landlock]=ENOSYS [mqueue]=ENOSYS [overlay]=EROFS [pipe]=ENOSYS [procfs]=ENOENT [ptrace]=ENOSYS [seccomp]=ENOSYS [sysvipc]=ENOSYS [tty]=ENOENT)

image
code 0 "$B" run "$T/image"; out "$everything"
libos() { "$B" inspect "$T/image" | awk '$1 == "libos" { print $5 }'; }
whole=$(libos)
for left_out in $all; do
	image "$(echo core $all | sed "s/ $left_out\b//; s/ /,/g")"
	# Whole pages count: the smallest may fit into what is left of the others'.
	[ "$(libos)" -le "$whole" ] || not_ok "without $left_out the library OS is larger"
	code 0 "$B" run "$T/image"
	out "$(echo "$everything" | sed "s/^$left_out yes/$left_out ${without[$left_out]-}/")"
done
image core
[ "$(libos)" -lt "$whole" ] || not_ok "the core alone is no smaller than the whole"
code 0 "$B" inspect "$T/image"; has "[core]"
code 0 "$B" run "$T/image"
out "$(for name in ${!without[*]}; do echo "s/^$name yes/$name ${without[$name]}/"; done >"$T/sed"; echo "$everything" | sed -f "$T/sed")"
code 125 "$B" run --trace "$T/image"; err "--trace: $T/image was linked without the component 'trace'"
code 125 "$B" run -v "$T:/t" "$T/image"; err "component 'hostfs'"
code 125 "$B" run --rewrite all "$T/image"; err "component 'rewrite'"

# The same bytes again; a manifest chooses as the option does.
cp "$T/image" "$T/before"
image core
cmp -s "$T/image" "$T/before" || not_ok "the same components gave other bytes"
echo '{"components": ["core"]}' >"$T/manifest"
code 0 "$B" build -m "$T/manifest" -o "$T/image" "$P"
cmp -s "$T/image" "$T/before" || not_ok "the manifest's components gave other bytes than the option's"

# cp is told that it cannot; what is wrong is one line.
code 0 "$B" build -o "$T/sleeper" --components=core "$(command -v busybox || echo /bin/sleep)"
if command -v busybox >/dev/null; then
	code 0 "$B" run -d --name asked "$T/sleeper" sleep 20
	code 1 "$B" cp asked:/etc "$T/etc"; err "Function not implemented"
	code 0 "$B" rm -f asked
fi
code 125 "$B" build --components=epol -o "$T/image" "$P"; err "did you mean 'epoll'"
code 125 "$B" build --components=core --no-libos -o "$T/image" "$P"; err "leave --libos and --no-libos out"
code 125 env PATH=/usr/sbin:/sbin "$(dirname "$B")/image/bartizan-image" build --components=core -o "$T/image" "$P"
err "install the package binutils"
