"""A TCP connection, and what has come on it and is no whole message yet."""

import socket

from .place import PATIENCE_S


class Tcp:
    def __init__(self, address):
        self.socket = socket.create_connection(address, PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()

    def read(self):
        """Takes the bytes that have come."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the venue has closed the connection")
        self.unread += data

    def close(self):
        self.socket.close()
