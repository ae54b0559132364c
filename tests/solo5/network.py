"""Frames through taps in a network namespace of the test's own.  Root alone can make one; others skip.

network.py BARTIZAN FOLDER
"""
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import time

SKIP = 77
CLONE_NEWNET = 0x40000000
TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 1, 2, 0x1000, 0x4000
SIOCSIFFLAGS, SIOCGIFFLAGS, SIOCSIFMTU = 0x8914, 0x8913, 0x8922
ETH_P_EXPERIMENT = 0x88B5

bartizan, guests = map(os.path.realpath, sys.argv[1:3])
libc = ctypes.CDLL(None, use_errno=True)
if os.geteuid() or not os.path.exists("/dev/net/tun") or libc.unshare(CLONE_NEWNET):
    print("needs root and /dev/net/tun")
    sys.exit(SKIP)
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
guest = os.path.join(guests, "net.spt")
fails = 0


def check(holds, what):
    global fails
    if not holds:
        fails += 1
        print("FAILED:", what)


def tun(name, flags):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return fd


def tap_make(name, mtu, up=True):
    fd = tun(name, IFF_TAP | IFF_NO_PI)
    fcntl.ioctl(fd, TUNSETPERSIST, 1)
    os.close(fd)
    fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si20x", name.encode(), mtu))
    if up:
        set_up(name)


def set_up(name):
    flags = struct.unpack("16sH22x", fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH22x", name.encode(), 0)))[1]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags | 1))


def run(*args, **how):
    return subprocess.run([bartizan, "run", "--mem", "16", *args], capture_output=True, text=True, timeout=60, **how)


def listen(name):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_EXPERIMENT))
    packets.bind((name, ETH_P_EXPERIMENT))
    packets.settimeout(30)
    return packets


def echo(networks, mtu, count, **how):
    wire, side = listen("bztap0"), listen("bztap1")
    own = wire.getsockname()[4]
    mac = bytes.fromhex("020102030405")
    started = subprocess.Popen([bartizan, "run", "--mem", "16", *networks, "--net-mac", "wire=02:01:02:03:04:05", guest, "echo",
                                str(count)], stdout=subprocess.PIPE, text=True, **how)
    check(started.stdout.readline() == f"mtu {mtu}\n", "the interface's MTU is the guest's")
    for n in range(count):
        body = bytes([n]) * (46 if n else mtu)
        frame = mac + own + struct.pack(">H", ETH_P_EXPERIMENT) + body
        wire.send(frame)
        while True:
            answer = wire.recv(65536)
            if answer[6:12] == mac:
                break
        check(answer == own + mac + frame[12:], f"frame {n} comes back whole")
    check(started.wait(60) == 0, "it ends well")
    check(len(side.recv(65536)) >= 60, "the other network had a frame, too")


tap_make("bztap0", 1500)
tap_make("bztap1", 9000)
tap_make("bzdown", 1500, up=False)
named = ["--net", "wire=bztap0", "--net", "side=bztap1"]
echo(named, 1500, 20)

handed = tun("bztap0", IFF_TAP | IFF_NO_PI)
os.set_inheritable(handed, True)
echo(["--net", f"wire=@{handed}", "--net", "side=bztap1"], 1500, 5, pass_fds=[handed])
os.close(handed)

result = run(*named, guest, "random")
check(result.stdout == "mtu 1500, local\n", f"a random address is local and unicast: {result.stdout} {result.stderr}")
result = run(*named, guest, "big")
check(result.returncode == 159 and "forbidden" in result.stderr, f"a frame beyond the MTU is refused: {result}")

# What is not a tap, or not as it must be, is refused before anything runs.
for networks, words in (
    (["--net", "wire=bzdown", "--net", "side=bztap1"], "is down"),
    (["--net", "wire=nosuch", "--net", "side=bztap1"], "no such interface"),
    (["--net", "wire=bztap0", "--net", "side=bztap0"], "another has it"),
    (["--net", "wire=lo", "--net", "side=bztap1"], "is down"),
    ([*named, "--net-mac", "wire=01:00:00:00:00:01"], "group"),
    ([*named, "--net-mac", "wire=1:2:3"], "six pairs"),
):
    result = run(*networks, guest, "random")
    check(result.returncode == 125 and words in result.stderr, f"{networks}: {result}")
set_up("lo")
fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si20x", b"lo", 1500))
result = run("--net", "wire=lo", "--net", "side=bztap1", guest, "random")
check(result.returncode == 125 and "is not a tap" in result.stderr, f"lo: {result}")
check(not os.path.exists("/sys/class/net/nosuch"), "no interface was made")
for name, flags, words in (("bztun", IFF_TUN | IFF_NO_PI, "a tun, not a tap"), ("bzpi", IFF_TAP, "puts a header"),
                           ("bzvnet", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, "puts a header")):
    fd = tun(name, flags)
    set_up(name)
    result = run("--net", f"wire=@{fd}", "--net", "side=bztap1", guest, "random", pass_fds=[fd])
    check(result.returncode == 125 and words in result.stderr, f"{name}: {result}")
    os.close(fd)
for fd in (os.open("/dev/zero", os.O_RDWR), os.open("/dev/net/tun", os.O_RDWR), socket.socketpair()[0].detach()):
    result = run("--net", f"wire=@{fd}", "--net", "side=bztap1", guest, "random", pass_fds=[fd])
    check(result.returncode == 125 and "is not a tap" in result.stderr, f"descriptor: {result}")
sys.exit(fails > 0)
