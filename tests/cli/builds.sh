. "$(dirname "$0")/lib.sh"

# A library OS of another build is refused, in an image and beside the command; inspect and version show the builds.
L=$(dirname "$B")/libos/bartizan-libos.elf
/usr/bin/python3 - "$L" "$T/other.elf" <<'END'
import sys
elf = bytearray(open(sys.argv[1], 'rb').read())
at = elf.index(b'Bartizan\0\0\0\0')
elf[at + 12] ^= 1
open(sys.argv[2], 'wb').write(elf)
END
head -c 4096 "$L" >"$T/short.elf"
id=$("$B" version | sed 's/.* build //')
echo "$id" | grep -qE '^[0-9a-f]{16}$' || not_ok "the build is '$id'"
code 0 "$B" version --json; has "\"build\": \"$id\""
code 0 "$B" build -o "$T/same.img" /bin/echo
code 0 "$B" run "$T/same.img" works; out works
code 0 "$B" inspect "$T/same.img"; has "Build      $id"
code 0 "$B" inspect --json "$T/same.img"; has "\"build\": \"$id\""
code 0 "$B" build --libos "$T/other.elf" -o "$T/other.img" /bin/echo
code 125 "$B" run "$T/other.img" no; err "other.img: was built by another bartizan"; err "this is $id): rebuild the image"; out ''
[ "$(wc -l <"$T/err")" -eq 1 ] || not_ok "more than a line: $(cat "$T/err")"
code 0 "$B" inspect "$T/other.img"; has "rebuild it"
# Beside the command: also one without a note, or cut short.
mkdir -p "$T/bin/libos"
cp "$B" "$T/bin/bartizan"
for libos in other short; do
	cp "$T/$libos.elf" "$T/bin/libos/bartizan-libos.elf"
	code 125 "$T/bin/bartizan" run echo no; err "is of another build"; out ''
done
cp "$L" "$T/bin/libos/bartizan-libos.elf"
code 0 "$T/bin/bartizan" run echo yes; out yes
