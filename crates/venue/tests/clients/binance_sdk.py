"""binance-sdk-spot, as it comes: REST, streams, the WebSocket API, user data."""

import asyncio

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.rest_api.models import (
    NewOrderSideEnum,
    NewOrderTimeInForceEnum,
    NewOrderTypeEnum,
    OrderListOcoAboveTypeEnum,
    OrderListOcoBelowTypeEnum,
    OrderListOcoSideEnum,
)
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_api.models import (
    ExecutionReport,
    OrderPlaceSideEnum,
    OrderPlaceTimeInForceEnum,
    OrderPlaceTypeEnum,
)

from venue import PATIENCE_S, SYMBOL, Heard, main


def client(venue, keys):
    """All that the client needs to know: where the venue is."""
    key, secret = keys
    rest = ConfigurationRestAPI(api_key=key, api_secret=secret, base_path=venue.http, timeout=10_000)
    api = ConfigurationWebSocketAPI(api_key=key, api_secret=secret, stream_url=f"{venue.ws}/ws-api/v3")
    streams = ConfigurationWebSocketStreams(stream_url=f"{venue.ws}/stream")
    return Spot(config_rest_api=rest, config_ws_api=api, config_ws_streams=streams)


def limit(rest, side, quantity, price):
    return rest.new_order(
        symbol=SYMBOL,
        side=NewOrderSideEnum[side].value,
        type=NewOrderTypeEnum.LIMIT.value,
        time_in_force=NewOrderTimeInForceEnum.GTC.value,
        quantity=quantity,
        price=price,
    ).data()


def orders(venue):
    """Places, partly fills, cancels, and finds all of it where it should be."""
    one, two = client(venue, venue.one).rest_api, client(venue, venue.two).rest_api
    info = one.exchange_info(symbol=SYMBOL).data()
    assert info.symbols[0].status == "TRADING", info
    buy = limit(one, "BUY", 2, 59000)
    assert buy.status == "NEW", buy
    assert one.depth(symbol=SYMBOL).data().bids == [["59000.00000000", "2.00000000"]]
    sell = two.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.5).data()
    assert sell.status == "FILLED", sell
    order = one.get_order(symbol=SYMBOL, order_id=buy.order_id).data()
    assert (order.status, order.executed_qty) == ("PARTIALLY_FILLED", "0.50000000"), order
    cancelled = one.delete_order(symbol=SYMBOL, order_id=buy.order_id).data()
    assert cancelled.status == "CANCELED", cancelled
    assert one.my_trades(symbol=SYMBOL).data()[0].commission == "0.00050000"


def order_list(venue):
    """An OCO, cancelled as a list."""
    one = client(venue, venue.one).rest_api
    oco = one.order_list_oco(
        symbol=SYMBOL,
        side=OrderListOcoSideEnum.SELL.value,
        quantity=0.1,
        above_type=OrderListOcoAboveTypeEnum.LIMIT_MAKER.value,
        above_price=70000,
        below_type=OrderListOcoBelowTypeEnum.STOP_LOSS.value,
        below_stop_price=50000,
    ).data()
    assert oco.contingency_type == "OCO" and len(oco.order_reports) == 2, oco
    one.delete_order_list(symbol=SYMBOL, order_list_id=oco.order_list_id)
    assert one.get_open_orders(symbol=SYMBOL).data() == []


def sockets(venue):
    """A book, and own orders over the WebSocket API."""
    asyncio.run(hear(venue))


async def until(heard, wanted):
    return await asyncio.get_running_loop().run_in_executor(None, heard.until, wanted)


async def hear(venue):
    one, two = client(venue, venue.one), client(venue, venue.two).rest_api
    streams = await one.websocket_streams.create_connection()
    api = await one.websocket_api.create_connection()
    diffs, own = Heard(), Heard()
    book = await streams.diff_book_depth(symbol=SYMBOL.lower())
    book.on("message", diffs)
    subscribed = await api.user_data_stream_subscribe_signature()
    subscribed.stream.on("message", own)

    place = api.order_place(
        symbol=SYMBOL,
        side=OrderPlaceSideEnum.BUY.value,
        type=OrderPlaceTypeEnum.LIMIT.value,
        time_in_force=OrderPlaceTimeInForceEnum.GTC.value,
        quantity=1,
        price=58000,
    )
    buy = (await asyncio.wait_for(place, PATIENCE_S)).data().result
    assert buy.status == "NEW", buy
    await until(diffs, lambda diff: ["58000.00000000", "1.00000000"] in diff.b)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, limit, two, "SELL", 0.25, 58000)
    cancelled = await api.order_cancel(symbol=SYMBOL, order_id=buy.order_id)
    assert cancelled.data().result.status == "CANCELED", cancelled
    for state, filled in [("NEW", "0.00000000"), ("PARTIALLY_FILLED", "0.25000000"), ("CANCELED", "0.25000000")]:
        told = await until(own, lambda event: isinstance(event.actual_instance, ExecutionReport))
        report = told.actual_instance
        assert (report.X, report.z, report.i) == (state, filled, buy.order_id), report
    await streams.close_connection(close_session=True)
    await api.close_connection(close_session=True)


if __name__ == "__main__":
    main("binance-sdk-spot", orders, order_list, sockets)
