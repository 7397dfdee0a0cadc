"""A session of the binary protocol, in records or in FlatBuffers: each request is done once."""

import hashlib
import hmac
import os
import select
import time

from .records import RESENT, Message, encode
from .trader import Trader

HEARTBEAT_MS = 1_000
# Codes, as docs/binary.md has them.
SIDES = {"B": 0, "S": 1}
LIMIT, GTC, IOC, HMAC, ED25519, TOTAL, OPEN = 0, 0, 2, 1, 2, 0, 1
LOGGED_ON = 3


class Session(Trader):
    """The session of a key. `connect` makes its connections; `sign` signs by the key."""

    def __init__(self, place, key, scheme, sign, connect, instrument, *flow):
        super().__init__(key, *flow)
        self.place, self.key, self.scheme, self.sign = place, key, scheme, sign
        self.connect, self.instrument = connect, instrument
        # The numbers of the next answer and of the next request.
        self.incoming, self.outgoing = 1, 1
        # Requests by number; those that nothing answered yet; and how each was answered.
        self.sent, self.under_way, self.answers = {}, {}, {}
        self.resent, self.seen_again = 0, 0

    def is_done(self):
        return self.outgoing > self.requests and not self.under_way

    def work(self):
        link = self.connect(self.place.at("binary"))
        try:
            self.log_in(link)
            self.logons += 1
            last_said = last_heard = time.monotonic()
            while not self.place.over.is_set():
                if self.enter(link):
                    last_said = time.monotonic()
                if self.hear(link, 0.01):
                    last_heard = time.monotonic()
                now = time.monotonic()
                if now - last_said > HEARTBEAT_MS / 2_000:
                    link.send(Message("heartbeat", sequence=self.outgoing))
                    last_said = now
                if now - last_heard > 3 * HEARTBEAT_MS / 1_000:
                    raise ConnectionError("the venue is silent")
        finally:
            link.close()

    def log_in(self, link):
        versions = {"version_min": 1, "version_max": 1}
        hello = Message("hello", {"protocol": "TIERCELB", "nonce": os.urandom(32), **versions})
        link.send(hello)
        challenge = self.wait(link)
        assert challenge.kind == "challenge", challenge
        keys = [Message("login_key", {"text": self.key[at : at + 48]}) for at in range(0, len(self.key), 48)]
        fields = {"next_incoming": self.incoming, "heartbeat_ms": HEARTBEAT_MS, "scheme": self.scheme}
        signatures = 2 if self.scheme == ED25519 else 1
        login = Message("login", fields, extensions=keys + [Message("login_signature")] * signatures)
        text = encode(hello) + encode(challenge) + encode(login)[: 64 * (1 + len(keys))]
        signature = self.sign(text)
        parts = [signature[at : at + 48].ljust(48, b"\0") for at in range(0, len(signature), 48)]
        login.extensions[len(keys) :] = [Message("login_signature", {"bytes": part}) for part in parts]
        link.send(login)
        answer = self.wait(link)
        if answer.kind == "login_refused" and answer.reason == LOGGED_ON:
            raise ConnectionError("the connection before is not gone yet")
        assert answer.kind == "login_accepted", answer
        assert answer.next_outgoing == self.incoming, (answer, self.incoming)
        assert answer.next_incoming <= self.outgoing, (answer, self.outgoing)
        for number in range(answer.next_incoming, self.outgoing):
            again = self.sent[number]
            again.flags |= RESENT
            self.resent += 1
            link.send(again)

    def wait(self, link):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if message := link.next():
                return message
            if select.select([link.socket], [], [], 0.1)[0]:
                link.read()
        raise ConnectionError("no answer to the login")

    def enter(self, link):
        messages = []
        while self.outgoing <= self.requests and len(self.under_way) < self.window:
            message = self.request(*self.choose())
            message.sequence, message.instrument = self.outgoing, self.instrument
            self.sent[self.outgoing] = self.under_way[self.outgoing] = message
            self.outgoing += 1
            messages.append(message)
        if messages:
            link.send(*messages)
        return bool(messages)

    def request(self, kind, *what):
        if kind == "cancel":
            return Message("cancel_order", {"order_id": what[0]})
        if kind == "shrink":
            return Message("amend_order", {"order_id": what[0], "qty": what[1], "qty_meaning": OPEN})
        which = what[0] if kind == "replace" else None
        side, price, qty, keep = (*what[1:], True) if kind == "replace" else what
        order = {
            "client_id": f"{self.key[:4]}-{self.outgoing}", "price": price, "qty": qty, "side": SIDES[side],
            "kind": LIMIT, "time_in_force": GTC if keep else IOC,
        }
        if kind == "replace":
            return Message("replace_order", order, extensions=[Message("target", {"order_id": which})])
        return Message("new_order", order)

    def hear(self, link, patience_s):
        """True if something came."""
        came = False
        if select.select([link.socket], [], [], patience_s)[0]:
            link.read()
            came = True
        while message := link.next():
            came = True
            if message.kind == "heartbeat":
                assert message.sequence >= self.incoming, (message, self.incoming)
                if message.sequence > self.incoming:
                    link.send(Message("resend", sequence=self.incoming))
            elif message.kind == "resend":
                link.send(*(self.sent[number] for number in range(message.sequence, self.outgoing)))
            elif message.kind == "logout":
                raise ConnectionError(f"logged out: {message.reason}")
            elif message.sequence > self.incoming:
                link.send(Message("resend", sequence=self.incoming))
            elif message.sequence < self.incoming:
                assert message.flags & RESENT, message
            else:
                assert message.kind != "gap_fill", "the venue forgot answers"
                self.seen_again += message.flags & RESENT
                self.incoming += 1
                self.told(message)
        return came

    def told(self, message):
        request = message.fields.get("request", 0)
        if request in self.under_way:
            assert request not in self.answers
            self.answers[request] = message.kind
            del self.under_way[request]
        elif request and message.kind in ("accepted", "rejected", "busy"):
            raise AssertionError(f"{request} was answered twice: {message}")
        if message.kind in ("accepted", "replaced"):
            asked = self.sent[request]
            side = "S" if asked.side else "B"
            self.open[message.order_id] = (side, asked.price, asked.qty)
            if message.kind == "replaced":
                self.open.pop(message.target_order_id, None)
        elif message.kind in ("executed", "amended", "rested", "prevented"):
            self.left(message.order_id, message.open_qty)
        elif message.kind in ("cancelled", "expired"):
            self.left(message.order_id, 0)
        else:
            assert message.kind in ("rejected", "busy"), message

    def left(self, order_id, qty):
        if order_id not in self.open:
            return
        side, price, _ = self.open[order_id]
        if qty:
            self.open[order_id] = (side, price, qty)
        else:
            del self.open[order_id]


def hmac_signer(secret):
    return lambda text: hmac.new(secret.encode(), text, hashlib.sha256).digest()
