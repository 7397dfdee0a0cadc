//! Recorded Binance sessions.

use std::fs::File;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::data;

/// A real session of six minutes: one REST depth snapshot, depth diffs, book tickers and trades.
const BTCUSDT: &str = "binance/spot_btcusdt_20240808.jsonl.gz";

/// The unpacked lines of a real session; none where there is no data (see [`data::path`]).
///
/// # Panics
/// As [`data::path`], and when the file cannot be read or unpacked.
pub fn btcusdt() -> Option<Vec<u8>> {
    let file = File::open(data::path(BTCUSDT)?).expect("the capture cannot be opened");
    let mut bytes = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut bytes).expect("the capture is no gzip stream");
    Some(bytes)
}
