//! How a paper venue is configured.

use std::path::PathBuf;

use serde::Deserialize;
use tiercel_sim::paper::{FeeAsset, Fees, Latency, PaperOptions, QueueModel};

use super::ConfigError;

const MICROSECOND_NS: u64 = 1_000;
/// A minute: more is a mistake.
const LATENCY_MAX_US: u64 = 60_000_000;
/// No fee or rebate is more than half of a fill, as at our venue.
const FEE_PPM_MAX: i32 = 500_000;

/// Who is taken to have cancelled when less waits at a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueName {
    /// Those ahead and those behind, each by their share.
    #[default]
    Proportional,
    /// Those behind first.
    Behind,
    /// Those ahead first.
    Ahead,
}

/// In what fees are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeeAssetName {
    /// In what is received.
    #[default]
    Received,
    /// In the quote asset.
    Quote,
}

/// The paper venue. With it, orders go to no other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaperTable {
    /// From a decision to the venue, with the way of the market data that it followed from.
    pub order_latency_us: u64,
    /// From the venue to the trader.
    pub report_latency_us: u64,
    /// Of each way, so much more at most.
    pub jitter_us: u64,
    /// Seeds what is drawn of it.
    pub seed: u64,
    /// The fee of who rested, in ppm; negative: a rebate.
    pub maker_fee_ppm: i32,
    /// The fee of who came.
    pub taker_fee_ppm: i32,
    /// In what.
    pub fee_asset: FeeAssetName,
    /// Who cancels.
    pub queue: QueueName,
    /// How long behind a decrease of the book the trade may be told that it comes from.
    pub trade_lag_us: u64,
    /// What comes in is written to this file, to be replayed.
    pub record: Option<PathBuf>,
}

impl Default for PaperTable {
    fn default() -> Self {
        Self {
            order_latency_us: 1_000,
            report_latency_us: 1_000,
            jitter_us: 0,
            seed: 1,
            maker_fee_ppm: 1_000,
            taker_fee_ppm: 1_000,
            fee_asset: FeeAssetName::default(),
            queue: QueueName::default(),
            trade_lag_us: PaperOptions::default().trade_lag_ns / MICROSECOND_NS,
            record: None,
        }
    }
}

impl PaperTable {
    /// The same for the venue.
    pub const fn options(&self) -> PaperOptions {
        PaperOptions {
            latency: Latency {
                order_ns: self.order_latency_us.saturating_mul(MICROSECOND_NS),
                report_ns: self.report_latency_us.saturating_mul(MICROSECOND_NS),
                jitter_ns: self.jitter_us.saturating_mul(MICROSECOND_NS),
            },
            fees: Fees {
                maker_ppm: self.maker_fee_ppm,
                taker_ppm: self.taker_fee_ppm,
                asset: match self.fee_asset {
                    FeeAssetName::Received => FeeAsset::Received,
                    FeeAssetName::Quote => FeeAsset::Quote,
                },
            },
            queue: match self.queue {
                QueueName::Proportional => QueueModel::Proportional,
                QueueName::Behind => QueueModel::Behind,
                QueueName::Ahead => QueueModel::Ahead,
            },
            trade_lag_ns: self.trade_lag_us.saturating_mul(MICROSECOND_NS),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, what: &str| {
            Err(ConfigError::Value { key: format!("paper.{key}"), what: what.to_owned() })
        };
        for (key, us) in [
            ("order_latency_us", self.order_latency_us),
            ("report_latency_us", self.report_latency_us),
        ] {
            if !(1..=LATENCY_MAX_US).contains(&us) {
                return wrong(key, "not from 1 to 60000000");
            }
        }
        if self.jitter_us > LATENCY_MAX_US {
            return wrong("jitter_us", "above 60000000");
        }
        for (key, ppm) in
            [("maker_fee_ppm", self.maker_fee_ppm), ("taker_fee_ppm", self.taker_fee_ppm)]
        {
            if !(-FEE_PPM_MAX..=FEE_PPM_MAX).contains(&ppm) {
                return wrong(key, "not from -500000 to 500000");
            }
        }
        Ok(())
    }
}
