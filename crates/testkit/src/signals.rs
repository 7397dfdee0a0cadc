//! Signals as plainly as can be: each is computed anew from all that ever happened. The judge of the
//! incremental ones.

use std::collections::BTreeMap;

use tiercel_book::signal::{BulkParameters, Grid, Quote, Window};
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

/// Something that happened at a time.
pub type At<T> = (Timestamp, T);

/// The times of a history, each at least that before it: a time that goes back counts as the newest
/// one seen.
fn never_back<T: Clone>(history: &[At<T>]) -> Vec<(u64, T)> {
    let mut newest = 0;
    let forward = history.iter().map(|(time, what)| {
        newest = time.0.max(newest);
        (newest, what.clone())
    });
    forward.collect()
}

/// What is left of a history in a window, as of `now`.
pub fn in_window<T: Clone>(history: &[At<T>], now: Timestamp, window: Window) -> Vec<T> {
    let history = never_back(history);
    match window {
        Window::Events(events) => {
            let first = history.len().saturating_sub(events as usize);
            history[first..].iter().map(|(_, what)| what.clone()).collect()
        }
        Window::Time { width_ns, slots } => {
            let slot = |time: u64| u128::from(time) * u128::from(slots) / u128::from(width_ns);
            let newest = history.last().map_or(now.0, |&(time, _)| now.0.max(time));
            let inside = |time: u64| slot(time) + u128::from(slots) > slot(newest);
            history.into_iter().filter(|&(time, _)| inside(time)).map(|(_, what)| what).collect()
        }
    }
}

/// The top of a book: best bid and ask, with quantity zero where a side is empty.
pub type Top = (Level, Level);

/// The order-flow imbalance between one top and the next, by the four terms of its definition.
pub fn order_flow(before: &Top, after: &Top) -> i128 {
    // An empty side has the worst price there is.
    let bid = |top: &Top| if top.0.qty.is_zero() { i64::MIN } else { top.0.price.units() };
    let ask = |top: &Top| if top.1.qty.is_zero() { i64::MAX } else { top.1.price.units() };
    let qty = |level: &Level| i128::from(level.qty.units());
    let one_if = i128::from;
    one_if(bid(after) >= bid(before)) * qty(&after.0)
        - one_if(bid(after) <= bid(before)) * qty(&before.0)
        - one_if(ask(after) <= ask(before)) * qty(&after.1)
        + one_if(ask(after) >= ask(before)) * qty(&before.1)
}

/// The sum of the order-flow imbalances within a window.
pub fn order_flow_sum(history: &[At<Top>], window: Window) -> i128 {
    let now = history.iter().map(|(time, _)| *time).max().unwrap_or(Timestamp(0));
    let events: Vec<At<i128>> = history
        .windows(2)
        .enumerate()
        .map(|(at, pair)| {
            // The first top is no event, but its time was seen.
            let time = history[..at + 2].iter().map(|(time, _)| *time).max();
            (time.unwrap_or(now), order_flow(&pair[0].1, &pair[1].1))
        })
        .collect();
    in_window(&events, now, window).iter().sum()
}

/// Volume and value within a window, in units of 10^-8 and 10^-16.
pub fn traded(history: &[At<(Price, Qty)>], now: Timestamp, window: Window) -> (u128, i128) {
    in_window(history, now, window).iter().fold((0, 0), |(volume, value), (price, qty)| {
        let worth = i128::from(price.units()) * i128::from(qty.units());
        (volume + u128::from(qty.units()), value + worth)
    })
}

/// VPIN of single units of volume, true where bought: full buckets alone, none before there are
/// enough.
pub fn vpin_of_units(units: &[bool], bucket_qty: usize, buckets: usize) -> Option<f64> {
    let full: Vec<&[bool]> = units.chunks_exact(bucket_qty).collect();
    let newest = full.len().checked_sub(buckets)?;
    let imbalance = |bucket: &&[bool]| {
        let bought = bucket.iter().filter(|&&bought| bought).count();
        bought.abs_diff(bucket.len() - bought)
    };
    let sum: usize = full[newest..].iter().map(imbalance).sum();
    Some(sum as f64 / (buckets * bucket_qty) as f64)
}

/// VPIN of trades whose sides are known, unit by unit: for small quantities.
pub fn vpin(trades: &[(Side, u64)], bucket_qty: usize, buckets: usize) -> Option<f64> {
    let units = |&(side, qty): &(Side, u64)| vec![side == Side::Buy; qty as usize];
    vpin_of_units(&trades.iter().flat_map(units).collect::<Vec<_>>(), bucket_qty, buckets)
}

/// The mean, and the deviation with one less than the number below the line; none of fewer than two.
pub fn deviation(samples: &[f64]) -> Option<f64> {
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    (samples.len() > 1).then(|| (squares / (count - 1.0)).sqrt())
}

/// A bar of trades: its volume, and its last price.
fn bars(history: &[At<(Price, Qty)>], bar_ns: u64) -> BTreeMap<u64, (u64, i64)> {
    let mut bars: BTreeMap<u64, (u64, i64)> = BTreeMap::new();
    for (time, (price, qty)) in never_back(history) {
        let bar = bars.entry(time / bar_ns).or_default();
        *bar = (bar.0 + qty.units(), price.units());
    }
    bars
}

/// How much of each bar that is over was bought, by bulk classification: volume and bought volume.
pub fn bulk_classified(
    history: &[At<(Price, Qty)>],
    bar_ns: u64,
    deviation_bars: usize,
) -> Vec<(u64, u64)> {
    let bars: Vec<(u64, i64)> = bars(history, bar_ns).into_values().collect();
    let over = &bars[..bars.len().saturating_sub(1)];
    let changes: Vec<f64> = over.windows(2).map(|pair| (pair[1].1 - pair[0].1) as f64).collect();
    let share = |at: usize| {
        let Some(last) = at.checked_sub(1) else { return 0.5 };
        let known = &changes[at.saturating_sub(deviation_bars)..at];
        let change = changes[last];
        match deviation(known) {
            Some(sigma) if sigma > 0.0 => {
                0.5 * libm::erfc(-change / (sigma * std::f64::consts::SQRT_2))
            }
            _ if change == 0.0 => 0.5,
            _ => f64::from(change > 0.0),
        }
    };
    let classify = |(at, &(volume, _)): (usize, &(u64, i64))| {
        (volume, (volume as f64 * share(at)).round() as u64)
    };
    over.iter().enumerate().map(classify).collect()
}

/// VPIN by bulk classification, unit by unit: for small quantities. Of a bar's first k units as many
/// were bought as k is its share, rounded down.
pub fn bulk_vpin(history: &[At<(Price, Qty)>], parameters: BulkParameters) -> Option<f64> {
    let BulkParameters { bucket_qty, buckets, bar_ns, deviation_bars } = parameters;
    let units: Vec<bool> = bulk_classified(history, bar_ns, deviation_bars as usize)
        .into_iter()
        .flat_map(|(volume, bought)| {
            (1..=volume).map(move |unit| unit * bought / volume > (unit - 1) * bought / volume)
        })
        .collect();
    vpin_of_units(&units, bucket_qty.units() as usize, buckets as usize)
}

/// The deviation of the returns between the last prices of intervals that are over as of `now`, the
/// newest `samples` of them, behind the last silence of as many intervals.
pub fn volatility(
    history: &[At<f64>],
    now: Timestamp,
    interval_ns: u64,
    samples: usize,
) -> Option<f64> {
    let history = never_back(history);
    let end = history.last()?.0.max(now.0) / interval_ns;
    let number = |at: usize| history.get(at).map_or(end, |(time, _)| time / interval_ns);
    let is_behind_silence = |at: &usize| *at == 0 || number(*at) - number(at - 1) > samples as u64;
    let first = number((0..=history.len()).rev().find(is_behind_silence)?);
    let last_in = |number: u64| {
        let until = history.iter().take_while(|(time, _)| time / interval_ns <= number);
        until.last().map_or(f64::NAN, |&(_, price)| price)
    };
    let prices: Vec<f64> = (first..end).map(last_in).collect();
    let returns: Vec<f64> = prices.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect();
    deviation(&returns[returns.len().saturating_sub(samples)..])
}

/// A step of the micro-price's chain: from a state to a state, and by how much the mid moved.
pub type Step = (usize, usize, f64);

/// The steps between quotes, each as it was and mirrored.
///
/// # Panics
/// When a price is the lowest there is, which has no opposite.
pub fn symmetrised_steps(quotes: &[Quote], grid: &Grid) -> Vec<Step> {
    let mirrored = |quote: &Quote| {
        let turned =
            |level: Level| Level { price: Price::from_units(-level.price.units()), qty: level.qty };
        Quote::new(turned(quote.ask()), turned(quote.bid()))
            .expect("a quote with its sides changed is crossed")
    };
    let step = |from: &Quote, to: &Quote| {
        let moved = (to.mid_doubled() - from.mid_doubled()) as f64 / 2.0;
        (grid.state(from), grid.state(to), moved)
    };
    let both =
        |pair: &[Quote]| [step(&pair[0], &pair[1]), step(&mirrored(&pair[0]), &mirrored(&pair[1]))];
    quotes.windows(2).flat_map(both).collect()
}

/// The micro-price's adjustments by state: each expectation is the mean over the steps, taken again
/// and again until it no longer changes.
pub fn micro_price_adjustments(steps: &[Step], states: usize, terms: usize) -> Vec<f64> {
    let mut sums = vec![0.0; states];
    let mut expected: Option<Vec<f64>> = None;
    for _ in 0..terms {
        let term = next_term(steps, states, expected.as_deref());
        for (sum, part) in sums.iter_mut().zip(&term) {
            *sum += part;
        }
        expected = Some(term);
    }
    sums
}

/// The expected move (or what was expected of the state right behind it) at the next move.
fn next_term(steps: &[Step], states: usize, behind: Option<&[f64]>) -> Vec<f64> {
    let mut term = vec![0.0; states];
    for _ in 0..20_000 {
        let mut sums = vec![(0.0, 0.0_f64); states];
        for &(from, to, moved) in steps {
            let met = match behind {
                _ if moved == 0.0 => term[to],
                None => moved,
                Some(behind) => behind[to],
            };
            sums[from] = (sums[from].0 + met, sums[from].1 + 1.0);
        }
        let next: Vec<f64> = sums.iter().map(|(sum, count)| sum / count.max(1.0)).collect();
        let change = next.iter().zip(&term).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        term = next;
        if change < 1e-9 {
            break;
        }
    }
    term
}
