"""Clients of the fast protocols, written from the documents alone, live through two kills of their venue.

Orders go in by OUCH, in binary records, and in FlatBuffers over TCP and WebSocket. Books are built of ITCH by
datagrams (some of which are thrown away), by SoupBinTCP and behind a GLIMPSE snapshot, and of two streams of JSON.
At the end every request was done once, every trader's open orders are the venue's, and so is every book.
"""

import base64
import os
import shutil
import signal
import sys
import tempfile
import time
from decimal import Decimal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wire import depth, itch, ouch, session
from wire.flat import FlatTcp, FlatWebSocket
from wire.place import Place, write_private
from wire.records import Records
from wire.trader import UNIT

SYMBOL = "BTCUSDT"
REQUESTS = 600
# Datagrams that are thrown away.
LOST = 0.05
# Key -> its account. "flat" is one of Ed25519, with an id that takes two records.
KEYS = {"ouch": 1, "records": 2, "flat" * 15: 1, "frames": 2}
FLAT = "flat" * 15


def secret(key):
    return f"the secret of {key}"


def configure(folder, private, target):
    text = ""
    for key, account in KEYS.items():
        text += f'[[key]]\napi_key = "{key}"\naccount = {account}\npermissions = ["read", "trade"]\n'
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        public = base64.b64encode(public).decode()
        text += f'ed25519_public_key = "{public}"\n' if key == FLAT else f'secret = "{secret(key)}"\n'
    keys = os.path.join(folder, "keys.toml")
    write_private(keys, text)
    path = os.path.join(folder, "venue.toml")
    with open(path, "w") as file:
        file.write(f"""
[http]
address = "127.0.0.1:0"
[limits]
weight_1m = 100000000
orders_10s = 1000000
orders_1d = 100000000
[log]
levels = "warn"
[keys]
file = "{keys}"
[binary]
address = "127.0.0.1:0"
[itch]
address = "127.0.0.1:0"
targets = ["{target}"]
requests = "127.0.0.1:0"
[ouch]
address = "127.0.0.1:0"
sessions = [{{ user = "DESK", api_key = "ouch" }}]
""")
    return path


def trade(place, traders):
    """All trade; the venue is killed twice in the midst of it."""
    total = sum(trader.requests for trader in traders)
    for kill in (1, 2):
        place.until("the traders do not get on", lambda: answered(traders) > kill * total // 3)
        under_way = sum(len(trader.under_way) for trader in traders)
        place.kill()
        print(f"wire: killed at {answered(traders)} of {total} requests, {under_way} under way", flush=True)
        place.start()
        if kill == 1:
            yield
    place.until("not all is answered", lambda: all(trader.is_done() for trader in traders))


def answered(traders):
    return sum(len(trader.answers) for trader in traders)


def open_orders(place):
    """The venue's open orders, by id."""
    orders = {}
    for key in ("ouch", "records"):
        answer = place.ask_signed((key, secret(key)), "/api/v1/orders/open")
        orders.update((int(order["order_id"]), order) for order in answer["orders"])
    return orders


def levels_of(place):
    answer = place.ask(f"/api/v3/depth?symbol={SYMBOL}&limit=5000")
    return tuple({Decimal(price): Decimal(qty) for price, qty in answer[side]} for side in ("bids", "asks"))


def by_price(queues, share):
    """The levels of queues of orders."""
    levels = ({}, {})
    for (side, price), orders in queues.items():
        shares = sum(shares for _, shares in orders)
        levels["BS".index(side)][Decimal(price) / itch.PRICE] = Decimal(shares * share) / UNIT
    return levels


def check_books(place, feeds, streams, share):
    """Every book is the venue's, as soon as what is on its way has come."""
    levels = levels_of(place)
    assert levels[0] and levels[1], "the book is empty"
    books = {feed.name: lambda feed=feed: by_price(feed.queues(SYMBOL), share) for feed in feeds}
    books.update((stream.name, stream.levels) for stream in streams)
    for name, book in books.items():
        place.until(f"{name} differs", lambda book=book: book() == levels)


def side_of(order):
    return order["side"][0].upper()


def name_of(desk, number):
    """What an order of OUCH is called elsewhere."""
    return f"{desk.user}/{number:08X}A/n{number}"


def check_traders(place, traders, share):
    """What the traders were told is open is what is open; the open orders."""
    orders = open_orders(place)
    known = set()
    for trader in traders:
        for which, (side, price, qty) in trader.told_open().items():
            if isinstance(trader, ouch.Ouch):
                name = name_of(trader, which)
                (which,) = (one for one, order in orders.items() if order.get("client_order_id") == name)
            found = orders[which]
            stands = tuple(Decimal(found[name]) * UNIT for name in ("price", "open_qty"))
            assert stands == (price, qty) and side == side_of(found), (trader.name, found, price, qty)
            known.add(which)
    assert known == set(orders), "open orders that no trader knows of"
    return orders


def check_orders(feeds, orders, desk, share):
    """Order by order: each queue of ITCH has the venue's open orders, the first first."""
    queues = {}
    behind = {name_of(desk, number) for number, order in desk.orders.items() if order["is_behind"]}
    for _, order in sorted(orders.items()):
        place = (side_of(order), int(Decimal(order["price"]) * itch.PRICE))
        shares = int(Decimal(order["open_qty"]) * UNIT / share)
        queues.setdefault(place, []).append((shares, order.get("client_order_id") in behind))
    for feed in feeds:
        told = feed.queues(SYMBOL)
        assert set(told) == set(queues), feed.name
        moved = {order["reference"] for order in desk.orders.values() if order["is_behind"]}
        for place, orders_of_place in told.items():
            shares = sorted(shares for _, shares in orders_of_place)
            assert shares == sorted(shares for shares, _ in queues[place]), (feed.name, place)
            # Those that OUCH replaced have the ids of before; they are compared below.
            in_order = [shares for reference, shares in orders_of_place if reference not in moved]
            expected = [shares for shares, is_behind in queues[place] if not is_behind]
            assert in_order == expected, (feed.name, place)
        for order in desk.orders.values():
            on_feed = feed.books.orders[order["reference"]]
            assert on_feed == [order["side"], order["shares"], order["price"]], (feed.name, on_feed, order)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    begin = time.monotonic()
    folder = tempfile.mkdtemp(prefix="tiercel-wire-")
    private = Ed25519PrivateKey.generate()
    place = Place(sys.argv[1], "", os.path.join(folder, "store"))
    mold = itch.MoldFeed(place, "ITCH by MoldUDP64", 7, LOST)
    place.command[3] = configure(folder, private, mold.target())
    try:
        place.start("--dev")
        run(place, mold, private)
    finally:
        place.over.set()
        place.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"wire: {time.monotonic() - begin:.1f} s", flush=True)


def run(place, mold, private):
    instrument = place.ask(f"/api/v1/instruments/{SYMBOL}")
    number, lot = instrument["number"], int(Decimal(instrument["lot"]) * UNIT)
    share = UNIT if lot % UNIT == 0 else lot
    soup, late = itch.SoupFeed(place, "ITCH by SoupBinTCP"), itch.LateFeed(place, "ITCH behind GLIMPSE")
    streams = [depth.Native(place, "depth, native", SYMBOL), depth.Binance(place, "depth, Binance", SYMBOL)]
    traders = [ouch.Ouch(place, "DESK", secret("ouch")[:10], SYMBOL, share, 1, REQUESTS)]
    signers = {key: (session.HMAC, session.hmac_signer(secret(key))) for key in ("records", "frames")}
    signers[FLAT] = (session.ED25519, private.sign)
    forms = {"records": Records, FLAT: FlatTcp, "frames": FlatWebSocket}
    for seed, (key, form) in enumerate(forms.items(), 2):
        traders.append(session.Session(place, key, *signers[key], form, number, seed, REQUESTS))
    for client in (mold, soup, *streams):
        client.start()
    threads = [place.run(trader.name, trader.work) for trader in traders]
    for _ in trade(place, traders):
        late.start()
    feeds = [mold, soup, late]
    check_books(place, feeds, streams, share)
    orders = check_traders(place, traders, share)
    check_orders(feeds, orders, traders[0], share)
    # Message N is the same for everybody.
    assert mold.session == soup.session == late.session
    assert mold.messages == soup.messages, "datagrams told something else"
    assert soup.messages[late.first - 1 :] == late.messages, "a late joiner was told something else"
    assert soup.reconnects == 3 and mold.dropped > 0 and mold.asked > 0 and late.first > 1
    assert all(trader.logons == 3 for trader in traders), [trader.logons for trader in traders]
    place.check()
    assert all(thread.is_alive() for thread in threads)
    resent = [trader.resent for trader in traders[1:]]
    print(
        f"wire: {answered(traders)} requests, {len(soup.messages)} messages of ITCH, {len(orders)} orders open, "
        f"{mold.dropped} datagrams lost, asked for {mold.asked} times; sent again: {resent}",
        flush=True,
    )


if __name__ == "__main__":
    main()
