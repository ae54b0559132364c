# meson_suites USER SUITE...: runs the project's own tests, as they were built, by their own runner, as `root` or `user`, and
# hands their results on one by one.
meson_suites() {
	local who=$1 as='' suites=() suite
	shift
	for suite; do suites+=(--suite "$suite"); done
	rm -rf "$PLACE/build/meson-logs"
	mkdir "$PLACE/build/meson-logs"
	if [ "$who" = user ]; then
		as=as-user
		chown -R tester: "$PLACE/build/meson-logs" "$PLACE/build/meson-private"
	fi
	(cd "$PLACE" && $as meson test -C build --no-rebuild --num-processes 1 --timeout-multiplier 8 "${suites[@]}") >"$T/meson" 2>&1
	python3 - "$PLACE/build/meson-logs/testlog.json" "$who" <<'PYTHON' >"$T/results"
import json
import sys

words = {"OK": "ok", "SKIP": "skip", "EXPECTEDFAIL": "skip"}
for line in open(sys.argv[1]):
    test = json.loads(line)
    print(words.get(test["result"], "FAILED"), test["name"].split(" / ")[-1].replace("bartizan:", ""), "as", sys.argv[2])
    if test["result"] not in words:
        for text in (test["result"], test.get("stdout"), test.get("stderr")):
            print("|", (text or "")[-1500:].replace("\n", "\n| "))
PYTHON
	grep -q '^Ok: ' "$T/meson" || { failed "meson test, as $who" "it ended before its tests did" && tail -n 20 "$T/meson"; }
	[ -s "$T/results" ] || { failed "meson test, as $who" "it ran nothing" && tail -n 20 "$T/meson"; }
	grep -av '^|' "$T/results" >/dev/ttyS1
	grep -av '^ok' "$T/results"
	grep -ac '^ok' "$T/results"
}
