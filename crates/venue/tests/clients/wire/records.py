"""Records of 64 bytes (docs/binary.md), and messages that both forms of the protocol make and read."""

import struct
from dataclasses import dataclass, field

from .tcp import Tcp

HEADER = struct.Struct("<BBBBIQ")
ORDER = (
    "16sqQQBBBBB3x",
    "client_id price qty display_qty side kind time_in_force self_trade_prevention by_quote",
)
NAMED = ("16sQ24x", "client_id order_id")
EMPTY = ("48x", "")
# Kind -> its code, how its body lies in a record, and its fields.
LAYOUTS = {
    "hello": (0x01, "8sHH4x32s", "protocol version_min version_max nonce"),
    "challenge": (0x02, "H6xQ32s", "version time nonce"),
    "login": (0x03, "QIBB34x", "next_incoming heartbeat_ms scheme cancel_on_disconnect"),
    "login_accepted": (
        0x04, "QQQIIIHB9x",
        "next_incoming next_outgoing time session account heartbeat_ms version cancel_on_disconnect",
    ),
    "login_refused": (0x05, "BxHH42x", "reason version_min version_max"),
    "heartbeat": (0x06, *EMPTY),
    "resend": (0x07, *EMPTY),
    "gap_fill": (0x08, "Q40x", "next"),
    "logout": (0x09, "B47x", "reason"),
    "new_order": (0x10, *ORDER),
    "cancel_order": (0x11, *NAMED),
    "replace_order": (0x12, *ORDER),
    "amend_order": (0x13, "16sQqQBB6x", "client_id order_id price qty qty_meaning lose_priority"),
    "accepted": (0x40, "16sQQQBBB5x", "client_id order_id time request side kind time_in_force"),
    "rejected": (
        0x41, "16sQQQHBBBB2x", "client_id order_id time request reason source record_kind field leg",
    ),
    "replaced": (0x42, "16sQQQQ", "client_id order_id target_order_id time request"),
    "amended": (0x43, "QqQQQB7x", "order_id price open_qty time request side"),
    "executed": (0x44, "QQqQQQ", "order_id trade_id price qty open_qty time"),
    "cancelled": (0x45, "QQQQBBH12x", "order_id unfilled_qty time request reason side denial"),
    "expired": (0x46, "QQQQBB14x", "order_id unfilled_qty time request reason side"),
    "rested": (0x47, "QqQQQB7x", "order_id price open_qty displayed_qty time side"),
    "prevented": (0x4A, "QQQQQBB6x", "order_id other_order_id qty open_qty time action side"),
    "busy": (0x4F, "16sQQIB11x", "client_id request time retry_after_ms record_kind"),
    "login_key": (0x80, "48s", "text"),
    "login_signature": (0x81, "48s", "bytes"),
    "target": (0x87, *NAMED),
    "fee": (0x88, "16sI28x", "fee asset"),
}
BODIES = {
    name: (code, struct.Struct("<" + body), names.split())
    for name, (code, body, names) in LAYOUTS.items()
}
NAMES = {code: name for name, (code, _, _) in BODIES.items()}
RESENT = 1
# Fields that are bytes, or a text.
BYTES = ("client_id", "text", "bytes", "fee")


@dataclass
class Message:
    """A record or a table, and what belongs to it: kinds by the names of the documents."""

    kind: str
    fields: dict = field(default_factory=dict)
    sequence: int = 0
    instrument: int = 0
    flags: int = 0
    extensions: list = field(default_factory=list)

    def __getattr__(self, name):
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None


def encode(message):
    """A message as records."""
    records = record(message, len(message.extensions))
    for extension in message.extensions:
        records += record(extension, 0)
    return records


def record(message, extensions):
    code, body, names = BODIES[message.kind]
    values = [message.fields.get(name, b"" if name in BYTES else 0) for name in names]
    values = [value.encode() if isinstance(value, str) else value for value in values]
    head = HEADER.pack(code, extensions, message.flags, 0, message.instrument, message.sequence)
    return head + body.pack(*values)


def decode(record):
    code, extensions, flags, reserved, instrument, sequence = HEADER.unpack(record[:16])
    assert reserved == 0, record.hex()
    kind = NAMES[code]
    _, body, names = BODIES[kind]
    fields = dict(zip(names, body.unpack(record[16:])))
    for name in ("client_id", "text"):
        if name in fields:
            fields[name] = fields[name].rstrip(b"\0").decode()
    return Message(kind, fields, sequence, instrument, flags), extensions


class Records(Tcp):
    """A connection in records over TCP."""

    def send(self, *messages):
        self.socket.sendall(b"".join(map(encode, messages)))

    def next(self):
        """The next message that is whole, or nothing."""
        count = 1 + self.unread[1] if len(self.unread) >= 64 else 1
        if len(self.unread) < 64 * count:
            return None
        parts = [bytes(self.unread[at : at + 64]) for at in range(0, 64 * count, 64)]
        del self.unread[: 64 * count]
        message, extensions = decode(parts[0])
        assert extensions == count - 1
        message.extensions = [decode(part)[0] for part in parts[1:]]
        return message
