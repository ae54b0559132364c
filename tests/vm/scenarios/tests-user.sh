# Guest programs, natively and in a sandbox, and tests of the boundary, as an ordinary user.
. "$PLACE/tests/vm/meson.sh"
meson_suites user hostile guest
