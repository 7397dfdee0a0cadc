"""binance-connector, as it comes: REST, streams, user data by a listen key."""

import json

from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

from venue import OCO, SYMBOL, Heard, main, refused


def client(venue, keys):
    return Spot(*keys, base_url=venue.http)


def orders(venue):
    """Places, partly fills, cancels, and finds all of it where it should be."""
    one, two = client(venue, venue.one), client(venue, venue.two)
    assert one.exchange_info(symbol=SYMBOL)["symbols"][0]["status"] == "TRADING"
    buy = one.new_order(SYMBOL, "BUY", "LIMIT", timeInForce="GTC", quantity="2", price="59000")
    sell = two.new_order(SYMBOL, "SELL", "MARKET", quantity="0.5")
    assert (buy["status"], sell["status"]) == ("NEW", "FILLED"), (buy, sell)
    order = one.get_order(SYMBOL, orderId=buy["orderId"])
    assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.50000000"), order
    assert one.cancel_order(SYMBOL, orderId=buy["orderId"])["status"] == "CANCELED"
    assert one.my_trades(SYMBOL)[0]["commission"] == "0.00050000"
    balances = {balance["asset"]: balance["free"] for balance in one.account()["balances"]}
    assert balances["BTC"] == "100.49950000", balances
    error = refused(ClientError, one.cancel_order, SYMBOL, orderId=buy["orderId"])
    assert (error.status_code, error.error_code) == (400, -2011), error


def market_data(venue):
    """What is derived of the trades."""
    one = client(venue, venue.one)
    assert one.klines(SYMBOL, "1m")[-1][5] == "0.50000000"
    assert one.ticker_24hr(SYMBOL)["lastPrice"] == "59000.00000000"
    assert one.agg_trades(SYMBOL)[0]["p"] == "59000.00000000"


def streams(venue):
    """A book and trades, and own orders on the stream of a listen key."""
    one, two = client(venue, venue.one), client(venue, venue.two)
    heard = Heard()
    sockets = SpotWebsocketStreamClient(
        stream_url=venue.ws, on_message=lambda _, message: heard(json.loads(message))
    )
    try:
        sockets.diff_book_depth(symbol=SYMBOL, speed=100)
        sockets.trade(symbol=SYMBOL)
        sockets.user_data(listen_key=one.new_listen_key()["listenKey"])
        for _ in range(3):
            heard.until(lambda message: "result" in message)
        buy = one.new_order(SYMBOL, "BUY", "LIMIT", timeInForce="GTC", quantity="1", price="58000")
        accepted = heard.until(lambda message: message.get("e") == "executionReport")
        assert (accepted["i"], accepted["x"]) == (buy["orderId"], "NEW"), accepted
        heard.until(lambda message: ["58000.00000000", "1.00000000"] in message.get("b", []))
        two.new_order(SYMBOL, "SELL", "MARKET", quantity="0.25")
        fill = heard.until(lambda message: message.get("e") == "executionReport")
        assert (fill["x"], fill["X"], fill["l"]) == ("TRADE", "PARTIALLY_FILLED", "0.25000000"), fill
        one.cancel_open_orders(SYMBOL)
        ended = heard.until(lambda message: message.get("e") == "executionReport")
        assert ended["X"] == "CANCELED", ended
    finally:
        sockets.stop()


def websocket_api(venue):
    """An order over the WebSocket API."""
    heard = Heard()
    socket = SpotWebsocketAPIClient(
        stream_url=f"{venue.ws}/ws-api/v3",
        api_key=venue.one[0],
        api_secret=venue.one[1],
        on_message=lambda _, message: heard(json.loads(message)),
    )
    try:
        socket.new_order(
            id="1", symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=0.5, price=57000
        )
        placed = heard.until(lambda message: message.get("id") == "1")
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW"), placed
        socket.cancel_order(id="2", symbol=SYMBOL, orderId=placed["result"]["orderId"])
        cancelled = heard.until(lambda message: message.get("id") == "2")
        assert cancelled["result"]["status"] == "CANCELED", cancelled
    finally:
        socket.stop()


def order_list(venue):
    """An OCO, cancelled as a list."""
    one = client(venue, venue.one)
    oco = one.new_oco_order(SYMBOL, "SELL", **OCO)
    assert len(one.get_open_orders(SYMBOL)) == 2
    assert [known["orderListId"] for known in one.get_oco_open_orders()] == [oco["orderListId"]]
    one.cancel_oco_order(SYMBOL, orderListId=oco["orderListId"])
    assert one.get_open_orders(SYMBOL) == []


if __name__ == "__main__":
    main("binance-connector", orders, market_data, streams, websocket_api, order_list)
