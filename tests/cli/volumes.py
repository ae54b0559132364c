"""A volume shared with a program outside: the same steps once with both programs on the host, once with one in a sandbox.
A and B are two processes of that one, X and Y two of the one that stays outside. Answers have to be the same."""
import os
import subprocess
import sys
import tempfile
import time

BARTIZAN, CALLS = (os.path.abspath(path) for path in sys.argv[1:3])

LOCKS = '''
A open 0 data rw
B open 0 data rw
X open 0 data rw
Y open 0 data rw
# Two readers inside: outside sees a reader until both have let go.
A lock 0 posix r 0 100
B lock 0 posix r 50 100
X lock 0 ofd w 60 1
A lock 0 posix u 0 100
X lock 0 ofd w 0 50
X lock 0 ofd w 60 1
X get 0 ofd w 60 1
X lock 0 ofd u 0 50
B lock 0 posix u 60 1
X lock 0 ofd w 60 1
X lock 0 ofd w 59 1
B lock 0 posix r 60 1
B get 0 posix r 60 1
X lock 0 ofd u 0 0
B lock 0 posix u 0 0
# An upgrade that somebody outside hinders leaves the lock as it was.
A lock 0 posix r 0 10
X lock 0 posix r 0 10
A lock 0 posix w 0 10
B lock 0 posix w 0 10
X lock 0 posix u 0 10
Y lock 0 posix w 0 10
B get 0 posix w 0 10
A lock 0 posix w 0 10
A lock 0 posix r 0 5
X lock 0 posix r 0 5
X lock 0 posix r 5 5
A lock 0 posix u 0 0
X lock 0 posix u 0 0
# Who waits is let in, from either side; a line with + is answered where its process has a line with -.
X lock 0 posix w 0 5
+A wait 0 posix w 0 5
X get 0 posix w 0 5
X lock 0 posix u 0 5
-A
+X wait 0 ofd w 2 5
B get 0 posix w 0 5
A lock 0 posix u 0 5
-X
A lock 0 posix w 0 5
X lock 0 ofd u 0 0
# Descriptions of one process are apart; closing one lets go of its own, and of the process's record locks.
A open 1 data rw
A lock 0 ofd r 0 10
A lock 1 ofd r 0 10
A close 1
X lock 0 ofd w 0 10
A lock 0 ofd u 0 10
X lock 0 ofd w 0 10
X lock 0 ofd u 0 10
A open 1 data r
A lock 0 posix w 20 5
B lock 0 posix w 30 5
A close 1
X lock 0 ofd w 20 5
X lock 0 ofd w 30 5
X lock 0 ofd u 0 0
B lock 0 posix u 0 0
# flock(2): a conversion that fails loses the lock; shared ones count each.
A flock 0 sh
B flock 0 sh
X flock 0 ex
A flock 0 un
X flock 0 ex
X flock 0 sh
B flock 0 ex
Y flock 0 sh
X flock 0 un
Y flock 0 ex
B flock 0 sh
Y flock 0 un
B flock 0 ex
A flock 0 sh
B flock 0 sh
A flock 0 sh
A flock 0 ex
X flock 0 sh
B flock 0 ex
X flock 0 un
B flock 0 ex
B close 0
X flock 0 ex
# The same file by another name, and a file that took over the name.
A link 0 other
X open 1 other rw
A lock 0 ofd w 0 1
X lock 1 ofd w 0 1
X open 2 fresh new
X rename fresh data
X lock 2 ofd w 7 1
A lock 0 ofd w 7 1
. what was looked up is taken for true for a few milliseconds
A open 2 data rw
A lock 2 ofd w 7 1
A lock 2 ofd w 8 1
X lock 2 ofd w 8 1
'''

NAMES = '''
A open 0 . tmp
A nlink 0
A write 0 hello
A link 0 named
A nlink 0
X cat named
B cat named
A link 0 named
A link 0 second
X cat second
A nlink 0
A write 0 again
X cat named
A unlink named
A unlink second
A nlink 0
A link 0 third
A open 1 . tmpx
A link 1 fourth
A open 2 data r
A link 2 data2
X cat data2
A unlink data
A link 2 data3
X cat data3
A unlink data2
A unlink data3
A link 2 data4
'''


CHANGES = '''
A notify 0
A watch 0 .
# Names and contents that somebody outside changes, and what is looked up right behind the news.
X put f hello
A events 0
A stat f
X append f more
A events 0
A stat f
X append f evenmore
# Without the news, what was told holds for some milliseconds.
.
A stat f
A events 0
X truncate f 3
A events 0
X chmod f 600
A events 0
A stat f
X rename f g
A events 0
A stat f
A stat g
X mkdir d
A events 0
A watch 0 d
X put d/in x
X rename g d/g
A events 0
X rename d/g back
X symlink nowhere s
X hardlink back other
A events 0
X unlink s
X unlink other
A events 0
# Who waits is woken.
+A come 0
X put late x
-A
# What guests do is told once, by whichever of them.
A put own x
A events 0
B put own again
A events 0
B mkdir e
B rename own e/own
A watch 0 e
B rename e/own own
A rename own renamed
A events 0
B truncate renamed 1
B chmod renamed 640
A hardlink renamed linked
B unlink linked
A events 0
A rmdir e
A events 0
# Both at once: the same from inside and from outside may be told as one, so it is compared what was told, not how often.
B append renamed x
X append renamed y
B append renamed z
~A events 0
A open 1 renamed rw
X append renamed 1
A write 1 2
X append renamed 3
A close 1
~A events 0
# One file; it is replaced, as editors do, and removed.
A watch 0 renamed
X append renamed x
A events 0
X put new content
X rename new renamed
A events 0
A stat renamed
A watch 0 renamed
X unlink renamed
A events 0
A stat renamed
# A directory that moves and goes.
X rename d moved
A events 0
X put moved/in2 x
A events 0
X unlink moved/in
X unlink moved/in2
X rmdir moved
A events 0
X mkdir moved
A watch 0 moved
X put moved/a x
A events 0
A unwatch 0 7
X put moved/b x
A events 0
# Masks, and two who watch the same.
A notify 2
A watch 2 moved 0x100
A watch 2 . 0x80000200
A watch 0 moved 0x2
X put moved/c x
A events 2
A events 0
X unlink moved/c
X unlink late
X unlink back
A events 2
A events 0
A close 0
X put moved/d x
A events 2
# More than is kept.
A watch 2 . 0x300
X flood z 9000
A lost 2
X put moved/e x
A events 2
A watch 2 moved/e
A watch 2 none
A watch 2 data
X append data x
A events 2
'''

ONE_FILE = '''
A notify 0
A watch 0 data
+A come 0
X append data x
-A
A append data y
A events 0
X truncate data 2
A events 0
A stat data
X chmod data 600
A events 0
'''

DIRECTORY, FILE = '{0}:/vol', '{0}/data:/vol/data'


def transcript(script, volume, options):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        with open(directory + '/data', 'w') as f:
            f.write('x' * 20)
        inside = [BARTIZAN, 'run', '-i', *options, '-v', volume.format(directory), '-w', '/vol', CALLS] if volume else [CALLS]
        programs = [subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
                    for command in (inside, [CALLS])]
        answers = []
        for line in script.splitlines():
            if not line or line[0] == '#':
                continue
            if line[0] == '.':
                time.sleep(0.05)
                continue
            act = line.lstrip('+-~')
            program = programs[act[0] in 'XY']
            if line[0] != '-':
                program.stdin.write({'X': 'A', 'Y': 'B'}.get(act[0], act[0]) + act[1:] + '\n')
            if line[0] == '+':
                time.sleep(0.1)
                continue
            answers.append('%s -> %s' % (line, program.stdout.readline().rstrip()))
        for program in programs:
            program.stdin.close()
            program.wait(10)
        return answers


failed = 0
for script, volume, options in ((LOCKS, DIRECTORY, []), (NAMES, DIRECTORY, []), (CHANGES, DIRECTORY, []),
                                (ONE_FILE, FILE, []), (ONE_FILE, DIRECTORY, ['--no-userns'])):
    for native, sandboxed in zip(transcript(script, None, []), transcript(script, volume, options), strict=True):
        if '-v' in sys.argv:
            print(native)
        told = [set(a.split(' -> ')[1].split()) if a[0] == '~' else a for a in (native, sandboxed)]
        if told[0] != told[1]:
            failed += 1
            print('natively', native, ', in the sandbox', sandboxed.split(' -> ')[1])
sys.exit(failed != 0)
