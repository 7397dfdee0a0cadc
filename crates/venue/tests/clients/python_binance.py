"""python-binance, as it comes, trades on a venue: REST, and the market streams.

    python python_binance.py ADDRESS KEY SECRET KEY SECRET

The venue is one that `tiercel venue --dev` has just made: two funded accounts, nothing traded yet.
"""

import asyncio
import sys

from binance import BinanceSocketManager
from binance.async_client import AsyncClient
from binance.client import Client
from binance.exceptions import BinanceAPIException

SYMBOL = "BTCUSDT"


def redirect(address):
    """All that the client needs to know: where the venue is."""
    for kind in (Client, AsyncClient):
        kind.API_URL = f"http://{address}/api"
    BinanceSocketManager.STREAM_URL = f"ws://{address}/"


def refused(code, call, **parameters):
    """Expects a refusal with this code."""
    try:
        call(**parameters)
    except BinanceAPIException as error:
        assert error.code == code, (error.code, error.message)
        return error.message
    raise AssertionError(f"{call.__name__} was not refused")


def trade(one, two):
    """Places, partly fills, cancels, and finds all of it where it should be."""
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

    assert "Unknown order" in refused(-2011, one.cancel_order, symbol=SYMBOL, orderId=buy["orderId"])
    refused(-1121, one.order_market_buy, symbol="DOGEUSDT", quantity="1")
    refused(-1013, one.order_limit_buy, symbol=SYMBOL, quantity="1", price="59000.001")
    refused(-2010, one.order_limit_sell, symbol=SYMBOL, quantity="101", price="60000")
    one.create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="1")


async def stream(one, two):
    """Hears of a trade, and of the book that it left."""
    client = await AsyncClient.create()
    sockets = BinanceSocketManager(client)
    async with sockets.trade_socket(SYMBOL) as trades, sockets.depth_socket(SYMBOL, interval=100) as depth:
        # The sockets are open: what happens from here on is told.
        two.order_limit_sell(symbol=SYMBOL, quantity="1", price="60000")
        one.order_limit_buy(symbol=SYMBOL, quantity="0.25", price="60000")
        told = await asyncio.wait_for(trades.recv(), 20)
        assert (told["e"], told["p"], told["q"]) == ("trade", "60000.00000000", "0.25000000"), told
        diff = await asyncio.wait_for(depth.recv(), 20)
        assert diff["e"] == "depthUpdate" and diff["a"][-1][0] == "60000.00000000", diff
    await client.close_connection()


def main():
    address, *keys = sys.argv[1:]
    redirect(address)
    one, two = Client(keys[0], keys[1]), Client(keys[2], keys[3])
    trade(one, two)
    asyncio.run(stream(one, two))
    print("python-binance: markets, orders, fills, cancels, refusals and streams are as documented")


if __name__ == "__main__":
    main()
