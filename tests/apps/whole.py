"""Software of many processes, run whole: a script each in whole/, whose output natively and in a sandbox must be the same."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
USER = 1000  # servers refuse to be root

# Name, what it needs, whether it is quick.
SCRIPTS = [
    ("redis", ["/usr/bin/redis-server"], True),
    ("nginx_php", ["/usr/sbin/nginx", "/usr/sbin/php-fpm8.2"], True),
    ("git", ["/usr/bin/git"], False),
    ("postgresql", ["/usr/lib/postgresql/15/bin/initdb"], False),
    ("mariadb", ["/usr/sbin/mariadbd"], False),
    ("shells", ["/bin/bash", "/bin/dash", "/bin/busybox"], True),
]


def script(name):
    def prepare(d):
        with open(f"{HERE}/whole/{name}.sh") as f, open(f"{d}/{name}.sh", "w") as copy:
            copy.write(f.read())
    return prepare


def project(d, files=60):
    """A C project of that many files with headers, a static and a shared library, generated code and tests of its own."""
    os.makedirs(f"{d}/src")
    names = [f"part{i}" for i in range(files)]
    for i, name in enumerate(names):
        with open(f"{d}/src/{name}.h", "w") as f:
            f.write(f"int {name}_sum(int n);\nextern const char {name}_name[];\n")
        with open(f"{d}/src/{name}.c", "w") as f:
            before = names[i - 1] if i % 6 else None
            f.write('#include <stdio.h>\n#include <string.h>\n#include "generated.h"\n' +
                    f'#include "{name}.h"\n' + (f'#include "{before}.h"\n' if before else "") +
                    f'const char {name}_name[] = "{name}";\n' +
                    f"int {name}_sum(int n)\n{{\n\tint s = SEED + {i};\n\tfor (int k = 0; k < n; k++)\n\t\ts = s * 31 + k + (int)strlen({name}_name);\n" +
                    (f"\treturn s ^ {before}_sum(n / 2);\n}}\n" if before else "\treturn s;\n}\n"))
    with open(f"{d}/src/main.c", "w") as f:
        f.write("#include <stdio.h>\n#include <stdlib.h>\n" + "".join(f'#include "{n}.h"\n' for n in names) +
                "int main(int argc, char **argv)\n{\n\tint n = argc > 1 ? atoi(argv[1]) : 10;\n" +
                "".join(f'\tprintf("%s %d\\n", {n}_name, {n}_sum(n));\n' for n in names) + "\treturn 0;\n}\n")
    half = files // 2
    with open(f"{d}/Makefile", "w") as f:
        f.write(f"""CFLAGS = -O2 -Wall -Werror -fPIC -MMD -Isrc -g
STATIC = {" ".join(f"src/{n}.o" for n in names[:half])}
SHARED = {" ".join(f"src/{n}.o" for n in names[half:])}
all: program
src/generated.h:
	i=0; for f in src/part*.c; do i=$$((i + $$(wc -c <$$f))); done; echo "#define SEED $$i" >$@.new && mv $@.new $@
$(STATIC) $(SHARED) src/main.o: src/generated.h
libstatic.a: $(STATIC)
	ar rcD $@ $^
libshared.so: $(SHARED) libstatic.a
	gcc -shared -o $@ $(SHARED) -L. -lstatic
program: src/main.o libstatic.a libshared.so
	gcc -o $@ $< -L. -lshared -lstatic -Wl,-rpath,'$$ORIGIN'
check: program
	set -e; for i in 1 2 3 4 5 6 7 8; do ./program $$i >out.$$i & done; wait; cat out.* | md5sum; ! ./program 3 | grep -q nothing
	touch src/part3.h; $(MAKE) -s -q program && exit 1 || test $$? = 1
clean:
	rm -f program *.a *.so src/*.o src/*.d src/generated.h out.*
-include $(wildcard src/*.d)
.PHONY: all check clean
""")


def terminal_files(d):
    with open(f"{d}/big", "w") as f:
        f.write("".join(f"line {i}\n" for i in range(1, 1000)))
    with open(f"{d}/tmux.conf", "w") as f:
        f.write("set -g assume-paste-time 0\n")  # what is typed fast is typed all the same


# What a person does with a full-screen program: (typed, pattern that must come).
SESSIONS = [
    ("vi", ["/usr/bin/vim.tiny", "-u", "NONE", "-N", "file"], [
        (b"", rb"~"), (b"ihello world", rb"hello world"), (b"\x1b", None), (b"\x0c", rb"hello"), (b"yyp", rb"hello world"),
        (b":s/world/vi/\r", rb"vi"), (b":set number\r", rb"2 "), (b":w\r", rb"written"), (b":!echo shell$((1+1))\r", rb"shell2"),
        (b"\r", rb"vi"), (b":q\r", None)]),
    ("less", ["/usr/bin/less", "big"], [
        (b"", rb"line 30\b"), (b" ", rb"line 5\d"), (b"G", rb"line 999"), (b"?line 500\r", rb"line 500"), (b"g", rb"line 1\b"), (b"q", None)]),
    ("tmux", ["/usr/bin/tmux", "-f", "tmux.conf", "-S", "sock", "new-session", "/bin/sh"], [
        (b"", rb"[#$] "), (b'echo in""side\r', rb"inside"), (b'\x02"', rb"."), (b'echo sec""ond; stty size\r', rb"second"), (b"\x02c", rb"1:"),
        (b"tmux -S sock list-windows | wc -l\r", rb"2"), (b"tmux -S sock kill-server\r", None)]),
    ("script", ["/usr/bin/script", "-q", "-c", "stty size; tty >/dev/null && echo is-tty; read x; echo got $x", "out"], [
        (b"", rb"is-tty"), (b"word\r", rb"got word")]),
    ("stty", ["/bin/bash", "--norc", "--noprofile", "-i"], [
        (b"", rb"\$ $"), (b"stty -a | head -n 1\r", rb"rows 40; columns 100"), (b'stty -echo; echo qu""iet\r', rb"\nquiet"),
        (b"stty echo raw; stty -a | grep -c -- -icanon; stty sane\r", rb"1"), (b"stty rows 10 cols 20; stty size\r", rb"10 20"),
        (b"exit 3\r", None)]),
]


BUILD = ("make -s -j4 && md5sum <program && ./program 12 | md5sum && make -s check && touch src/part7.c && make -j4 | grep -c part7 && "
         "make -s clean && make -s -j2 CC='gcc -pipe' && ls src | wc -l")


def tests(Test, quick):
    for name, needs, quickly in SCRIPTS:
        if quickly or not quick:
            yield Test(f"whole-{name}", ["/bin/bash", f"{name}.sh"], needs=needs, prepare=script(name), timeout=600, user=USER)
    for name, argv, steps in SESSIONS:
        yield Test(f"pty-{name}", argv, prepare=terminal_files, session=steps)
    files = 12 if quick else 60
    yield Test("whole-project", ["/bin/sh", "-c", BUILD], needs=["/usr/bin/gcc", "/usr/bin/make"], prepare=lambda d: project(d, files),
               timeout=600)
