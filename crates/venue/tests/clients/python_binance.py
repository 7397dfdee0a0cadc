"""python-binance, as it comes: REST, streams, a book, the WebSocket API, user data."""

import asyncio

from binance import AsyncClient, BinanceSocketManager, Client, DepthCacheManager
from binance.exceptions import BinanceAPIException
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

from venue import OCO, PATIENCE_S, SYMBOL, main, refused


def redirect(venue):
    """All that the client needs to know: where the venue is."""
    for kind in (Client, AsyncClient):
        kind.API_URL = f"{venue.http}/api"
        kind.WS_API_URL = f"{venue.ws}/ws-api/v3"
    BinanceSocketManager.STREAM_URL = f"{venue.ws}/"
    # How long an answer may take, and how long a closed socket is read first, in seconds.
    ReconnectingWebsocket.TIMEOUT = 3


def orders(venue):
    """Places, partly fills, cancels, and finds all of it where it should be."""
    redirect(venue)
    one, two = Client(*venue.one), Client(*venue.two)
    info = one.get_symbol_info(SYMBOL)
    assert info["status"] == "TRADING" and info["baseAsset"] == "BTC", info
    assert abs(one.get_server_time()["serverTime"] / 1000) > 1_700_000_000

    buy = one.order_limit_buy(symbol=SYMBOL, quantity="2", price="59000")
    assert buy["status"] == "NEW", buy
    assert one.get_order_book(symbol=SYMBOL)["bids"] == [["59000.00000000", "2.00000000"]]

    sell = two.order_market_sell(symbol=SYMBOL, quantity="0.5")
    assert sell["status"] == "FILLED" and len(sell["fills"]) == 1, sell
    order = one.get_order(symbol=SYMBOL, orderId=buy["orderId"])
    assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.50000000"), order
    assert [open["orderId"] for open in one.get_open_orders(symbol=SYMBOL)] == [buy["orderId"]]
    assert one.get_my_trades(symbol=SYMBOL)[0]["orderId"] == buy["orderId"]
    assert one.get_recent_trades(symbol=SYMBOL)[0]["price"] == "59000.00000000"

    cancelled = one.cancel_order(symbol=SYMBOL, orderId=buy["orderId"])
    assert cancelled["status"] == "CANCELED", cancelled
    assert one.get_open_orders() == []
    btc = one.get_asset_balance(asset="BTC")
    assert (btc["free"], btc["locked"]) == ("100.49950000", "0.00000000"), btc


def refusals(venue):
    """Errors come with the documented codes."""
    one = Client(*venue.one)

    def check(code, call, **parameters):
        error = refused(BinanceAPIException, call, **parameters)
        assert error.code == code, (error.code, error.message)
        return error.message

    assert "Unknown order" in check(-2011, one.cancel_order, symbol=SYMBOL, orderId=1 << 40)
    check(-1121, one.order_market_buy, symbol="DOGEUSDT", quantity="1")
    check(-1013, one.order_limit_buy, symbol=SYMBOL, quantity="1", price="59000.001")
    check(-2010, one.order_limit_sell, symbol=SYMBOL, quantity="101", price="60000")
    one.create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="1")


def market_data(venue):
    """What is derived of the trades."""
    one = Client(*venue.one)
    kline = one.get_klines(symbol=SYMBOL, interval=Client.KLINE_INTERVAL_1MINUTE)[-1]
    assert (kline[1], kline[4], kline[5]) == ("59000.00000000", "59000.00000000", "0.50000000"), kline
    assert one.get_ticker(symbol=SYMBOL)["lastPrice"] == "59000.00000000"
    assert one.get_aggregate_trades(symbol=SYMBOL)[0]["q"] == "0.50000000"
    assert one.get_avg_price(symbol=SYMBOL)["price"] == "59000.00000000"
    assert one.get_orderbook_ticker(symbol=SYMBOL)["symbol"] == SYMBOL


def streams(venue):
    """Hears of a trade, and of the book that it left."""
    asyncio.run(hear(venue))


async def hear(venue):
    two = Client(*venue.two)
    one = await AsyncClient.create(*venue.one)
    sockets = BinanceSocketManager(one)
    book = DepthCacheManager(one, symbol=SYMBOL, bm=sockets, ws_interval=100)
    async with sockets.trade_socket(SYMBOL) as trades, book as depth:
        # The sockets are open: what happens from here on is told.
        two.order_limit_sell(symbol=SYMBOL, quantity="1", price="60000")
        await one.order_limit_buy(symbol=SYMBOL, quantity="0.25", price="60000")
        told = await asyncio.wait_for(trades.recv(), PATIENCE_S)
        assert (told["e"], told["p"], told["q"]) == ("trade", "60000.00000000", "0.25000000"), told
        cache = None
        while cache is None or cache.get_asks() != [[60000.0, 0.75]]:
            cache = await asyncio.wait_for(depth.recv(), PATIENCE_S)
            assert not isinstance(cache, dict), cache
    await one.close_connection()


def user_data(venue):
    """Trades over the WebSocket API, and sees its own orders and fills in their order."""
    asyncio.run(own(venue))


async def own(venue):
    two = Client(*venue.two)
    one = await AsyncClient.create(*venue.one)
    async with BinanceSocketManager(one).user_socket() as events:

        async def next_report():
            while True:
                event = await asyncio.wait_for(events.recv(), PATIENCE_S)
                if event["e"] == "executionReport":
                    return event

        buy = await one.ws_order_limit_buy(symbol=SYMBOL, quantity="1", price="58000")
        assert buy["status"] == "NEW", buy
        two.order_limit_sell(symbol=SYMBOL, quantity="0.25", price="58000")
        await one.ws_cancel_order(symbol=SYMBOL, orderId=buy["orderId"])
        told = []
        while not told or told[-1]["X"] != "CANCELED":
            told.append(await next_report())
        assert [(event["x"], event["X"], event["z"]) for event in told] == [
            ("NEW", "NEW", "0.00000000"),
            ("TRADE", "PARTIALLY_FILLED", "0.25000000"),
            ("CANCELED", "CANCELED", "0.25000000"),
        ], told
        assert {event["i"] for event in told} == {buy["orderId"]}, told
        assert (told[1]["m"], told[1]["n"], told[1]["N"]) == (True, "0.00025000", "BTC"), told
    await one.close_connection()


def order_list(venue):
    """An OCO: both legs are there, and cancelling one cancels the list."""
    one = Client(*venue.one)
    oco = one.order_oco_sell(symbol=SYMBOL, **OCO)
    assert oco["contingencyType"] == "OCO" and len(oco["orderReports"]) == 2, oco
    legs = {order["orderId"] for order in one.get_open_orders(symbol=SYMBOL)}
    assert legs == {order["orderId"] for order in oco["orders"]}, (legs, oco)
    one.cancel_order(symbol=SYMBOL, orderId=min(legs))
    assert one.get_open_orders(symbol=SYMBOL) == []


if __name__ == "__main__":
    main("python-binance", orders, refusals, market_data, streams, user_data, order_list)
