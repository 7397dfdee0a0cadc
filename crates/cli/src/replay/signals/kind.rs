//! The signals that a replay follows, by name and unit.

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mid,
    Spread,
    WeightedMid,
    PredictedMove,
    Imbalance,
    Imbalance5,
    Imbalance20,
    OrderFlow,
    Vpin,
    BulkVpin,
    Volatility,
    Volume,
    AveragePrice,
}

/// What a signal's values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The quote asset for one of the base asset.
    Price,
    /// The base asset.
    Base,
    /// Nothing: a share.
    Share,
    /// Ten-thousandths of the price.
    BasisPoints,
}

impl Unit {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Base => "quantity",
            Self::Share => "",
            Self::BasisPoints => "bp",
        }
    }
}

impl Kind {
    /// Every signal, in the order of the table.
    pub(super) const ALL: [Self; 13] = [
        Self::Mid,
        Self::Spread,
        Self::WeightedMid,
        Self::PredictedMove,
        Self::Imbalance,
        Self::Imbalance5,
        Self::Imbalance20,
        Self::OrderFlow,
        Self::Vpin,
        Self::BulkVpin,
        Self::Volatility,
        Self::Volume,
        Self::AveragePrice,
    ];

    /// Those that are held against the mid's next move.
    pub(super) const PREDICTORS: [Self; 5] = [
        Self::Imbalance,
        Self::Imbalance5,
        Self::Imbalance20,
        Self::PredictedMove,
        Self::OrderFlow,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mid => "mid",
            Self::Spread => "spread",
            Self::WeightedMid => "weighted mid",
            Self::PredictedMove => "predicted move",
            Self::Imbalance => "imbalance",
            Self::Imbalance5 => "imbalance, 5 levels",
            Self::Imbalance20 => "imbalance, 20 levels",
            Self::OrderFlow => "order flow, 1 s",
            Self::Vpin => "VPIN, by side",
            Self::BulkVpin => "VPIN, in bulk",
            Self::Volatility => "volatility of 1 s, 1 min",
            Self::Volume => "volume, 24 h",
            Self::AveragePrice => "VWAP, 24 h",
        }
    }

    pub(super) const fn unit(self) -> Unit {
        match self {
            Self::Mid
            | Self::Spread
            | Self::WeightedMid
            | Self::PredictedMove
            | Self::AveragePrice => Unit::Price,
            Self::OrderFlow | Self::Volume => Unit::Base,
            Self::Volatility => Unit::BasisPoints,
            _ => Unit::Share,
        }
    }
}
