# A kernel booted without Landlock: a mount namespace takes its place.
mkdir -p "$T/rw/sub" "$T/ro"
echo secret >"$T/secret"
echo content >"$T/ro/file"
chmod -R a+rwX "$T/rw"
for as in "" as-user; do
	who=${as:+, as user}
	out "missing  Landlock                   ABI 0: not enabled"
	out "add landlock to the lsm= list"
	runs "check$who" 1 $as "$B" check
	out "LOST  Landlock                     not in this kernel; the monitor sees just the grants by a mount namespace"
	runs "explain$who" 0 $as "$B" run --explain true
	runs "run$who" 0 $as "$B" run true
	out "42"
	runs "libraries and python$who" 0 $as "$B" run python3 -c 'import json, sqlite3, hashlib; print(6 * 7)'
	out "content"
	runs "volumes$who" 0 $as "$B" run -v "$T/rw:/rw" -v "$T/ro:/ro:ro" sh -c \
		'cat /ro/file && echo new >/rw/new && mv /rw/new /rw/sub/new && ln /rw/sub/new /rw/link && rm /rw/link /rw/sub/new && ! (echo no >/ro/no)'
	out "8"
	runs "execution from a volume$who" 0 $as "$B" run -v "$T/rw:/rw" sh -c 'cp /usr/bin/expr /rw/expr && /rw/expr 3 + 5; rm -f /rw/expr'
	runs "no way up$who" 1 $as "$B" run -v "$T/rw:/rw" cat /rw/../secret
	# Root has a mount namespace also without a user namespace.
	if [ -n "$as" ]; then
		out "LOST  Landlock                     not in this kernel, and no mount namespace"
		runs "explain --no-userns$who" 0 $as "$B" run --no-userns --explain true
	fi
	runs "--no-userns$who" 0 $as "$B" run --no-userns true
done
