"""ITCH 5.0: books, order by order, by MoldUDP64, by SoupBinTCP, and behind a GLIMPSE snapshot."""

import random
import select
import socket
import struct
import threading
import time

from .soup import Soup

# Prices have four decimals.
PRICE = 10_000


class Books:
    """The displayed orders of each stock locate: reference -> [side, shares, price], the first first."""

    def __init__(self):
        self.orders, self.locates, self.symbols, self.lots = {}, {}, {}, {}

    def clear(self):
        self.__init__()

    def apply(self, message):
        kind, locate = message[:1], int.from_bytes(message[1:3], "big")
        if kind == b"R":
            self.symbols[locate] = message[11:19].decode().strip()
        elif kind in b"AF":
            reference, side, shares, _, price = struct.unpack(">QcI8sI", message[11:36])
            assert reference not in self.orders, f"{reference} is there already"
            self.orders[reference] = [side.decode(), shares, price]
            self.locates[reference] = locate
        elif kind in b"ECX":
            reference, shares = struct.unpack(">QI", message[11:23])
            self.take(reference, shares)
        elif kind == b"D":
            self.remove(int.from_bytes(message[11:19], "big"))
        elif kind == b"U":
            former, reference, shares, price = struct.unpack(">QQII", message[11:35])
            side = self.remove(former)[0]
            assert reference not in self.orders, f"{reference} is there already"
            self.orders[reference] = [side, shares, price]
            self.locates[reference] = locate
        else:
            assert kind in b"SHPQBI", f"{kind} is not told of"

    def take(self, reference, shares):
        order = self.orders[reference]
        assert order[1] >= shares, f"{reference} has {order[1]}, not {shares}"
        order[1] -= shares
        if order[1] == 0:
            self.remove(reference)

    def remove(self, reference):
        del self.locates[reference]
        return self.orders.pop(reference)

    def queues(self, symbol):
        """(side, price) -> reference and shares of each order, the first first."""
        queues = {}
        for reference, (side, shares, price) in sorted(self.orders.items()):
            if self.symbols[self.locates[reference]] == symbol:
                queues.setdefault((side, price), []).append((reference, shares))
        return queues


class Feed:
    """What has come of a session: its messages by number, and their books."""

    def __init__(self, place, name):
        self.place, self.name = place, name
        self.session, self.messages, self.first = "", [], 1
        self.books = Books()
        self.lock = threading.Lock()
        self.reconnects = 0

    @property
    def next(self):
        return self.first + len(self.messages)

    def take(self, number, message):
        if number == self.next:
            with self.lock:
                self.messages.append(message)
                self.books.apply(message)

    def queues(self, symbol):
        with self.lock:
            return self.books.queues(symbol)

    def start(self):
        return self.place.run(self.name, self.work)


class SoupFeed(Feed):
    """From message 1, and on where it was whenever it is back."""

    def work(self):
        soup = Soup(self.place.at("itch"), "any", "any", self.session, self.next)
        assert not self.session or soup.session == self.session, "the session has another name"
        self.session = soup.session
        assert soup.next == self.next, (soup.next, self.next)
        self.reconnects += 1
        try:
            while not self.place.over.is_set():
                for number, message in soup.messages():
                    self.take(number, message)
        finally:
            soup.close()


class LateFeed(SoupFeed):
    """One that comes late: how everything stands, by GLIMPSE, and from there on."""

    def work(self):
        if not self.session:
            self.snapshot()
        super().work()

    def snapshot(self):
        soup = Soup(self.place.at("itch"), "late", "", "GLIMPSE", 1)
        books = Books()
        try:
            while True:
                for _, message in soup.messages():
                    if message[:1] != b"G":
                        books.apply(message)
                        continue
                    self.books, self.session = books, soup.session
                    self.first = int(message[1:21])
                    return
        finally:
            soup.close()


class MoldFeed(Feed):
    """By datagrams, of which it throws some away: it asks again for what it misses."""

    def __init__(self, place, name, seed, lost):
        super().__init__(place, name)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", 0))
        self.random, self.lost = random.Random(seed), lost
        self.known, self.asked_at, self.asked, self.dropped = 1, 0.0, 0, 0

    def target(self):
        return "{}:{}".format(*self.socket.getsockname())

    def work(self):
        while not self.place.over.is_set():
            if select.select([self.socket], [], [], 0.05)[0]:
                self.datagram(self.socket.recv(65536))
            if self.known > self.next and time.monotonic() - self.asked_at > 0.02:
                self.ask()

    def datagram(self, datagram):
        session, number, count = struct.unpack(">10sQH", datagram[:20])
        session = session.decode().strip()
        if self.random.random() < self.lost:
            self.dropped += 1
            return
        assert self.session in ("", session), f"session {session} after {self.session}"
        self.session = session
        # A heartbeat says what comes next; so does the end of a session, which has no messages.
        count = 0 if count == 0xFFFF else count
        self.known = max(self.known, number + count)
        at = 20
        for index in range(count):
            length = int.from_bytes(datagram[at : at + 2], "big")
            self.take(number + index, datagram[at + 2 : at + 2 + length])
            at += 2 + length
        assert at == len(datagram), "a datagram has bytes behind its messages"
        if number <= self.next:
            self.asked_at = 0.0

    def ask(self):
        """Asks for what is missing, as far as one answer goes."""
        count = min(self.known - self.next, 100)
        request = struct.pack(">10sQH", f"{self.session:<10}".encode(), self.next, count)
        self.socket.sendto(request, self.place.at("requests"))
        self.asked, self.asked_at = self.asked + 1, time.monotonic()
