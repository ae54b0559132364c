"""A set and a get of 100 bytes, in turn, over 8 connections: `memcached NANOSECONDS` a pair."""
import socket
import sys
import time

port, n = int(sys.argv[1]), int(sys.argv[2])
socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
ask = b"set k 0 0 100\r\n" + b"v" * 100 + b"\r\nget k\r\n"
answer = len(b"STORED\r\nVALUE k 0 100\r\n" + b"v" * 100 + b"\r\nEND\r\n")
t = time.perf_counter_ns()
for _ in range(n // 8):
    for s in socks:
        s.sendall(ask)
    for s in socks:
        left = answer
        while left:
            left -= len(s.recv(left))
print("memcached", (time.perf_counter_ns() - t) / (n // 8 * 8))
