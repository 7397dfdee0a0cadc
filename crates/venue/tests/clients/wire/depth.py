"""Books by price, from streams of JSON: the native interface's, and Binance's by its documented rule."""

import json
import threading
from decimal import Decimal

import websocket

from .place import PATIENCE_S


class Depth:
    """A book, kept on a thread; anew from a snapshot whenever it is back."""

    def __init__(self, place, name, symbol):
        self.place, self.name, self.symbol = place, name, symbol
        self.book, self.starts, self.diffs = ({}, {}), 0, 0
        self.lock = threading.Lock()

    def start(self):
        return self.place.run(self.name, self.work)

    def levels(self):
        with self.lock:
            return tuple(dict(side) for side in self.book)

    def work(self):
        try:
            address = "ws://{}:{}{}".format(*self.place.at("http"), self.path)
            stream = websocket.create_connection(address, timeout=PATIENCE_S)
        except websocket.WebSocketException as error:
            raise ConnectionError from error
        try:
            self.begin(stream)
            stream.settimeout(0.1)
            while not self.place.over.is_set():
                try:
                    text = stream.recv()
                except websocket.WebSocketTimeoutException:
                    continue
                if not text:
                    raise ConnectionError("the venue has closed the stream")
                self.told(json.loads(text))
        except websocket.WebSocketException as error:
            raise ConnectionError from error
        finally:
            stream.close(timeout=0.1)

    def set(self, side, levels):
        for price, qty in levels:
            price, qty = Decimal(price), Decimal(qty)
            if qty:
                self.book[side][price] = qty
            else:
                # A level that came and went within a diff was never here.
                self.book[side].pop(price, None)


class Native(Depth):
    """Snapshot and diffs on one stream."""

    path = "/api/v1/stream"

    def begin(self, stream):
        channel = {"channel": "depth", "symbol": self.symbol}
        stream.send(json.dumps({"op": "subscribe", "id": 1, "channels": [channel]}))

    def told(self, message):
        if message.get("channel") != "depth":
            assert "problem" not in message, message
            return
        with self.lock:
            if message["type"] == "snapshot":
                self.book, self.starts = ({}, {}), self.starts + 1
            else:
                assert message["first_update_id"] == self.update_id + 1, (message, self.update_id)
                self.diffs += 1
            self.update_id = message["update_id"]
            for side, name in enumerate(("bids", "asks")):
                self.set(side, ((level["price"], level["qty"]) for level in message[name]))


class Binance(Depth):
    """Diffs are kept until a snapshot has come over REST; what it holds already is dropped."""

    @property
    def path(self):
        return f"/ws/{self.symbol.lower()}@depth@100ms"

    def begin(self, _stream):
        self.last = None

    def told(self, message):
        if message.get("e") != "depthUpdate":
            return
        with self.lock:
            if self.last is None:
                snapshot = self.place.ask(f"/api/v3/depth?symbol={self.symbol}&limit=5000")
                self.book, self.starts = ({}, {}), self.starts + 1
                self.last = snapshot["lastUpdateId"]
                self.set(0, snapshot["bids"])
                self.set(1, snapshot["asks"])
            if message["u"] <= self.last:
                return
            assert message["U"] <= self.last + 1, (message["U"], self.last)
            self.last, self.diffs = message["u"], self.diffs + 1
            self.set(0, message["b"])
            self.set(1, message["a"])
