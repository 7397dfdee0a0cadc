//! A real session of Binance, end to end: decoded, synchronised, and compared with the venue's
//! own ticker.

use tiercel_book::l2::{State, Synchroniser, TickerAgreement, TradeContinuity};
use tiercel_testkit::binance_capture;
use tiercel_wire::binance::Message;
use tiercel_wire::binance::capture::CaptureReader;

#[test]
fn a_real_session_rebuilds_without_gap_and_agrees_with_the_ticker() {
    let Some(bytes) = binance_capture::btcusdt() else { return };
    let mut reader = CaptureReader::default();
    let mut synchroniser = Synchroniser::default();
    let mut agreement = TickerAgreement::default();
    let mut trades = TradeContinuity::default();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match reader.read(line).unwrap().decoded.message {
            Message::Depth(update) => {
                synchroniser.on_diff(&update.diff).unwrap();
            }
            Message::Snapshot(snapshot) => {
                synchroniser.on_snapshot(&snapshot).unwrap();
            }
            Message::BookTicker(ticker) => {
                agreement.on_ticker(&ticker.best);
                continue;
            }
            Message::Trade(trade) => {
                trades.on_trade(trade.trade.trade_id);
                continue;
            }
            Message::AggregateTrade(_) => panic!("there are none in this capture"),
        }
        if let Some(book) = synchroniser.book() {
            agreement.on_book(&book.best());
        }
    }
    agreement.finish();
    assert_eq!(synchroniser.state(), State::Synchronised);
    // The snapshot stands behind the third diff of the file and reaches into it: two are older.
    let counts = synchroniser.counts();
    assert_eq!((counts.diffs_applied, counts.diffs_stale, counts.gaps), (3_449, 2, 0));
    assert_eq!(counts.other_anomalies, 0);
    assert_eq!((trades.trades(), trades.gaps(), trades.repeated()), (9_757, 0, 0));
    // The ticker may skip a state that lasts for one update. No depth event of this session ends
    // in such a state: each of the 3,449 books agrees, in both prices and both quantities.
    assert_eq!(agreement.last_disagreement(), None);
    assert_eq!((agreement.compared(), agreement.agreed()), (3_449, 3_449));
    assert_eq!(agreement.not_compared(), 0);
}
