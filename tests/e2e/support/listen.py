"""Listens on ADDRESS PORT, and says when it did. NAME, where it is not empty, is the process's own name (at most 15 bytes). Further words: "reuseport",
"inactive" (bound, and not listening); others are only there to be seen in the command line."""

import ctypes
import signal
import socket
import sys
import time

PR_SET_NAME = 15


def main(address, port, name, words):
    if name:
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if "reuseport" in words:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind((address, port))
    if "inactive" not in words:
        server.listen()
    print(time.time(), flush=True)
    signal.pause()


main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:])
