"""OUCH 5.0 over SoupBinTCP: a trader that knows, whatever was cut off, what became of each request."""

import struct

from .soup import Refused, Soup
from .trader import UNIT, Trader

# Prices have four decimals.
PRICE = UNIT // 10_000


class Ouch(Trader):
    """A user. Its messages are numbered for ever, its requests by UserRefNum; a share is one lot."""

    def __init__(self, place, user, password, symbol, share, *flow):
        super().__init__(user, *flow)
        self.place, self.user, self.password = place, user, password
        self.symbol, self.share = f"{symbol:<8}".encode(), share
        self.next_message, self.next_reference, self.next_of_venue = 1, 1, None
        # Orders that live, by number.
        self.orders = {}
        # Requests that nothing has answered yet, by number; and how each was answered.
        self.under_way, self.answers = {}, {}

    def is_done(self):
        return self.next_reference > self.requests and not self.under_way

    def work(self):
        try:
            soup = Soup(self.place.at("ouch"), self.user, self.password, "", self.next_message)
        except Refused as refused:
            # The venue has not seen yet that the connection before is gone.
            raise ConnectionError from refused
        assert soup.next == self.next_message, (soup.next, self.next_message)
        self.logons += 1
        try:
            self.reconcile(soup)
            while not self.place.over.is_set():
                self.enter(soup)
                self.hear(soup)
        finally:
            soup.close()

    def reconcile(self, soup):
        """What the venue does not have, it is sent again, under the same numbers."""
        self.next_of_venue = None
        soup.send(b"Q")
        while self.next_of_venue is None:
            self.hear(soup)
        for number, message in list(self.under_way.items()):
            if number >= self.next_of_venue:
                soup.send(message)

    def told_open(self):
        return {
            number: (order["side"], order["price"] * PRICE, order["shares"] * self.share)
            for number, order in self.orders.items()
            if not order["leaves"]
        }

    def enter(self, soup):
        while self.next_reference <= self.requests and len(self.under_way) < self.window:
            self.open = self.told_open()
            kind, *what = self.choose()
            number = self.next_reference
            if kind == "cancel":
                soup.send(struct.pack(">cII", b"X", what[0], 0))
                continue
            if kind == "shrink":
                side = self.orders[what[0]]["side"].encode()
                soup.send(struct.pack(">cIcI", b"M", what[0], side, what[1] // self.share))
                continue
            name = f"n{number}".ljust(14).encode()
            if kind == "new":
                side, price, qty, keep = what
                message = struct.pack(
                    ">cIcI8sQccccc14sH", b"O", number, side.encode(), qty // self.share, self.symbol,
                    price // PRICE, b"5" if keep else b"3", b"Y", b"A", b"N", b"N", name, 0,
                )
            else:
                which, _, price, qty = what
                order = self.orders[which]
                order["leaves"] = True
                # The quantity counts what was filled.
                shares = order["filled"] + qty // self.share
                message = struct.pack(
                    ">cIIIQccc14sH", b"U", which, number, shares, price // PRICE, b"5", b"Y", b"N",
                    name, 0,
                )
            self.next_reference += 1
            self.under_way[number] = message
            soup.send(message)

    def hear(self, soup):
        for number, message in soup.messages(0.01):
            assert number == self.next_message, (number, self.next_message)
            self.next_message += 1
            self.told(message[:1], message[9:], message)

    def told(self, kind, body, message):
        number = int.from_bytes(body[:4], "big")
        if kind == b"A":
            side, shares, _, price, _, _, reference = struct.unpack(">cI8sQccQ", body[4:35])
            self.answered(number, kind)
            self.orders[number] = order_of(side, shares, price, reference, 0)
        elif kind == b"U":
            number = int.from_bytes(body[4:8], "big")
            side, shares, _, price, _, _, reference = struct.unpack(">cI8sQccQ", body[8:39])
            self.answered(number, kind)
            former = self.orders.pop(int.from_bytes(body[:4], "big"))
            self.orders[number] = order_of(side, shares, price, reference, former["filled"], True)
        elif kind == b"E":
            self.take(number, int.from_bytes(body[4:8], "big"), True)
        elif kind in b"CD":
            self.take(number, int.from_bytes(body[4:8], "big"), False)
        elif kind == b"M":
            self.orders[number]["shares"] = int.from_bytes(body[5:9], "big")
        elif kind == b"T":
            # It is somewhere else on the feed now.
            price, _, reference = struct.unpack(">QcQ", body[4:21])
            if number in self.orders:
                self.orders[number].update(price=price, reference=reference)
        elif kind == b"J":
            former = int.from_bytes(self.under_way[number][1:5], "big")
            self.answered(number, kind)
            if former in self.orders:
                self.orders[former]["leaves"] = False
        elif kind == b"Q":
            self.next_of_venue = number
        else:
            assert kind in b"SI", message

    def answered(self, number, kind):
        assert number not in self.answers, f"{number} was answered twice"
        del self.under_way[number]
        self.answers[number] = kind

    def take(self, number, shares, is_filled):
        """So many shares of an order are gone. One that was replaced is gone already."""
        if number not in self.orders:
            return
        order = self.orders[number]
        assert order["shares"] >= shares, (number, order, shares)
        order["shares"] -= shares
        order["filled"] += shares if is_filled else 0
        if order["shares"] == 0:
            del self.orders[number]


def order_of(side, shares, price, reference, filled, is_behind=False):
    """`is_behind`: a replacement went to the end of its queue, behind orders that came after it."""
    return {
        "side": side.decode(), "shares": shares, "price": price, "reference": reference,
        "filled": filled, "leaves": False, "is_behind": is_behind,
    }
