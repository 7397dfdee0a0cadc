//! Signals whose state is kept and taken up again, and the z-score against its definition.

use proptest::prelude::*;
use tiercel_book::signal::{Quote, Volatility, Vpin, ZScore};
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

fn quote(bid: i64, spread: i64) -> Quote {
    let level = |units| Level { price: Price::from_units(units), qty: Qty::from_units(1_000_000) };
    Quote::new(level(bid), level(bid.saturating_add(spread))).unwrap()
}

/// What an event is to each of the signals.
#[derive(Clone, Copy, Debug)]
struct Event {
    time: Timestamp,
    bid: i64,
    spread: i64,
    side: Side,
    qty: u64,
}

fn event() -> impl Strategy<Value = Event> {
    let time = prop_oneof![6 => 0_u64..500, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    let bid = prop_oneof![8 => 9_000_i64..9_100, 1 => any::<i64>(), 1 => Just(i64::MIN)];
    let qty = prop_oneof![8 => 0_u64..100, 1 => any::<u64>()];
    (time, bid, 1_i64..9, any::<bool>(), qty).prop_map(|(time, bid, spread, buys, qty)| Event {
        time: Timestamp(time),
        bid: bid.min(i64::MAX - spread),
        spread,
        side: if buys { Side::Buy } else { Side::Sell },
        qty,
    })
}

/// The three signals that strategies keep.
#[derive(Clone)]
struct Signals {
    volatility: Volatility,
    vpin: Vpin,
    z_score: ZScore,
}

impl Signals {
    fn new() -> Self {
        Self {
            volatility: Volatility::new(10, 5).unwrap(),
            vpin: Vpin::new(Qty::from_units(30), 4).unwrap(),
            z_score: ZScore::new(7, 6).unwrap(),
        }
    }

    fn take(&mut self, event: &Event) -> [Option<u64>; 3] {
        let quote = quote(event.bid, event.spread);
        self.volatility.on_price(event.time, quote.mid());
        self.vpin.on_trade(event.side, Qty::from_units(event.qty));
        let z = self.z_score.value(&quote);
        self.z_score.on_quote(event.time, &quote);
        [self.volatility.value(), self.vpin.value(), z].map(|value| value.map(f64::to_bits))
    }

    fn words(&self) -> Vec<u64> {
        let mut words = Vec::new();
        let mut out = |word| words.push(word);
        self.volatility.save(&mut out);
        self.vpin.save(&mut out);
        self.z_score.save(&mut out);
        words
    }

    /// Taken up; none where it is no state.
    fn restored(words: &[u64]) -> Option<Self> {
        let mut signals = Self::new();
        let mut words = words.iter().copied();
        signals.volatility.restore(&mut words).ok()?;
        signals.vpin.restore(&mut words).ok()?;
        signals.z_score.restore(&mut words).ok()?;
        words.next().is_none().then_some(signals)
    }
}

/// From one event to the next: mostly within two intervals, now and then about as long as a window, or longer.
fn steps() -> impl proptest::strategy::Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..25, 1 => 45_u64..75]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_restored_goes_on_as_what_was_saved(
        events in prop::collection::vec(event(), 1..60),
        at in any::<prop::sample::Index>(),
    ) {
        let mut signals = Signals::new();
        let length = signals.words().len();
        let at = at.index(events.len());
        for event in &events[..at] {
            signals.take(event);
        }
        let words = signals.words();
        prop_assert_eq!(words.len(), length, "as many words each time");
        let mut restored = Signals::restored(&words).unwrap();
        for event in &events[at..] {
            prop_assert_eq!(restored.take(event), signals.take(event));
        }
        prop_assert_eq!(restored.words(), signals.words());
    }

    /// Whatever is changed in it, it is refused, or it is a state with which nothing panics.
    #[test]
    fn damaged_words_are_refused_or_harmless(
        events in prop::collection::vec(event(), 1..60),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 1..3),
    ) {
        let mut signals = Signals::new();
        for event in &events {
            signals.take(event);
        }
        let mut words = signals.words();
        for (at, word) in damage {
            let at = at.index(words.len());
            words[at] = word;
        }
        if let Some(mut restored) = Signals::restored(&words) {
            for event in &events {
                restored.take(event);
            }
        }
    }

    #[test]
    fn the_z_score_is_that_of_its_definition(
        mids in prop::collection::vec((steps(), 9_000_i64..9_050), 1..80),
    ) {
        let (interval_ns, samples) = (10, 5);
        let mut z_score = ZScore::new(interval_ns, samples).unwrap();
        // The last mid of each interval, silent ones with the one before, behind the last silence of a whole window.
        let mut closes: Vec<f64> = Vec::new();
        let (mut time, mut last): (u64, Option<(u64, f64)>) = (0, None);
        for (step, bid) in mids {
            time += step;
            let quote = quote(bid, 2);
            if let Some((number, mid)) = last {
                let ended = number..time / interval_ns;
                if ended.clone().count() > samples as usize {
                    closes.clear();
                } else {
                    closes.extend(ended.map(|_| mid));
                }
            }
            z_score.on_quote(Timestamp(time), &quote);
            last = Some((time / interval_ns, quote.mid()));
            let newest = &closes[closes.len().saturating_sub(samples as usize)..];
            let count = newest.len() as f64;
            let mean = newest.iter().sum::<f64>() / count;
            let squares: f64 = newest.iter().map(|mid| (mid - mean).powi(2)).sum();
            let deviation = (squares / (count - 1.0)).sqrt();
            let is_there = newest.len() == samples as usize && deviation > 0.0;
            let expected = is_there.then(|| (quote.mid() - mean) / deviation);
            match (z_score.value(&quote), expected) {
                (Some(z), Some(expected)) => prop_assert!((z - expected).abs() < 1e-9),
                (z, expected) => prop_assert_eq!(z, expected),
            }
        }
    }
}

#[test]
fn another_interval_or_bucket_is_another_state() {
    let mut words = Vec::new();
    Volatility::new(10, 5).unwrap().save(&mut |word| words.push(word));
    let restored = Volatility::new(11, 5).unwrap().restore(&mut words.iter().copied());
    assert_eq!(restored.unwrap_err().field, "length of an interval");
    words.clear();
    Vpin::new(Qty::from_units(10), 3).unwrap().save(&mut |word| words.push(word));
    let restored = Vpin::new(Qty::from_units(11), 3).unwrap().restore(&mut words.iter().copied());
    assert_eq!(restored.unwrap_err().field, "bucket's quantity");
}

#[test]
fn a_z_score_by_hand() {
    let mut z_score = ZScore::new(10, 3).unwrap();
    // Mids of 101, 103, 105: mean 103, deviation 2.
    for (time, bid) in [(0, 100), (10, 102), (20, 104)] {
        z_score.on_quote(Timestamp(time), &quote(bid, 2));
        assert_eq!(z_score.value(&quote(bid, 2)), None);
    }
    z_score.on_quote(Timestamp(30), &quote(106, 2));
    assert_eq!(z_score.value(&quote(106, 2)), Some(2.0)); // (107 - 103) / 2
    assert_eq!(z_score.value(&quote(99, 2)), Some(-1.5)); // (100 - 103) / 2
    // Behind a silence of three intervals there is nothing to compare with, however far the mid has gone.
    for (time, bid) in [(70, 200), (80, 202), (90, 204)] {
        z_score.on_quote(Timestamp(time), &quote(bid, 2));
        assert_eq!(z_score.value(&quote(bid, 2)), None);
    }
    z_score.on_quote(Timestamp(100), &quote(206, 2));
    assert_eq!(z_score.value(&quote(206, 2)), Some(2.0));
}
