//! The values of the interface: texts in JSON, checked types behind them, and a schema of each.
//!
//! Decimals, ids of orders and lists, and times are texts, so that no JSON reader rounds them. Words
//! (sides, kinds, states) are the engine's own stable texts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tiercel_types::auction::AuctionKind;
use tiercel_types::order::{
    AmendQtyMeaning, Comparison, ConditionField, ListKind, PendingRule, SideScope,
};
use tiercel_types::{
    AssetCode, ClientOrderId, EndReason, InstrumentState, ListId, Money, OrderId, OrderKind, Peg,
    Price, Qty, SelfTradePrevention, Side, Symbol, TimeInForce, Timestamp, Trigger,
};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::models::Interval;
use tiercel_wire::words;

words! {
    /// Which orders.
    OrderScope {
        /// All that are kept.
        All => "all",
        /// Those that live.
        Open => "open",
        /// Those that were filled or ended.
        Ended => "ended",
    }
}

impl OrderScope {
    /// Whether the scope takes an order that lives, or has ended.
    pub const fn takes(self, live: bool) -> bool {
        match self {
            Self::All => true,
            Self::Open => live,
            Self::Ended => !live,
        }
    }
}

words! {
    /// What a client asks of a stream's connection.
    OpWord {
        /// To be told of channels.
        Subscribe => "subscribe",
        /// No longer.
        Unsubscribe => "unsubscribe",
        /// Of which it is told.
        List => "list",
        /// To be known by its key.
        Authenticate => "authenticate",
        /// An answer.
        Ping => "ping",
    }
}

words! {
    /// What a stream tells.
    ChannelWord {
        /// Each trade.
        Trades => "trades",
        /// The book.
        Depth => "depth",
        /// The signals.
        Signals => "signals",
        /// Phases, indications, auctions.
        Auctions => "auctions",
        /// The present candle.
        Candles => "candles",
        /// Own orders.
        Orders => "orders",
        /// Own orders that begin to wait, or are triggered.
        Triggers => "triggers",
    }
}

words! {
    /// How long a candle is.
    CandleInterval {
        /// One minute.
        M1 => "1m",
        /// Three minutes.
        M3 => "3m",
        /// Five minutes.
        M5 => "5m",
        /// A quarter of an hour.
        M15 => "15m",
        /// Half an hour.
        M30 => "30m",
        /// An hour.
        H1 => "1h",
        /// Two hours.
        H2 => "2h",
        /// Four hours.
        H4 => "4h",
        /// Six hours.
        H6 => "6h",
        /// Eight hours.
        H8 => "8h",
        /// Half a day.
        H12 => "12h",
        /// A day (of UTC).
        D1 => "1d",
        /// Three days.
        D3 => "3d",
        /// A week from Monday on.
        W1 => "1w",
    }
}

impl CandleInterval {
    /// As the read model has it.
    pub const fn interval(self) -> Interval {
        match self {
            Self::M1 => Interval::Minutes(1),
            Self::M3 => Interval::Minutes(3),
            Self::M5 => Interval::Minutes(5),
            Self::M15 => Interval::Minutes(15),
            Self::M30 => Interval::Minutes(30),
            Self::H1 => Interval::Hours(1),
            Self::H2 => Interval::Hours(2),
            Self::H4 => Interval::Hours(4),
            Self::H6 => Interval::Hours(6),
            Self::H8 => Interval::Hours(8),
            Self::H12 => Interval::Hours(12),
            Self::D1 => Interval::Days(1),
            Self::D3 => Interval::Days(3),
            Self::W1 => Interval::Week,
        }
    }
}

/// A value that JSON holds as a text.
trait Scalar: Sized {
    /// What it is, for whoever gave something else.
    const EXPECTED: &'static str;
    fn read(text: &str) -> Result<Self, Cow<'static, str>>;
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn describe(object: ObjectBuilder) -> ObjectBuilder;
}

struct Reader<T>(std::marker::PhantomData<T>);

impl<T: Scalar> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }
}

/// Shows a value by its [`Scalar::show`].
struct Shown<'a, T>(&'a T);

impl<T: Scalar> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// Gives types that are [`Scalar`] a JSON form and a schema.
macro_rules! json {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Reader::<Self>(std::marker::PhantomData))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&Shown(self))
            }
        }

        impl std::str::FromStr for $name {
            type Err = Cow<'static, str>;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::read(text)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                Self::describe(text()).into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

json! {
    /// A price.
    PriceText(Price);
    /// A quantity.
    QtyText(Qty);
    /// An amount of an asset.
    MoneyText(Money);
    /// A number of no exact value, such as a signal.
    RealText(f64);
    /// An order's id.
    OrderIdText(OrderId);
    /// A list's id.
    ListIdText(ListId);
    /// A time.
    TimeText(Timestamp);
    /// An instrument's symbol.
    SymbolText(Symbol);
    /// An asset's code.
    AssetText(AssetCode);
    /// A client's name for an order or a list.
    ClientOrderIdText(ClientOrderId);
    /// Buy or sell.
    SideText(Side);
    /// How an order meets the book.
    OrderKindText(OrderKind);
    /// How long an order lives.
    TimeInForceText(TimeInForce);
    /// What prevents self-trades.
    SelfTradePreventionText(SelfTradePrevention);
    /// What a pegged order's price follows.
    PegText(Peg);
    /// What an order waits for.
    TriggerText(Trigger);
    /// Why an order ended.
    EndReasonText(EndReason);
    /// What the quantity of an amendment counts.
    AmendQtyMeaningText(AmendQtyMeaning);
    /// Which sides.
    SideScopeText(SideScope);
    /// When pending orders are entered.
    PendingRuleText(PendingRule);
    /// How the orders of a list hang together.
    ListKindText(ListKind);
    /// What a condition looks at.
    ConditionFieldText(ConditionField);
    /// How a condition compares.
    ComparisonText(Comparison);
    /// An instrument's state.
    InstrumentStateText(InstrumentState);
    /// Which auction.
    AuctionKindText(AuctionKind);
    /// Which orders.
    OrderScopeText(OrderScope);
    /// How long a candle is.
    IntervalText(CandleInterval);
    /// What a client asks of a stream's connection.
    OpText(OpWord);
    /// What a stream tells.
    ChannelText(ChannelWord);
}

/// The engine's words, in their stable texts.
macro_rules! scalar_words {
    ($($name:ident($inner:ty), $description:literal;)+) => {$(
        impl Scalar for $name {
            const EXPECTED: &'static str = $description;

            fn read(text: &str) -> Result<Self, Cow<'static, str>> {
                <$inner>::from_text(text).map(Self).ok_or_else(|| {
                    let words: Vec<&str> = <$inner>::ALL.iter().map(|word| word.as_str()).collect();
                    format!("one of {} is expected", words.join(", ")).into()
                })
            }

            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0.as_str())
            }

            fn describe(object: ObjectBuilder) -> ObjectBuilder {
                let words: Vec<&str> = <$inner>::ALL.iter().map(|word| word.as_str()).collect();
                object.description(Some($description)).enum_values(Some(words))
            }
        }
    )+};
}

scalar_words! {
    SideText(Side), "a side of the market";
    OrderKindText(OrderKind), "how an order meets the book";
    TimeInForceText(TimeInForce), "how long an order lives";
    SelfTradePreventionText(SelfTradePrevention), "what happens instead of a trade with oneself";
    PegText(Peg), "what the price of a pegged order follows";
    TriggerText(Trigger), "what an order waits for";
    EndReasonText(EndReason), "why an order ended with quantity unfilled";
    AmendQtyMeaningText(AmendQtyMeaning), "what the quantity of an amendment counts";
    SideScopeText(SideScope), "which sides of the market";
    PendingRuleText(PendingRule), "when the pending orders of a list are entered";
    ListKindText(ListKind), "how the orders of a list hang together";
    ConditionFieldText(ConditionField), "what a condition looks at";
    ComparisonText(Comparison), "how a condition compares";
    InstrumentStateText(InstrumentState), "whether an instrument takes orders and matches them";
    AuctionKindText(AuctionKind), "which auction";
    OrderScopeText(OrderScope), "which orders";
    IntervalText(CandleInterval), "how long a candle is";
    OpText(OpWord), "what is asked of a connection";
    ChannelText(ChannelWord), "what a stream tells";
}

/// Values whose text is that of their own type.
macro_rules! plain {
    ($($name:ident($inner:ty), $expected:literal, $error:ident => $message:expr,
        $object:ident => $describe:expr;)+) => {$(
        impl Scalar for $name {
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Result<Self, Cow<'static, str>> {
                text.parse::<$inner>().map(Self).map_err(|$error| $message)
            }

            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }

            fn describe($object: ObjectBuilder) -> ObjectBuilder {
                $describe.description(Some($expected))
            }
        }
    )+};
}

/// What a decimal looks like here: nothing is rounded, so at most eight places.
const DECIMAL: &str = r"^-?[0-9]{1,12}(\.[0-9]{1,8})?$";
const UNSIGNED_DECIMAL: &str = r"^[0-9]{1,12}(\.[0-9]{1,8})?$";
const PRINTABLE: &str = "^[ -~]*$";

plain! {
    PriceText(Price), "a price: a decimal of at most eight places, in a string",
        error => error.to_string().into(),
        object => object.pattern(Some(DECIMAL)).examples(["60000.5"]);
    QtyText(Qty), "a quantity: a decimal of at most eight places, in a string",
        error => error.to_string().into(),
        object => object.pattern(Some(UNSIGNED_DECIMAL)).examples(["0.25"]);
    SymbolText(Symbol), "a symbol: at most 16 printable characters",
        error => error.to_string().into(),
        object => object.pattern(Some(PRINTABLE)).max_length(Some(16)).examples(["BTCUSDT"]);
    AssetText(AssetCode), "an asset's code: at most 12 printable characters",
        error => error.to_string().into(),
        object => object.pattern(Some(PRINTABLE)).max_length(Some(12)).examples(["BTC"]);
}

impl Scalar for ClientOrderIdText {
    const EXPECTED: &'static str = "a client's own name: 1 to 36 printable ASCII characters";

    fn read(text: &str) -> Result<Self, Cow<'static, str>> {
        if text.is_empty() {
            return Err("a name has a character at least".into());
        }
        text.parse()
            .map(Self)
            .map_err(|error: tiercel_types::text::TextError| error.to_string().into())
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }

    fn describe(object: ObjectBuilder) -> ObjectBuilder {
        let object = object.pattern(Some("^[ -~]+$")).min_length(Some(1)).max_length(Some(36));
        object.description(Some(Self::EXPECTED)).examples(["my-order-1"])
    }
}

/// 64-bit numbers, as texts.
macro_rules! numbers {
    ($($name:ident($make:expr), $description:literal, $example:literal;)+) => {$(
        impl Scalar for $name {
            const EXPECTED: &'static str = $description;

            fn read(text: &str) -> Result<Self, Cow<'static, str>> {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let number = if digits { text.parse().ok() } else { None };
                let number: u64 = number.ok_or("a whole number below 2^64 is expected, in a string")?;
                Ok(Self($make(number)))
            }

            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }

            fn describe(object: ObjectBuilder) -> ObjectBuilder {
                let object = object.pattern(Some("^[0-9]{1,20}$"));
                object.description(Some($description)).examples([$example])
            }
        }
    )+};
}

numbers! {
    OrderIdText(OrderId), "an order's id: a whole number, in a string", "17";
    ListIdText(ListId), "a list's id: a whole number, in a string", "3";
    TimeText(Timestamp), "nanoseconds since the epoch: a whole number, in a string",
        "1795289000000000000";
}

impl Scalar for MoneyText {
    const EXPECTED: &'static str = "an amount: a decimal, in a string";

    fn read(_: &str) -> Result<Self, Cow<'static, str>> {
        Err("no request has an amount".into())
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }

    fn describe(object: ObjectBuilder) -> ObjectBuilder {
        let object = object.pattern(Some(r"^-?[0-9]{1,24}(\.[0-9]{1,16})?$"));
        object.description(Some(Self::EXPECTED)).examples(["12.5"])
    }
}

impl Scalar for RealText {
    const EXPECTED: &'static str = "a number that is not exact, of eight places, in a string";

    fn read(_: &str) -> Result<Self, Cow<'static, str>> {
        Err("no request has such a number".into())
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No minus sign before a zero.
        let rounded = (self.0 * 1e8).round() / 1e8;
        write!(f, "{:.8}", if rounded == 0.0 { 0.0 } else { rounded })
    }

    fn describe(object: ObjectBuilder) -> ObjectBuilder {
        let object = object.pattern(Some(r"^-?[0-9]+\.[0-9]{8}$"));
        object
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
            .description(Some(Self::EXPECTED))
            .examples(["0.25000000"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_exactly_or_refused_with_the_reason() {
        let price = |text: &str| text.parse::<PriceText>().map(|price| price.0.units());
        assert_eq!(price("1.00000001"), Ok(100_000_001));
        for text in ["", "NaN", "Infinity", "1e3", "1.000000001", "99999999999999", "１"] {
            assert!(price(text).is_err(), "{text}");
        }
        assert!("-1".parse::<QtyText>().is_err());
        for text in ["", "+1", "-1", "1.0", "18446744073709551616", "0x1"] {
            assert!(text.parse::<OrderIdText>().is_err(), "{text}");
        }
        assert!("".parse::<ClientOrderIdText>().is_err());
        assert!("é".parse::<ClientOrderIdText>().is_err());
        let message = "BUY".parse::<SideText>().unwrap_err();
        assert_eq!(message, "one of buy, sell is expected");
    }

    #[test]
    fn a_real_number_shows_no_negative_zero() {
        let show = |value: f64| serde_json::to_string(&RealText(value)).unwrap();
        assert_eq!(show(-0.000000001), "\"0.00000000\"");
        assert_eq!(show(-0.25), "\"-0.25000000\"");
    }
}
