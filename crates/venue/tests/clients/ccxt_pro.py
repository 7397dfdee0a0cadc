"""ccxt.pro, as it comes: a book, trades, own orders and balances, and orders over the WebSocket API."""

import asyncio

import ccxt.pro

from ccxt_sync import OCO, SYMBOL, exchange
from venue import PATIENCE_S, main


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def trading(venue):
    asyncio.run(trade(venue))


async def trade(venue):
    one, two = (exchange(ccxt.pro.binance, venue, keys) for keys in (venue.one, venue.two))
    try:
        await one.load_markets()
        await two.load_markets()
        # The subscription stands when the first book has come.
        await two.create_order(SYMBOL, "limit", "sell", 3, 61000)
        book = await soon(one.watch_order_book(SYMBOL))
        assert book["asks"] == [[61000.0, 3.0]], book
        own = asyncio.create_task(reports(one, 3))
        trades = asyncio.create_task(one.watch_trades(SYMBOL))
        # The venue tells what happens once a subscription stands; nothing of before.
        await asyncio.sleep(1)

        buy = await soon(one.create_order_ws(SYMBOL, "limit", "buy", 2, 59000))
        assert buy["status"] == "open", buy
        await two.create_order(SYMBOL, "market", "sell", 0.5)
        seen = (await soon(trades))[-1]
        assert (seen["price"], seen["amount"], seen["side"]) == (59000.0, 0.5, "sell"), seen
        cancelled = await soon(one.cancel_order_ws(buy["id"], SYMBOL))
        assert cancelled["status"] == "canceled", cancelled
        assert await soon(own) == [("open", 0.0), ("open", 0.5), ("canceled", 0.5)]
        fill = (await soon(one.watch_my_trades(SYMBOL)))[-1] if one.myTrades is None else one.myTrades[-1]
        assert (fill["order"], fill["amount"], fill["takerOrMaker"]) == (buy["id"], 0.5, "maker"), fill
        while book["bids"] or book["asks"] != [[61000.0, 3.0]]:
            book = await soon(one.watch_order_book(SYMBOL))

        oco = await one.private_post_orderlist_oco(OCO)
        orders = [order["id"] for order in await soon(one.fetch_open_orders_ws(SYMBOL))]
        assert sorted(orders) == sorted(str(order["orderId"]) for order in oco["orders"]), (orders, oco)
        await soon(one.cancel_all_orders_ws(SYMBOL))
        assert await one.fetch_open_orders(SYMBOL) == []
    finally:
        await one.close()
        await two.close()


async def reports(client, count):
    """The states that own orders went through."""
    told = []
    while len(told) < count:
        for order in await client.watch_orders(SYMBOL):
            told.append((order["status"], order["filled"]))
    return told


if __name__ == "__main__":
    main("ccxt.pro", trading)
