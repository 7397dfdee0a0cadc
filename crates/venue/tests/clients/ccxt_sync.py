"""ccxt, as it comes, over REST."""

import ccxt

from venue import OCO as LEGS
from venue import main, refused

SYMBOL = "BTC/USDT"
# The unified interface has no pairs.
OCO = {"symbol": "BTCUSDT", "side": "SELL", **LEGS}


def exchange(kind, venue, keys):
    """All that the client needs to know: where the venue is, and that it has spot markets alone."""
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    client = kind({"apiKey": keys[0], "secret": keys[1], "options": options})
    for name in ("public", "private"):
        client.urls["api"][name] = f"{venue.http}/api/v3"
    client.urls["api"]["sapi"] = f"{venue.http}/sapi/v1"
    client.urls["api"]["ws"] = {"spot": f"{venue.ws}/ws", "ws-api": {"spot": f"{venue.ws}/ws-api/v3"}}
    return client


def orders(venue):
    """Places, partly fills, cancels, and finds all of it where it should be."""
    one, two = (exchange(ccxt.binance, venue, keys) for keys in (venue.one, venue.two))
    market = one.load_markets()[SYMBOL]
    assert market["active"] and market["precision"]["price"] == 0.01, market
    assert market["limits"]["cost"]["min"] == 5.0, market

    buy = one.create_limit_buy_order(SYMBOL, 2, 59000)
    assert buy["status"] == "open", buy
    assert one.fetch_order_book(SYMBOL)["bids"] == [[59000.0, 2.0]]
    sell = two.create_market_sell_order(SYMBOL, 0.5)
    assert (sell["status"], sell["average"]) == ("closed", 59000.0), sell
    order = one.fetch_order(buy["id"], SYMBOL)
    assert (order["status"], order["filled"], order["remaining"]) == ("open", 0.5, 1.5), order
    assert [open["id"] for open in one.fetch_open_orders(SYMBOL)] == [buy["id"]]
    trade = one.fetch_my_trades(SYMBOL)[0]
    assert (trade["order"], trade["takerOrMaker"], trade["fee"]["cost"]) == (buy["id"], "maker", 0.0005), trade
    assert one.cancel_order(buy["id"], SYMBOL)["status"] == "canceled"
    assert one.fetch_balance()["BTC"] == {"free": 100.4995, "used": 0.0, "total": 100.4995}
    assert one.fetch_closed_orders(SYMBOL) == []

    refused(ccxt.OrderNotFound, one.cancel_order, buy["id"], SYMBOL)
    refused(ccxt.InsufficientFunds, one.create_limit_sell_order, SYMBOL, 101, 60000)


def market_data(venue):
    """What is derived of the trades."""
    one = exchange(ccxt.binance, venue, venue.one)
    assert one.fetch_trades(SYMBOL)[0]["price"] == 59000.0
    assert one.fetch_ohlcv(SYMBOL, "1m")[-1][1:] == [59000.0, 59000.0, 59000.0, 59000.0, 0.5]
    assert one.fetch_ticker(SYMBOL)["last"] == 59000.0
    assert SYMBOL in one.fetch_bids_asks()
    fee = one.fetch_trading_fee(SYMBOL)
    assert (fee["maker"], fee["taker"]) == (0.001, 0.001), fee


def order_list(venue):
    """An OCO, by the request under the unified interface; the list is cancelled as a whole."""
    one = exchange(ccxt.binance, venue, venue.one)
    one.load_markets()
    oco = one.private_post_orderlist_oco(OCO)
    assert len(oco["orderReports"]) == 2, oco
    assert len(one.fetch_open_orders(SYMBOL)) == 2
    one.private_delete_orderlist({"symbol": "BTCUSDT", "orderListId": oco["orderListId"]})
    assert one.fetch_open_orders(SYMBOL) == []


def replace(venue):
    """Moves an order, by cancelling and replacing it."""
    one = exchange(ccxt.binance, venue, venue.one)
    one.load_markets()
    first = one.create_limit_buy_order(SYMBOL, 1, 50000)
    moved = one.edit_order(first["id"], SYMBOL, "limit", "buy", 1, 50001)
    assert (moved["price"], moved["status"]) == (50001.0, "open"), moved
    assert one.fetch_order(first["id"], SYMBOL)["status"] == "canceled"
    one.cancel_all_orders(SYMBOL)
    assert one.fetch_open_orders(SYMBOL) == []


if __name__ == "__main__":
    main("ccxt", orders, market_data, order_list, replace)
