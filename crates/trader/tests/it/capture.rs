//! A recorded session of Binance through feed, book and strategy.

use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use tiercel_book::l2::TickerAgreement;
use tiercel_strategy::Strategy;
use tiercel_testkit::data;
use tiercel_trader::feed::take_snapshot;
use tiercel_types::Timestamp;
use tiercel_wire::binance::{Decoder, Message};

use crate::it::binance::{BTCUSDT, START, core_of, feed, frame, handover, terms};

const DESK: tiercel_execution::venue::VenueId = tiercel_execution::venue::VenueId(0);

/// What a run decided, and how its book compared with the venue's best prices.
#[derive(Default)]
struct Run {
    requests: Vec<String>,
    agreement: TickerAgreement,
    books: u64,
    trades: u64,
}

fn market_maker() -> Box<dyn Strategy> {
    let parameters = "qty = \"0.01\"\ninventory_max = \"1\"\nspread_max_ticks = 100000\n";
    tiercel_strategy::build("market_maker", &parameters.parse().unwrap(), &[terms()]).unwrap()
}

fn run(path: &std::path::Path) -> Run {
    let mut core = core_of(market_maker());
    core.venue_up(START, DESK);
    let (mut feed, mut decoder, mut run) = (feed(), Decoder::default(), Run::default());
    feed.connected(START, handover(), &mut core).unwrap();
    let lines = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines();
    for line in lines {
        let line = line.unwrap();
        let (time, text) = line.split_once(' ').unwrap();
        let now = Timestamp(time.parse().unwrap());
        let message = decoder.decode(text.as_bytes()).unwrap().message;
        if let Message::Snapshot(snapshot) = message {
            take_snapshot(now, BTCUSDT, &snapshot, &mut core);
        } else {
            let bytes = frame(text);
            assert_eq!(feed.received(now, &bytes, &mut core), Ok(bytes.len()));
        }
        let book = core.market(BTCUSDT).unwrap().book.levels();
        match (message, book) {
            (Message::BookTicker(ticker), _) => run.agreement.on_ticker(&ticker.best),
            (Message::Depth(_) | Message::Snapshot(_), Some(book)) => {
                run.agreement.on_book(&book.best());
            }
            _ => {}
        }
        core.tick(now);
        core.take_requests(now, |_, request| run.requests.push(format!("{request:?}")));
    }
    (run.books, run.trades) = (core.counts().books, core.counts().trades);
    run
}

#[test]
fn the_book_agrees_with_the_best_prices_and_decisions_are_the_same_twice() {
    let Some(path) = data::path("binance/spot_btcusdt_20240808.jsonl.gz") else { return };
    let (one, again) = (run(&path), run(&path));
    assert!(!one.requests.is_empty() && one.books > 1_000 && one.trades > 1_000);
    assert_eq!(one.requests, again.requests);
    let (compared, agreed) = (one.agreement.compared(), one.agreement.agreed());
    // A state that lasted for one update may have no ticker.
    assert!(compared > 500 && agreed * 100 >= compared * 99, "{agreed} of {compared}");
}
