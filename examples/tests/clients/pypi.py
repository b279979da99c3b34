"""PyPI's websockets against an echo server: pypi.py URL deflate|plain. Prints what was agreed on."""

import os
import sys

from websockets.sync.client import connect

url, mode = sys.argv[1:]
with connect(url, compression="deflate" if mode == "deflate" else None, max_size=None) as socket:
    for size in [0, 1, 125, 126, 255, 256, 2047, 2048, 8192, 65535, 65536, 1000000]:
        for message in [("ž and x, " * (size // 9 + 1))[:size], bytes(size), os.urandom(size)]:
            socket.send(message)
            assert socket.recv() == message, f"{size} bytes do not come back"
    # In fragments, which the library compresses as one message.
    socket.send(["over and over "] * 100)
    assert socket.recv() == "over and over " * 100
    print(socket.response.headers.get("Sec-WebSocket-Extensions", "nothing"))
