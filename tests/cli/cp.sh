. "$(dirname "$0")/lib.sh"

# Files into and out of sandboxes.
code 0 "$B" run -d --name box sh -c 'mkdir -p /tmp/d/sub; echo text >/tmp/d/a; chmod 640 /tmp/d/a; touch -d @1000000000 /tmp/d/a
	ln -s a /tmp/d/link; ln -s /etc/shadow /tmp/d/out; seq 1 100000 >/tmp/d/sub/many; chmod 555 /tmp/d/sub; mkfifo /tmp/d/fifo
	touch /tmp/ready; while :; do sleep 1; done'
for _ in $(seq 100); do "$B" cp box:/tmp/ready "$T/ready" 2>/dev/null && break; sleep 0.1; done

mkdir "$T/to"
code 0 "$B" cp box:/tmp/d/a "$T/to"
[ "$(cat "$T/to/a")" = text ] || not_ok "the file is not what it was"
[ "$(stat -c '%a %Y %u' "$T/to/a")" = "640 1000000000 $(id -u)" ] || not_ok "mode, time, owner: $(stat -c '%a %Y %u' "$T/to/a")"
code 0 "$B" cp box:/tmp/d/a "$T/to/b"
[ "$(cat "$T/to/b")" = text ] || not_ok "a file under another name"
code 0 "$B" cp box:/tmp/d "$T/to/tree"
[ "$(readlink "$T/to/tree/link")" = a ] && [ "$(readlink "$T/to/tree/out")" = /etc/shadow ] || not_ok "links"
seq 1 100000 | cmp -s - "$T/to/tree/sub/many" || not_ok "a longer file"
[ "$(stat -c %a "$T/to/tree/sub")" = 555 ] || not_ok "a directory's mode: $(stat -c %a "$T/to/tree/sub")"
[ ! -e "$T/to/tree/fifo" ] || not_ok "a FIFO was copied"
mkdir "$T/to/has"
code 0 "$B" cp box:/tmp/d "$T/to/has"; [ -f "$T/to/has/d/a" ] || not_ok "into a directory"
code 0 "$B" cp box:/tmp/d/. "$T/to/has"; [ -f "$T/to/has/a" ] || not_ok "what is in a directory"
"$B" cp box:/tmp/d - >"$T/tar" || not_ok "a tar"
tar tf "$T/tar" | sort -u | tr '\n' ' ' | grep -qx 'd d/a d/link d/out d/sub d/sub/many ' || not_ok "the tar has $(tar tf "$T/tar")"
code 1 "$B" cp box:/nonexistent "$T/x"; err "box:/nonexistent: No such file or directory"
code 1 "$B" cp box:/tmp/d "$T/to/a"; err "is no directory"
code 1 "$B" cp box:/tmp/d/a "$T/to/no/"; err "no such directory"
code 1 "$B" cp box:/tmp/d/fifo "$T/x"; err "Invalid argument"

# And in.
code 0 "$B" cp "$T/to/tree" box:/tmp/new
code 0 "$B" cp box:/tmp/new "$T/again"
diff -r --no-dereference "$T/to/tree" "$T/again" >"$T/diff" || not_ok "in and out again: $(cat "$T/diff")"
[ "$(stat -c '%a %Y' "$T/again/a")" = "640 1000000000" ] || not_ok "mode and time, in and out again"
code 0 "$B" cp "$T/to/a" box:/tmp/new; code 0 "$B" cp "$T/to/a" box:/tmp/c
code 0 "$B" cp box:/tmp/c "$T/c"; [ "$(cat "$T/c")" = text ] || not_ok "a file in under another name"
long=$(printf 'n%.0s' $(seq 180))
mkdir -p "$T/long/$long/$long" && echo deep >"$T/long/$long/$long/$long"
code 0 "$B" cp "$T/long" box:/tmp
code 0 "$B" cp box:/tmp/long "$T/long2"; [ "$(cat "$T/long2/$long/$long/$long")" = deep ] || not_ok "long names"
for format in ustar gnu pax; do
	tar -C "$T/to" --format=$format -cf - tree | "$B" cp - box:/tmp/$format 2>"$T/err" && not_ok "a tar for no directory"
	tar -C "$T/to" --format=$format --transform "s/^tree/$format/" -cf - tree | "$B" cp - box:/tmp || not_ok "a $format tar"
	code 0 "$B" cp box:/tmp/$format/sub/many "$T/m"; cmp -s "$T/m" "$T/to/tree/sub/many" || not_ok "content of a $format tar"
done
echo 'no tar at all' | "$B" cp - box:/tmp 2>"$T/err" && not_ok "no tar is taken for one"
code 1 "$B" cp "$T/to/a" box:/no/such/dir; err "No such file or directory"
code 1 "$B" cp "$T/to/tree" box:/tmp/c; err "is no directory"
code 0 "$B" run -d --name small -m 20m sleep 60
head -c 40m /dev/zero >"$T/large"
code 1 "$B" cp "$T/large" small:/tmp; err "small:/tmp: "
rm "$T/large"
code 0 "$B" rm -f small

# Several at once, one that is not read, and one that goes away in the middle: the sandbox goes on.
for i in 1 2 3; do "$B" cp box:/tmp/d/sub/many "$T/p$i" 2>/dev/null & done
wait
(timeout -s KILL 0.3 "$B" cp box:/tmp/d/sub - | sleep 0.5) 2>/dev/null
code 0 "$B" cp box:/tmp/d/a "$T/after"
"$B" ps | grep -q '^box ' || not_ok "the sandbox is gone"

# Words, and sandboxes that ended.
code 125 "$B" cp box:/tmp/d; err "name what is to be copied"
code 125 "$B" cp "$T/a" "$T/b"; err "one of the two must be in a sandbox"
code 125 "$B" cp box:/a box:/b; err "only one"
code 125 "$B" cp nobody:/a "$T/x"; err "no such sandbox"
code 0 "$B" rm -f box
mkdir "$T/upper"
code 0 "$B" run -d --name over --overlay "$T/upper" sh -c 'echo kept >/kept; rm /bin/true 2>/dev/null; exit 0'
code 0 "$B" wait over
code 0 "$B" cp over:/kept "$T/kept"; [ "$(cat "$T/kept")" = kept ] || not_ok "from an overlay"
code 1 "$B" cp over:/usr/bin/cat "$T/x"; err "only what it wrote"
ln -s /etc/passwd "$T/upper/leads"; ln -s / "$T/upper/root"
code 0 "$B" cp over:/leads "$T/leads"; [ -L "$T/leads" ] || not_ok "a link of the overlay was followed"
code 1 "$B" cp "over:/root$T/kept" "$T/x"
code 125 "$B" cp "$T/kept" over:/x; err "it ended"
code 0 "$B" run -d --name gone true; code 0 "$B" wait gone
code 125 "$B" cp gone:/x "$T/x"; err "--overlay DIR"
