"""nautilus_trader, as it comes: a live node with a strategy that trades.

What the strategy saw is kept, and compared when it is done.
"""

from datetime import timedelta
from decimal import Decimal

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.common.config import InstrumentProviderConfig, LoggingConfig
from nautilus_trader.config import LiveExecEngineConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

import ccxt

from ccxt_sync import SYMBOL as PAIR
from ccxt_sync import exchange
from venue import PATIENCE_S, SYMBOL, main

INSTRUMENT = InstrumentId.from_str(f"{SYMBOL}.{BINANCE}")


class Trader(Strategy):
    """Buys, is partly filled by another account's order, cancels; then it is done."""

    def __init__(self, other, done):
        super().__init__()
        self.other, self.done = other, done
        self.seen, self.asks = [], None

    def on_start(self):
        self.instrument = self.cache.instrument(INSTRUMENT)
        self.subscribe_order_book_deltas(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)
        self.order = self.order_factory.limit(
            INSTRUMENT,
            OrderSide.BUY,
            self.instrument.make_qty(Decimal("2")),
            self.instrument.make_price(Decimal("59000")),
            time_in_force=TimeInForce.GTC,
        )
        self.after("give up", PATIENCE_S, self.end)
        # The subscriptions stand by then: what happens from there on is told.
        self.after("trade", 2, lambda _: self.submit_order(self.order))

    def on_order_book_deltas(self, deltas):
        asks = self.cache.order_book(INSTRUMENT).asks()
        self.asks = [(float(level.price), level.size()) for level in asks]

    def on_trade_tick(self, tick):
        self.seen.append(("trade", tick.price.as_decimal(), tick.size.as_decimal()))

    def on_order_accepted(self, event):
        self.seen.append("accepted")
        self.other.create_market_sell_order(PAIR, 0.5)

    def on_order_filled(self, event):
        self.seen.append(("filled", event.last_qty.as_decimal(), str(event.commission)))
        self.cancel_order(self.order)

    def on_order_canceled(self, event):
        self.seen.append("canceled")
        # What the book has yet to tell comes within its next beats.
        self.after("end", 3, self.end)

    def on_order_rejected(self, event):
        self.seen.append(("rejected", event.reason))
        self.end(event)

    def on_stop(self):
        """What it bought it keeps."""

    def after(self, name, seconds, what):
        self.clock.set_time_alert(name, self.clock.utc_now() + timedelta(seconds=seconds), what)

    def end(self, _):
        self.done()


def trading(venue):
    other = exchange(ccxt.binance, venue, venue.two)
    other.load_markets()
    other.create_limit_sell_order(PAIR, 3, 61000)
    common = {
        "api_key": venue.one[0],
        "api_secret": venue.one[1],
        "account_type": BinanceAccountType.SPOT,
        "base_url_http": venue.http,
        "base_url_ws": venue.ws,
        "instrument_provider": InstrumentProviderConfig(load_all=True),
    }
    config = TradingNodeConfig(
        trader_id=TraderId("CLIENT-001"),
        logging=LoggingConfig(log_level="WARNING"),
        exec_engine=LiveExecEngineConfig(reconciliation=True),
        data_clients={BINANCE: BinanceDataClientConfig(**common)},
        exec_clients={BINANCE: BinanceExecClientConfig(**common)},
        timeout_connection=PATIENCE_S,
        timeout_post_stop=1,
    )
    node = TradingNode(config=config)
    trader = Trader(other, node.stop)
    node.trader.add_strategy(trader)
    node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
    node.build()
    try:
        node.run()
    finally:
        node.dispose()
    own = [what for what in trader.seen if what[0] != "trade"]
    filled = ("filled", Decimal("0.5"), "0.00050000 BTC")
    assert own == ["accepted", filled, "canceled"], trader.seen
    assert ("trade", Decimal(59000), Decimal("0.5")) in trader.seen, trader.seen
    assert trader.asks == [(61000.0, 3.0)], trader.asks


if __name__ == "__main__":
    main("nautilus_trader", trading)
