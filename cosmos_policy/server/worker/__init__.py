"""The one process that owns the model: its own interpreter, its own GPU context, and nothing of the network.

The server talks to it over a socket pair in msgpack, arrays beside it as raw bytes. When it dies, only the requests
that it held are lost.
"""
