# The programs that tests are run by are those of where the build was made: what lies elsewhere here gets a link there.
link_runners() {
	python3 - "$PLACE/build/meson-info/intro-tests.json" <<'PYTHON'
import json
import os
import shutil
import sys

for program in {test["cmd"][0] for test in json.load(open(sys.argv[1]))}:
    found = shutil.which(os.path.basename(program))
    if program.startswith("/") and not os.path.exists(program) and found:
        os.makedirs(os.path.dirname(program), exist_ok=True)
        os.symlink(found, program)
PYTHON
}

# meson_suites USER SUITE...: runs the project's own tests, as they were built, by their own runner, as `root` or `user`, and
# hands their results on one by one.
meson_suites() {
	local who=$1 as='' suites=() suite ran told
	shift
	for suite; do suites+=(--suite "$suite"); done
	link_runners
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
	ran=$(sed -n 's/^ *[0-9]*\/\([0-9]*\) .*/\1/p' "$T/meson" | tail -n 1) told=$(grep -acv '^|' "$T/results")
	if ! grep -q '^Ok: ' "$T/meson" || [ "$told" -eq 0 ] || [ "$told" -ne "${ran:-0}" ]; then
		failed "meson test, as $who" "it had ${ran:-no} tests and told of $told"
		tail -n 40 "$T/meson"
	fi
	# One at a time: what closes a serial line does not wait until all is sent.
	grep -av '^|' "$T/results" | while read -r line; do echo "$line" >/dev/ttyS1; done
	grep -av '^ok' "$T/results"
	echo "$told results, $(grep -ac '^ok' "$T/results") passed"
}
