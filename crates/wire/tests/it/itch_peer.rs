//! The digests of messages as the crate `itchy` reads them, by the definition of
//! [`Checksum`](tiercel_wire::itch::Checksum).
//!
//! `itchy` turns codes into enums, which this turns back into their bytes. It knows neither the
//! operational halt nor the direct listing, and gives the ETP flag `M` as `Y`.

use itchy::{Body, MessageStream};
use tiercel_wire::itch::{Checksum, Kind};

/// Whether `itchy` reads this type.
pub(crate) fn knows(kind: Kind) -> bool {
    !matches!(kind, Kind::OperationalHalt | Kind::DirectListingWithCapitalRaise)
}

/// The checksum over a stream of frames that holds only what `itchy` knows.
pub(crate) fn checksum(bytes: &[u8]) -> Checksum {
    let mut checksum = Checksum::default();
    for message in MessageStream::from_reader(bytes) {
        checksum.add_digest(digest(&message.expect("itchy reads what is valid")));
    }
    checksum
}

/// The fields of one message, in the order of the wire.
struct Fields {
    sum: u64,
    turn: u32,
}

impl Fields {
    fn take(&mut self, bits: impl Into<u64>) -> &mut Self {
        self.sum = self.sum.wrapping_add(bits.into().rotate_left(7 * self.turn));
        self.turn += 1;
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        let bits = text.bytes().fold(0, |bits, byte| (bits << 8) | u64::from(byte));
        self.take(bits)
    }

    fn flag(&mut self, flag: bool) -> &mut Self {
        self.take(if flag { b'Y' } else { b'N' })
    }

    fn maybe(&mut self, flag: Option<bool>) -> &mut Self {
        match flag {
            Some(flag) => self.flag(flag),
            None => self.take(b' '),
        }
    }
}

fn side(side: itchy::Side) -> u8 {
    match side {
        itchy::Side::Buy => b'B',
        itchy::Side::Sell => b'S',
    }
}

fn digest(message: &itchy::Message) -> u64 {
    let mut fields = Fields { sum: 0, turn: 0 };
    fields.take(message.tag).take(message.stock_locate).take(message.tracking_number);
    fields.take(message.timestamp);
    order_message(&message.body, &mut fields);
    fields.sum
}

/// Orders and trades; everything else goes on to the next.
fn order_message(body: &Body, fields: &mut Fields) {
    match body {
        Body::AddOrder(m) => {
            fields.take(m.reference).take(side(m.side)).take(m.shares).text(&m.stock);
            fields.take(m.price.raw());
            if let Some(mpid) = &m.mpid {
                fields.text(mpid);
            }
        }
        Body::OrderExecuted { reference, executed, match_number } => {
            fields.take(*reference).take(*executed).take(*match_number);
        }
        Body::OrderExecutedWithPrice { reference, executed, match_number, printable, price } => {
            fields.take(*reference).take(*executed).take(*match_number);
            fields.flag(*printable).take(price.raw());
        }
        Body::OrderCancelled { reference, cancelled } => {
            fields.take(*reference).take(*cancelled);
        }
        Body::DeleteOrder { reference } => {
            fields.take(*reference);
        }
        Body::ReplaceOrder(m) => {
            fields.take(m.old_reference).take(m.new_reference).take(m.shares).take(m.price.raw());
        }
        Body::NonCrossTrade(m) => {
            fields.take(m.reference).take(side(m.side)).take(m.shares).text(&m.stock);
            fields.take(m.price.raw()).take(m.match_number);
        }
        Body::CrossTrade(m) => {
            fields.take(m.shares).text(&m.stock).take(m.cross_price.raw()).take(m.match_number);
            fields.take(cross(m.cross_type));
        }
        Body::BrokenTrade { match_number } => {
            fields.take(*match_number);
        }
        other => auction_message(other, fields),
    }
}

fn cross(cross: itchy::CrossType) -> u8 {
    match cross {
        itchy::CrossType::Opening => b'O',
        itchy::CrossType::Closing => b'C',
        itchy::CrossType::IpoOrHalted => b'H',
        itchy::CrossType::Intraday => b'I',
        itchy::CrossType::ExtendedTradingClose => b'A',
    }
}

fn auction_message(body: &Body, fields: &mut Fields) {
    match body {
        Body::Imbalance(m) => {
            fields.take(m.paired_shares).take(m.imbalance_shares);
            fields.take(match m.imbalance_direction {
                itchy::ImbalanceDirection::Buy => b'B',
                itchy::ImbalanceDirection::Sell => b'S',
                itchy::ImbalanceDirection::NoImbalance => b'N',
                itchy::ImbalanceDirection::InsufficientOrders => b'O',
            });
            fields.text(&m.stock).take(m.far_price.raw()).take(m.near_price.raw());
            fields.take(m.current_ref_price.raw()).take(cross(m.cross_type));
            fields.take(u64::from(u32::from(m.price_variation_indicator)));
        }
        Body::IpoQuotingPeriod(m) => {
            fields.text(&m.stock).take(m.release_time);
            fields.take(match m.release_qualifier {
                itchy::IpoReleaseQualifier::Anticipated => b'A',
                itchy::IpoReleaseQualifier::Cancelled => b'C',
            });
            fields.take(m.price.raw());
        }
        Body::LULDAuctionCollar { stock, ref_price, upper_price, lower_price, extension } => {
            fields.text(stock).take(ref_price.raw()).take(upper_price.raw());
            fields.take(lower_price.raw()).take(*extension);
        }
        Body::MwcbDeclineLevel { level1, level2, level3 } => {
            fields.take(level1.raw()).take(level2.raw()).take(level3.raw());
        }
        Body::Breach(level) => {
            fields.take(match level {
                itchy::LevelBreached::L1 => b'1',
                itchy::LevelBreached::L2 => b'2',
                itchy::LevelBreached::L3 => b'3',
            });
        }
        Body::RetailPriceImprovementIndicator(m) => {
            fields.text(&m.stock).take(match m.interest_flag {
                itchy::InterestFlag::RPIAvailableBuySide => b'B',
                itchy::InterestFlag::RPIAvailableSellSide => b'S',
                itchy::InterestFlag::RPIAvailableBothSides => b'A',
                itchy::InterestFlag::RPINoneAvailable => b'N',
            });
        }
        other => state_message(other, fields),
    }
}

fn state_message(body: &Body, fields: &mut Fields) {
    match body {
        Body::SystemEvent { event } => {
            fields.take(match event {
                itchy::EventCode::StartOfMessages => b'O',
                itchy::EventCode::StartOfSystemHours => b'S',
                itchy::EventCode::StartOfMarketHours => b'Q',
                itchy::EventCode::EndOfMarketHours => b'M',
                itchy::EventCode::EndOfSystemHours => b'E',
                itchy::EventCode::EndOfMessages => b'C',
            });
        }
        Body::TradingAction { stock, trading_state, reason } => {
            fields.text(stock).take(match trading_state {
                itchy::TradingState::Halted => b'H',
                itchy::TradingState::Paused => b'P',
                itchy::TradingState::QuotationOnly => b'Q',
                itchy::TradingState::Trading => b'T',
            });
            // The reserved byte, which counts as 0.
            fields.take(0_u8).text(reason);
        }
        Body::RegShoRestriction { stock, action } => {
            fields.text(stock).take(match action {
                itchy::RegShoAction::None => b'0',
                itchy::RegShoAction::Intraday => b'1',
                itchy::RegShoAction::Extant => b'2',
            });
        }
        Body::ParticipantPosition(m) => {
            fields.text(&m.mpid).text(&m.stock).flag(m.primary_market_maker);
            fields.take(match m.market_maker_mode {
                itchy::MarketMakerMode::Normal => b'N',
                itchy::MarketMakerMode::Passive => b'P',
                itchy::MarketMakerMode::Syndicate => b'S',
                itchy::MarketMakerMode::Presyndicate => b'R',
                itchy::MarketMakerMode::Penalty => b'L',
            });
            fields.take(match m.market_participant_state {
                itchy::MarketParticipantState::Active => b'A',
                itchy::MarketParticipantState::Excused => b'E',
                itchy::MarketParticipantState::Withdrawn => b'W',
                itchy::MarketParticipantState::Suspended => b'S',
                itchy::MarketParticipantState::Deleted => b'D',
            });
        }
        Body::StockDirectory(m) => directory(m, fields),
        other => panic!("not taken: {other:?}"),
    }
}

fn directory(m: &itchy::StockDirectory, fields: &mut Fields) {
    use itchy::{FinancialStatus, MarketCategory};
    fields.text(&m.stock);
    fields.take(match m.market_category {
        MarketCategory::NasdaqGlobalSelect => b'Q',
        MarketCategory::NasdaqGlobalMarket => b'G',
        MarketCategory::NasdaqCapitalMarket => b'S',
        MarketCategory::Nyse => b'N',
        MarketCategory::NyseMkt => b'A',
        MarketCategory::NyseArca => b'P',
        MarketCategory::BatsZExchange => b'Z',
        MarketCategory::InvestorsExchange => b'V',
        MarketCategory::Unavailable => b' ',
    });
    fields.take(match m.financial_status {
        FinancialStatus::Normal => b'N',
        FinancialStatus::Deficient => b'D',
        FinancialStatus::Delinquent => b'E',
        FinancialStatus::Bankrupt => b'Q',
        FinancialStatus::Suspended => b'S',
        FinancialStatus::DeficientBankrupt => b'G',
        FinancialStatus::DeficientDelinquent => b'H',
        FinancialStatus::DelinquentBankrupt => b'J',
        FinancialStatus::DeficientDelinquentBankrupt => b'K',
        FinancialStatus::EtpSuspended => b'C',
        FinancialStatus::Unavailable => b' ',
    });
    fields.take(m.round_lot_size).flag(m.round_lots_only);
    fields.take(classification(m.issue_classification)).text(sub_type(m.issue_subtype));
    fields.take(if m.authenticity { b'P' } else { b'T' });
    fields.maybe(m.short_sale_threshold).maybe(m.ipo_flag);
    fields.take(match m.luld_ref_price_tier {
        itchy::LuldRefPriceTier::Tier1 => b'1',
        itchy::LuldRefPriceTier::Tier2 => b'2',
        itchy::LuldRefPriceTier::Na => b' ',
    });
    fields.maybe(m.etp_flag).take(m.etp_leverage_factor).flag(m.inverse_indicator);
}

fn classification(class: itchy::IssueClassification) -> u8 {
    use itchy::IssueClassification as Class;
    match class {
        Class::AmericanDepositaryShare => b'A',
        Class::Bond => b'B',
        Class::CommonStock => b'C',
        Class::DepositoryReceipt => b'F',
        Class::A144 => b'I',
        Class::LimitedPartnership => b'L',
        Class::Notes => b'N',
        Class::OrdinaryShare => b'O',
        Class::PreferredStock => b'P',
        Class::OtherSecurities => b'Q',
        Class::Right => b'R',
        Class::SharesOfBeneficialInterest => b'S',
        Class::ConvertibleDebenture => b'T',
        Class::Unit => b'U',
        Class::UnitsPerBenifInt => b'V',
        Class::Warrant => b'W',
    }
}

/// Those that the generated messages and the sample use.
fn sub_type(kind: itchy::IssueSubType) -> &'static str {
    use itchy::IssueSubType as Sub;
    match kind {
        Sub::PreferredTrustSecurities => "A ",
        Sub::AlphaIndexETNs => "AI",
        Sub::CommonShares => "C ",
        Sub::ExchangeTradedManagedFunds => "EM",
        Sub::PoisonPill => "PP",
        Sub::SpotRateIntraday => "SI",
        Sub::WorldCurrencyOption => "WC",
        Sub::NotApplicable => "Z ",
        other => panic!("not in the test's messages: {other:?}"),
    }
}
