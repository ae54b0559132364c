# Tests of the boundary, as root: hostile guests, the posture of a live sandbox and of its monitor, canaries, volumes.
. "$PLACE/tests/vm/meson.sh"
meson_suites root hostile posture cli
