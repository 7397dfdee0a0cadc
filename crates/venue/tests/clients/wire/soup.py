"""SoupBinTCP 3.0, the client's side: packets behind their lengths, numbered where they are a session's."""

import select
import socket
import time

from .place import PATIENCE_S

# Silence of ours that is broken, and of the server that is its end.
HEARTBEAT_S, SILENCE_S = 1.0, 15.0


class Refused(Exception):
    """The login was refused, for this reason."""


class Soup:
    """A connection that is logged on; `next` is the number of the message that comes next."""

    def __init__(self, address, username="", password="", session="", sequence=0):
        self.socket = socket.create_connection(address, PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()
        self.has_ended = False
        self.last_sent = self.last_heard = time.monotonic()
        login = f"{username:<6}{password:<10}{session:>10}{sequence:>20}"
        self.packet(b"L", login.encode())
        kind, body = self.wait()
        if kind != b"A":
            raise Refused(f"{kind} {body}")
        self.session, self.next = body[:10].decode().strip(), int(body[10:30])

    def packet(self, kind, body=b""):
        self.socket.sendall((len(body) + 1).to_bytes(2, "big") + kind + body)
        self.last_sent = time.monotonic()

    def send(self, message):
        """Sends a message of the layer above."""
        self.packet(b"U", message)

    def wait(self):
        """The next packet that is no heartbeat."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            for kind, body in self.packets(0.1):
                if kind != b"H":
                    return kind, body
        raise ConnectionError("nothing came")

    def packets(self, patience_s):
        """Whole packets that have come, one after the other; waits so long for bytes if there is none."""
        while len(self.unread) >= 2:
            length = int.from_bytes(self.unread[:2], "big")
            if len(self.unread) < 2 + length:
                break
            packet = bytes(self.unread[2 : 2 + length])
            del self.unread[: 2 + length]
            yield packet[:1], packet[1:]
        now = time.monotonic()
        if now - self.last_sent > HEARTBEAT_S:
            self.packet(b"R")
        if not select.select([self.socket], [], [], patience_s)[0]:
            if now - self.last_heard > SILENCE_S:
                raise ConnectionError("the server is silent")
            return
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self.last_heard = time.monotonic()
        self.unread += data

    def messages(self, patience_s=0.05):
        """Messages that have come, each with its number. `has_ended` tells that no more will."""
        for kind, body in self.packets(patience_s):
            if kind == b"S":
                self.next += 1
                yield self.next - 1, body
            elif kind == b"Z":
                self.has_ended = True

    def close(self):
        self.socket.close()
