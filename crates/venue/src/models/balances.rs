//! What each account has. Totals are folded from trades, fees and movements; what is reserved follows
//! from the account's live orders, when somebody asks.

use std::collections::BTreeMap;

use tiercel_types::event::{FundsMovement, SelfTradePrevented};
use tiercel_types::{AccountId, AssetId, InstrumentSpec, Money, Side};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};
use super::trades::TradeView;

/// What an account has of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// Of what.
    pub asset: AssetId,
    /// What it may use. Of an account whose trades were undone it may be below zero.
    pub free: Money,
    /// What its orders keep.
    pub reserved: Money,
}

/// A total of an image.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TotalImage {
    account: AccountId,
    asset: AssetId,
    total: Money,
}

/// The totals of all accounts. Bounded by accounts and assets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    of: BTreeMap<(AccountId, AssetId), Money>,
}

impl Totals {
    fn add(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        let total = self.of.entry((account, asset)).or_default();
        *total = Money::from_units(total.units() + amount);
    }

    pub(super) fn moved(&mut self, account: AccountId, moved: &tiercel_types::event::FundsMoved) {
        let amount = moved.amount.units();
        match moved.movement {
            FundsMovement::Deposit => self.add(account, moved.asset, amount),
            FundsMovement::Withdraw => self.add(account, moved.asset, -amount),
            FundsMovement::Transfer => {
                self.add(account, moved.asset, -amount);
                self.add(moved.counterparty, moved.asset, amount);
            }
        }
    }

    /// Moves what was traded, `times` 1 or -1, and the fees to the venue.
    pub(super) fn settle(&mut self, spec: &InstrumentSpec, trade: &TradeView, times: i128) {
        let base = Money::from_qty(trade.qty).units() * times;
        let quote = Money::of(trade.price, trade.qty).units() * times;
        let (taker, maker) = (trade.taker_account, trade.maker_account);
        let (buyer, seller) =
            if trade.taker_side == Side::Buy { (taker, maker) } else { (maker, taker) };
        self.add(buyer, spec.base, base);
        self.add(seller, spec.base, -base);
        self.add(seller, spec.quote, quote);
        self.add(buyer, spec.quote, -quote);
        let received = [trade.taker_side, trade.taker_side.opposite()]
            .map(|side| spec.asset_given(side.opposite()));
        for (account, asset, fee) in
            [(taker, received[0], trade.taker_fee), (maker, received[1], trade.maker_fee)]
        {
            self.add(account, asset, -fee.units() * times);
            self.add(AccountId::VENUE, asset, fee.units() * times);
        }
    }

    /// Between two accounts of one group: quantity changes hands, free of fees.
    pub(super) fn transferred(
        &mut self,
        spec: &InstrumentSpec,
        taker: AccountId,
        event: &SelfTradePrevented,
    ) {
        let base = Money::from_qty(event.qty).units();
        let quote = Money::of(event.price, event.qty).units();
        let (buyer, seller) = match event.taker_side {
            Side::Buy => (taker, event.maker_account),
            Side::Sell => (event.maker_account, taker),
        };
        self.add(buyer, spec.base, base);
        self.add(seller, spec.base, -base);
        self.add(seller, spec.quote, quote);
        self.add(buyer, spec.quote, -quote);
    }

    pub(super) fn of(&self, account: AccountId) -> impl Iterator<Item = (AssetId, Money)> {
        let range = (account, AssetId(0))..=(account, AssetId(u32::MAX));
        self.of.range(range).map(|((_, asset), total)| (*asset, *total))
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        let images: Vec<TotalImage> = self
            .of
            .iter()
            .map(|((account, asset), total)| TotalImage {
                account: *account,
                asset: *asset,
                total: *total,
            })
            .collect();
        image::put(out, images.iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>) -> Result<Self, ImageError> {
        let mut loaded = Self::default();
        reader.take("balances", |image: TotalImage| {
            loaded.of.insert((image.account, image.asset), image.total);
        })?;
        Ok(loaded)
    }
}
