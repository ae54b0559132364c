# Sourced.  cached DIRECTORY BARTIZAN PROGRAM: what `bartizan run` keeps of the program's patched text is made now, and kept in DIRECTORY.
cached() {
	export XDG_CACHE_HOME="$1"
	tries=0
	# A program that was built just now is not taken: its next version could look the same.
	until "$(dirname "$2")/image/bartizan-image" text "$3"; do
		tries=$((tries + 1)) && [ $tries -lt 50 ] || exit 1
		sleep 0.1
	done
	[ "$(find "$1/bartizan/text" -type f -size +4k | wc -l)" = 1 ] || exit 1
}
