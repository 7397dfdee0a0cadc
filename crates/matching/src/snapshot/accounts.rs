//! Accounts, balances, trades and funding ids in a snapshot.

use tiercel_types::command::{AccountState, SetAccount};
use tiercel_types::{AccountId, AssetId, InstrumentId, Money, Price, Qty, Side};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::SnapshotError;
use super::bytes::{Header, Reader, Sink};
use crate::accounts::{Accounts, TradeRecord};
use crate::ledger::Ledger;

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct AccountImage {
    account: AccountId,
    trade_group: u32,
    max_open_orders: u32,
    state: AccountState,
    reserved: [u8; 3],
}

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct BalanceImage {
    asset: AssetId,
    account: AccountId,
    free: Money,
    reserved: Money,
}

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TradeImage {
    instrument: InstrumentId,
    base: AssetId,
    quote: AssetId,
    taker: AccountId,
    maker: AccountId,
    taker_fee_ppm: i32,
    maker_fee_ppm: i32,
    taker_side: Side,
    busted: u8,
    reserved: [u8; 2],
    number: u64,
    price: Price,
    qty: Qty,
    original_qty: Qty,
    taker_fee: Money,
    maker_fee: Money,
}

impl Accounts {
    pub(super) fn images(&self) -> impl Iterator<Item = AccountImage> + '_ {
        // The venue's own account is always there.
        (0..).zip(&self.table).skip(1).filter(|(_, account)| account.known).map(
            |(number, account)| AccountImage {
                account: AccountId(number),
                trade_group: account.trade_group,
                max_open_orders: account.max_open_orders,
                state: if account.blocked { AccountState::Blocked } else { AccountState::Active },
                reserved: [0; 3],
            },
        )
    }

    pub(super) fn balance_images(&self) -> impl Iterator<Item = BalanceImage> + '_ {
        (0..).zip(&self.balances).flat_map(|(asset, row)| {
            (0..).zip(row).filter(|(_, balance)| balance.free != 0 || balance.reserved != 0).map(
                move |(account, balance)| BalanceImage {
                    asset: AssetId(asset),
                    account: AccountId(account),
                    free: Money::from_units(balance.free),
                    reserved: Money::from_units(balance.reserved),
                },
            )
        })
    }

    pub(super) fn write(&self, sink: &mut impl Sink) {
        for image in self.images() {
            sink.put(image.as_bytes());
        }
        for image in self.balance_images() {
            sink.put(image.as_bytes());
        }
        for trade in &self.trades {
            let image = TradeImage {
                instrument: trade.instrument,
                base: trade.base,
                quote: trade.quote,
                taker: trade.taker,
                maker: trade.maker,
                taker_fee_ppm: trade.fees_ppm.0,
                maker_fee_ppm: trade.fees_ppm.1,
                taker_side: trade.taker_side,
                busted: u8::from(trade.busted),
                reserved: [0; 2],
                number: trade.number,
                price: trade.price,
                qty: trade.qty,
                original_qty: trade.original_qty,
                taker_fee: trade.taker_fee,
                maker_fee: trade.maker_fee,
            };
            sink.put(image.as_bytes());
        }
        for funding_id in &self.fundings {
            sink.put(&funding_id.to_le_bytes());
        }
    }

    pub(super) fn read(
        &mut self,
        header: &Header,
        reader: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        for _ in 0..header.accounts {
            let image: AccountImage = reader.read("accounts")?;
            if image.account == AccountId::VENUE || image.account.0 >= AccountId::LIMIT {
                return Err(SnapshotError::Contradiction { part: "accounts" });
            }
            self.set_account(&SetAccount {
                account: image.account,
                trade_group: image.trade_group,
                max_open_orders: image.max_open_orders,
                state: image.state,
                reserved: [0; 3],
            });
        }
        for _ in 0..header.balances {
            let image: BalanceImage = reader.read("balances")?;
            if self.balance(image.account, image.asset).is_none() {
                return Err(SnapshotError::Contradiction { part: "balances" });
            }
            let balance = self.balance_mut(image.account, image.asset);
            balance.free = image.free.units();
            balance.reserved = image.reserved.units();
        }
        for _ in 0..header.trades {
            let image: TradeImage = reader.read("trades")?;
            let known = [image.base, image.quote].iter().all(|&asset| self.knows_asset(asset))
                && [image.taker, image.maker].iter().all(|&account| self.knows(account));
            if !known {
                return Err(SnapshotError::Contradiction { part: "trades" });
            }
            self.trades.push_back(TradeRecord {
                instrument: image.instrument,
                base: image.base,
                quote: image.quote,
                number: image.number,
                price: image.price,
                qty: image.qty,
                original_qty: image.original_qty,
                taker: image.taker,
                maker: image.maker,
                taker_side: image.taker_side,
                busted: image.busted == 1,
                fees_ppm: (image.taker_fee_ppm, image.maker_fee_ppm),
                taker_fee: image.taker_fee,
                maker_fee: image.maker_fee,
            });
        }
        for _ in 0..header.fundings {
            self.fundings.insert(reader.read("funding ids")?);
        }
        self.forgotten_funding = header.forgotten_funding;
        Ok(())
    }
}
