//! After warm-up, decoding a session and keeping its book allocate nothing.

use tiercel_book::l2::{Synchroniser, TickerAgreement, TradeContinuity};
use tiercel_testkit::counting_allocator::{allocations, alone};
use tiercel_testkit::random::Random;
use tiercel_wire::binance::Message;
use tiercel_wire::binance::capture::CaptureReader;

/// One side of a message: levels at random places below or above 10,000.
fn levels(random: &mut Random, count: u64, above: bool) -> String {
    let mut prices: Vec<_> = (0..count).map(|_| 1 + random.below(3_000)).collect();
    prices.sort_unstable();
    prices.dedup();
    let pair = |distance: &u64| {
        let price = if above { 10_000 + distance } else { 10_000 - distance };
        format!(r#"["{price}.00000000","{}.00000000"]"#, random.below(3))
    };
    prices.iter().map(pair).collect::<Vec<_>>().join(",")
}

/// A made-up session with each kind of message, now and then a gap, and later a new snapshot.
fn session(random: &mut Random) -> Vec<String> {
    let mut lines = Vec::new();
    let mut update = 100;
    for step in 0..4_000 {
        let (bids, asks) = (levels(random, 20, false), levels(random, 20, true));
        let message = match step % 10 {
            0 if step % 500 == 0 => {
                let (bids, asks) = (levels(random, 1_000, false), levels(random, 1_000, true));
                format!(r#"{{"lastUpdateId":{update},"bids":[{bids}],"asks":[{asks}]}}"#)
            }
            1 => format!(
                r#"{{"u":{update},"s":"X","b":"1.00000000","B":"1.00000000","a":"2.00000000","A":"1.00000000"}}"#
            ),
            2 => format!(
                r#"{{"e":"trade","E":1,"s":"X","t":{step},"p":"1.00000000","q":"1.00000000","T":1,"m":true,"M":true}}"#
            ),
            place => {
                let first = update + 1 + u64::from(step % 400 == 3);
                update = first + random.below(9);
                // Some in another order of fields: the general path allocates nothing either.
                let (head, tail) = (
                    r#""e":"depthUpdate","E":1,"s":"X""#,
                    format!(r#""U":{first},"u":{update},"b":[{bids}],"a":[{asks}]"#),
                );
                if place == 5 { format!("{{{tail},{head}}}") } else { format!("{{{head},{tail}}}") }
            }
        };
        lines.push(format!("{step} {message}\n"));
    }
    lines
}

#[test]
fn decoding_and_synchronising_allocate_nothing_after_warm_up() {
    alone("it::l2_allocation::decoding_and_synchronising_allocate_nothing_after_warm_up", || {
        let lines = session(&mut Random::new(1));
        let mut reader = CaptureReader::default();
        let mut synchroniser = Synchroniser::default();
        let mut agreement = TickerAgreement::default();
        let mut trades = TradeContinuity::default();
        let mut levels_sum = 0;
        let count = allocations(|| {
            for line in &lines {
                match reader.read(line.as_bytes()).unwrap().decoded.message {
                    Message::Depth(update) => {
                        // Gaps are part of the session.
                        let _outcome = synchroniser.on_diff(&update.diff);
                    }
                    Message::Snapshot(snapshot) => {
                        synchroniser.on_snapshot(&snapshot).unwrap();
                    }
                    Message::BookTicker(ticker) => agreement.on_ticker(&ticker.best),
                    Message::Trade(trade) => {
                        trades.on_trade(trade.trade.trade_id);
                    }
                    Message::AggregateTrade(_) => {}
                }
                if let Some(book) = synchroniser.book() {
                    agreement.on_book(&book.best());
                    levels_sum += book.levels(tiercel_types::Side::Buy).take(20).count();
                    levels_sum += usize::from(book.checksum(10) == 0);
                }
            }
        });
        let counts = synchroniser.counts();
        assert!(counts.gaps > 2 && counts.snapshots_adopted > 2, "{counts:?}");
        assert!(counts.diffs_applied > 800 && levels_sum > 20_000, "{counts:?} {levels_sum}");
        assert_eq!(count, 0);
    });
}
