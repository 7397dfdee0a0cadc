"""The same messages as FlatBuffers (docs/flatbuffers.md), by the code that flatc makes for Python."""

import struct

import flatbuffers
import websocket

import tiercel_generated as schema

from .place import PATIENCE_S
from .records import Message, NAMES
from .tcp import Tcp


def pascal(name):
    return "".join(part.capitalize() for part in name.split("_"))


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def table(message):
    """The union's tag and the table of a body."""
    kind = pascal(message.kind)
    body = getattr(schema, kind + "T")()
    for name, value in message.fields.items():
        assert hasattr(body, camel(name)), f"{kind} has no {name}"
        setattr(body, camel(name), list(value) if isinstance(value, bytes) else value)
    return getattr(schema.Body, kind), body


def encode(message, has_length):
    packed = schema.MessageT(message.sequence, message.instrument, message.flags)
    packed.bodyType, packed.body = table(message)
    packed.extensions = []
    for extension in message.extensions:
        tag, body = table(extension)
        packed.extensions.append(schema.ExtensionT(tag, body))
    builder = flatbuffers.Builder(256)
    end = packed.Pack(builder)
    (builder.FinishSizePrefixed if has_length else builder.Finish)(end)
    return bytes(builder.Output())


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    # Vectors of bytes.
    return bytes(value) if isinstance(value, list) or hasattr(value, "tobytes") else value


def untable(tag, body):
    kind = NAMES[tag]
    names = {name: plain(value) for name, value in vars(body).items()}
    return Message(kind, {snake(name): value for name, value in names.items()})


def snake(name):
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def decode(data):
    found = schema.MessageT.InitFromPackedBuf(data, 0)
    message = untable(found.bodyType, found.body)
    message.sequence, message.instrument, message.flags = found.sequence, found.instrument, found.flags
    message.extensions = [untable(one.bodyType, one.body) for one in found.extensions or []]
    return message


class FlatTcp(Tcp):
    """A connection over TCP: each message behind its length."""

    def send(self, *messages):
        self.socket.sendall(b"".join(encode(message, True) for message in messages))

    def next(self):
        if len(self.unread) < 4:
            return None
        (length,) = struct.unpack("<I", self.unread[:4])
        if len(self.unread) < 4 + length:
            return None
        data = bytes(self.unread[4 : 4 + length])
        del self.unread[: 4 + length]
        return decode(data)


class FlatWebSocket:
    """A connection over a WebSocket: a message is a binary frame."""

    def __init__(self, address):
        try:
            self.stream = websocket.create_connection("ws://{}:{}/".format(*address), timeout=PATIENCE_S)
        except websocket.WebSocketException as error:
            raise ConnectionError from error
        self.socket, self.unread = self.stream.sock, []

    def send(self, *messages):
        for message in messages:
            self.stream.send_binary(encode(message, False))

    def read(self):
        try:
            self.unread.append(self.stream.recv())
        except websocket.WebSocketException as error:
            raise ConnectionError from error
        if not self.unread[-1]:
            raise ConnectionError("the venue has closed the connection")

    def next(self):
        return decode(self.unread.pop(0)) if self.unread else None

    def close(self):
        self.stream.close(timeout=0.1)
