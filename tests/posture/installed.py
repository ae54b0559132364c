"""A copy of the command where every user can execute it: a checkout may lie in somebody's own directory."""
import atexit
import os
import shutil
import tempfile


def installed(bartizan):
    build = os.path.dirname(os.path.realpath(bartizan))
    place = tempfile.mkdtemp(prefix="bartizan-installed-")
    atexit.register(shutil.rmtree, place, True)
    os.makedirs(f"{place}/libos")
    for name in ("bartizan", "libos/bartizan-libos.elf"):
        shutil.copy(f"{build}/{name}", f"{place}/{name}")
        os.chmod(f"{place}/{name}", 0o755)
    for directory in (place, f"{place}/libos"):
        os.chmod(directory, 0o755)
    return f"{place}/bartizan"
