#!/usr/bin/env python3
"""Container archives, as others make them: layers, whiteouts, configuration, users by name, foreign processors, damage."""
import gzip, hashlib, io, json, os, subprocess, sys, tarfile, tempfile, time

BARTIZAN = os.path.abspath(sys.argv[1])
REG, LINK, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE
failed = 0


def check(what, ok, seen=''):
    global failed
    if not ok:
        failed += 1
        print('FAILED:', what, seen)


def bartizan(*args):
    p = subprocess.run([BARTIZAN, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def layer(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        for name, kind, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o755
            if kind == LINK:
                info.linkname = data
            elif kind == REG:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if kind == REG else None)
    return out.getvalue()


def put(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def archive(path, layers, config, arch='amd64', docker=False, damage=False):
    configuration = json.dumps({'architecture': arch, 'os': 'linux', 'config': config, 'rootfs': {
        'type': 'layers', 'diff_ids': ['sha256:' + digest(one) for one in layers]}}).encode()
    packed = [gzip.compress(one, mtime=0) for one in layers]
    manifest = json.dumps({'schemaVersion': 2, 'config': {'digest': 'sha256:' + digest(configuration)},
                           'layers': [{'digest': 'sha256:' + digest(one)} for one in packed]}).encode()
    with tarfile.open(path, 'w') as tar:
        if docker:
            put(tar, 'c.json', configuration)
            for n, one in enumerate(layers):
                put(tar, '%d/layer.tar' % n, one)
            put(tar, 'manifest.json', json.dumps([{'Config': 'c.json', 'Layers': [
                '%d/layer.tar' % n for n in range(len(layers))]}]).encode())
            return
        put(tar, 'oci-layout', b'{"imageLayoutVersion":"1.0.0"}')
        put(tar, 'index.json', json.dumps({'schemaVersion': 2, 'manifests': [{'digest': 'sha256:' + digest(manifest)}]}).encode())
        for one in [configuration, manifest] + packed:
            put(tar, 'blobs/sha256/' + digest(one), one[:-1] + b'?' if damage and one is packed[-1] else one)


def main():
    with open('/bin/busybox', 'rb') as f:
        busybox = f.read()
    below = layer(('bin', DIR, b''), ('bin/busybox', REG, busybox), ('bin/sh', LINK, 'busybox'), ('etc', DIR, b''),
                  ('etc/passwd', REG, b'root:x:0:0::/:/bin/sh\napp:x:77:88::/:/bin/sh\n'), ('etc/group', REG, b'staff:x:99:\nfirst:x:100:other,app\nsecond:x:101:app\nown:x:88:app\n'),
                  ('etc/old', REG, b'old'), ('etc/gone', REG, b'x'), ('opaque', DIR, b''), ('opaque/a', REG, b'a'))
    above = layer(('etc/old', REG, b'new'), ('etc/.wh.gone', REG, b''), ('opaque/.wh..wh..opq', REG, b''), ('opaque/b', REG, b'b'))
    config = {'Entrypoint': ['/bin/sh', '-c'], 'Cmd': ['echo $(cat /etc/old) $(ls /etc /opaque) $V $(pwd) $(id -u):$(id -g)'],
              'Env': ['PATH=/bin', 'V=v'], 'WorkingDir': '/opaque', 'User': 'app', 'StopSignal': 'USR1'}
    for docker in False, True:
        archive('a.tar', [below, above], config, docker=docker)
        check('build', bartizan('build', '-o', 'a.img', 'a.tar')[0] == 0)
        code, out, err = bartizan('run', './a.img')
        check('layers and configuration', code == 0 and 'new' in out and 'gone' not in out and ' a ' not in out and
              out.endswith('v /opaque 77:88\n'), (code, out, err))
        check('arguments replace the command', bartizan('run', './a.img', 'echo other')[1] == 'other\n')
    # Names in the image's own tree; a number's group; a link there leads nowhere else; what nobody has is an error.
    for user, ids in ('app:staff', '77:99'), ('77', '77:88'), ('1234', '1234:0'), ('root', '0:0'), ('5:6', '5:6'):
        archive('a.tar', [below], dict(config, User=user, Cmd=['echo $(id -u):$(id -g)'], WorkingDir='/'))
        check('build for ' + user, bartizan('build', '-o', 'a.img', 'a.tar')[0] == 0)
        check('user ' + user, bartizan('run', './a.img')[1] == ids + '\n', bartizan('run', './a.img'))
    # As with Docker, groups that have the user come with a user whose group nobody named.
    for user, ids in ('app', '88 100 101'), ('77', '88 100 101'), ('app:staff', '99'), ('5:6', '6'):
        archive('a.tar', [below], dict(config, User=user, Cmd=['id -G'], WorkingDir='/'))
        check('build for ' + user, bartizan('build', '-o', 'a.img', 'a.tar')[0] == 0)
        check('groups of ' + user, bartizan('run', './a.img')[1] == ids + '\n', bartizan('run', './a.img'))
    for user in 'nobody-here', 'app:nobody-here':
        archive('a.tar', [below], dict(config, User=user))
        code, out, err = bartizan('build', '-o', 'b.img', 'a.tar')
        check('unknown ' + user, code == 125 and '"nobody-here" is not in' in err and err.count('\n') == 1, err)
    with open('passwd', 'w') as f:
        f.write('outside:x:1:1::/:/bin/sh\n')
    archive('a.tar', [below, layer(('etc/passwd', LINK, os.path.abspath('passwd')))], dict(config, User='outside'))
    code, out, err = bartizan('build', '-o', 'b.img', 'a.tar')
    check('a link out of the tree', code == 125 and '"outside" is not in' in err, err)
    archive('a.tar', [below], config, arch='arm64')
    code, out, err = bartizan('build', '-o', 'b.img', 'a.tar')
    check('a foreign processor', code == 125 and 'arm64' in err and err.count('\n') == 1, err)
    archive('a.tar', [below, above], config, damage=True)
    code, out, err = bartizan('build', '-o', 'b.img', 'a.tar')
    check('a damaged layer', code == 125 and 'damaged blob' in err, err)
    check('nothing left behind', not os.path.exists('b.img'), os.listdir('.'))
    # The image's stop signal is what stop sends.
    archive('a.tar', [below], dict(config, WorkingDir='/', Cmd=['trap "echo usr1; exit 9" USR1; echo on; while :; do sleep 1; done']))
    check('build', bartizan('build', '-o', 'a.img', 'a.tar')[0] == 0)
    check('start', bartizan('run', '-d', '--name', 'stopme', './a.img')[0] == 0)
    for _ in range(300):
        if 'on' in bartizan('logs', 'stopme')[1]:
            break
        time.sleep(0.1)
    check('stop', bartizan('stop', '-t', '30s', 'stopme')[0] == 0)
    check('stop signal', bartizan('wait', 'stopme')[1] == '9\n', bartizan('logs', 'stopme'))
    bartizan('rm', '-f', 'stopme')


with tempfile.TemporaryDirectory() as home:
    os.chdir(home)
    os.mkdir('run')
    os.environ.update(XDG_RUNTIME_DIR=home + '/run', XDG_DATA_HOME=home + '/data')
    main()
sys.exit(1 if failed else 0)
