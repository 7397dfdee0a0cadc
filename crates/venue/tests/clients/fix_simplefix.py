"""simplefix, which writes and reads FIX as it comes: a session of its own making, as a desk has one."""

import socket
import time

import simplefix

from fix_desks import configure
from venue import PATIENCE_S, main


class Desk:
    """A client: it keeps its numbers, and reads what comes."""

    def __init__(self, venue, comp_id, reset=False):
        host, port = venue.fix.rsplit(":", 1)
        self.address, self.comp_id = (host, int(port)), comp_id
        self.sent, self.expected = 1, 1
        self.connect(reset)

    def connect(self, reset=False):
        """Connects and logs on; the answer's number."""
        self.socket = socket.create_connection(self.address, PATIENCE_S)
        self.parser = simplefix.FixParser()
        if reset:
            self.sent, self.expected = 1, 1
        name = self.comp_id.lower()
        logon = [(98, 0), (108, 30), (553, name), (554, f"the secret of {name}")]
        self.send("A", *logon, *([(141, "Y")] if reset else []))
        return self.until("A")

    def send(self, kind, *fields):
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        message.append_pair(35, kind)
        message.append_pair(34, self.sent)
        message.append_pair(49, self.comp_id)
        message.append_utc_timestamp(52)
        message.append_pair(56, "TIERCEL")
        for tag, value in fields:
            message.append_pair(tag, value)
        if kind in "DFG":
            message.append_utc_timestamp(60)
        self.sent += 1
        self.socket.sendall(message.encode())

    def until(self, kind):
        """The next message of a type; heartbeats and the like are passed over."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            while (message := self.parser.get_message()) is not None:
                number = int(message.get(34))
                if number == self.expected:
                    self.expected += 1
                if message.get(35) == kind.encode():
                    return message
            data = self.socket.recv(65536)
            assert data, "the venue has closed the connection"
            self.parser.append_buffer(data)
        raise AssertionError(f"no {kind} came")

    def report(self, *tags):
        """The next execution report: its type, its status, and those fields."""
        message = self.until("8")
        return tuple((message.get(tag) or b"").decode() for tag in (150, 39, *tags))

    def order(self, name, side, qty, price, *more):
        fields = [(11, name), (55, "BTCUSDT"), (54, side), (38, qty), (40, 2), (44, price)]
        self.send("D", *fields, (59, 1), *more)


def orders(venue):
    """An order is filled in part, replaced and cancelled."""
    one, two = Desk(venue, "ONE"), Desk(venue, "TWO")
    one.order("a", 1, 2, 59000)
    assert one.report(11, 151) == ("0", "0", "a", "2")
    two.order("b", 2, "0.5", 59000)
    assert one.report(32, 31, 14, 151) == ("F", "1", "0.5", "59000", "0.5", "1.5")
    one.send("G", (41, "a"), (11, "c"), (55, "BTCUSDT"), (54, 1), (38, 3), (40, 2), (44, 58000))
    assert one.report(11, 41, 38, 44, 151) == ("5", "1", "c", "a", "3", "58000", "2.5")
    one.send("F", (41, "c"), (11, "d"), (55, "BTCUSDT"), (54, 1), (38, 3))
    assert one.report(11, 41, 14, 151) == ("4", "4", "d", "c", "0.5", "0")
    one.send("F", (41, "c"), (11, "e"), (55, "BTCUSDT"), (54, 1), (38, 3))
    rejected = one.until("9")
    assert (rejected.get(102), rejected.get(39)) == (b"0", b"4"), rejected
    for desk in (one, two):
        desk.send("5")
        desk.until("5")


def recovery(venue):
    """What was missed is sent again; a reset begins with 1."""
    one, two = Desk(venue, "ONE", reset=True), Desk(venue, "TWO", reset=True)
    one.order("r1", 1, 1, 58500)
    assert one.report(11) == ("0", "0", "r1")
    one.socket.close()
    two.order("r2", 2, "0.25", 58500)
    assert [two.report()[0] for _ in range(2)] == ["0", "F"]
    expected = one.expected
    for _ in range(100):
        try:
            answer = one.connect()
            break
        except (AssertionError, ConnectionError):
            # The venue has not seen yet that the connection is gone.
            time.sleep(0.05)
    assert int(answer.get(34)) > expected, (answer, expected)
    one.send("2", (7, expected), (16, 0))
    again = one.until("8")
    assert (again.get(43), again.get(150), again.get(32)) == (b"Y", b"F", b"0.25"), again
    one.send("1", (112, "there?"))
    while one.until("0").get(112) != b"there?":
        pass
    # Numbers that both sides begin anew, on the same connection.
    one.sent, one.expected = 1, 1
    one.send("A", (98, 0), (108, 30), (141, "Y"), (553, "one"), (554, "the secret of one"))
    assert one.until("A").get(34) == b"1"
    one.send("F", (41, "r1"), (11, "r3"), (55, "BTCUSDT"), (54, 1), (38, 1))
    assert one.report(11, 41) == ("4", "4", "r3", "r1")


if __name__ == "__main__":
    main("simplefix", orders, recovery, configure=configure)
