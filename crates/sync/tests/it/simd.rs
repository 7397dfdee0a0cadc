//! Every width finds what the plainest code finds.

use proptest::prelude::*;
use tiercel_sync::simd::{Best, PriceCheck, Width, highest, highest_live, lowest, lowest_live};

/// The plainest code: sort by price, then by place.
fn plain(prices: &[i64], live: impl Fn(usize) -> bool, lowest: bool) -> Option<Best> {
    let mut sorted: Vec<(i128, usize)> = (0..prices.len())
        .filter(|&index| live(index))
        .map(|index| (i128::from(prices[index]) * if lowest { 1 } else { -1 }, index))
        .collect();
    sorted.sort_unstable();
    sorted.first().map(|&(_, index)| Best { index, price: prices[index] })
}

/// Prices of a book, and those at the ends of the range; few of them, so that some are equal.
fn price() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -20_i64..20,
        1 => any::<i64>(),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MIN + 1), Just(i64::MAX)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_best_price_is_the_same_in_every_width(
        levels in prop::collection::vec((price(), prop_oneof![Just(0), any::<u64>()]), 0..100),
    ) {
        let (prices, quantities): (Vec<i64>, Vec<u64>) = levels.into_iter().unzip();
        let (all, live) = (|_| true, |index: usize| quantities[index] != 0);
        for width in Width::ALL {
            prop_assert_eq!(width.highest(&prices), plain(&prices, all, false), "{:?}", width);
            prop_assert_eq!(width.lowest(&prices), plain(&prices, all, true), "{:?}", width);
            let found = width.highest_live(&prices, &quantities);
            prop_assert_eq!(found, plain(&prices, live, false), "{:?}", width);
            let found = width.lowest_live(&prices, &quantities);
            prop_assert_eq!(found, plain(&prices, live, true), "{:?}", width);
        }
        prop_assert_eq!(highest(&prices), plain(&prices, all, false));
        prop_assert_eq!(lowest(&prices), plain(&prices, all, true));
        prop_assert_eq!(highest_live(&prices, &quantities), plain(&prices, live, false));
        prop_assert_eq!(lowest_live(&prices, &quantities), plain(&prices, live, true));
    }

    #[test]
    fn a_price_check_is_the_same_in_every_width(
        (low, high) in prop_oneof![(-300_i64..0, 0_i64..300), (any::<i64>(), any::<i64>())],
        tick in prop_oneof![1_i64..20, 1..=i64::MAX, (0_u32..63).prop_map(|shift| 1 << shift)],
        prices in prop::collection::vec(prop_oneof![3 => -320_i64..320, 1 => price()], 0..200),
        multiples in prop::collection::vec(any::<i32>(), 0..20),
    ) {
        let mut prices = prices;
        prices.extend(multiples.iter().map(|&times| tick.wrapping_mul(i64::from(times))));
        let good = |price: i64| low <= price && price <= high && price % tick == 0;
        let Ok(check) = PriceCheck::new(low, high, tick) else {
            prop_assert!(!prices.iter().any(|&price| good(price)));
            prop_assert!(low > high || (tick > 1 && high.abs_diff(low) < tick as u64));
            return Ok(());
        };
        let passed = prices.iter().filter(|&&price| good(price)).count();
        for width in Width::ALL {
            let mut mask = vec![u64::MAX; prices.len().div_ceil(64) + 1];
            prop_assert_eq!(check.mask_in(width, &prices, &mut mask), passed);
            for bit in 0..mask.len() * 64 {
                let set = mask[bit / 64] >> (bit % 64) & 1 == 1;
                let wanted = prices.get(bit).is_some_and(|&price| good(price));
                prop_assert_eq!(set, wanted, "{:?}, price {:?}", width, prices.get(bit));
            }
        }
        prop_assert!(prices.iter().all(|&price| check.accepts(price) == good(price)));
    }
}

#[test]
fn this_machine_runs_what_it_says() {
    assert!(Width::Scalar.is_available() && Width::widest().is_available());
    let wider: Vec<Width> = Width::ALL.into_iter().filter(|width| width.is_available()).collect();
    eprintln!("compared here: {wider:?}");
    assert_eq!(wider.last(), Some(&Width::widest()));
    assert!((0..100).all(|count| Width::for_prices(count).is_available()));
    assert_eq!(Width::for_prices(100), Width::widest());
}

#[test]
#[should_panic(expected = "a quantity for each price")]
fn a_quantity_is_needed_for_each_price() {
    highest_live(&[1, 2], &[1]);
}

#[test]
#[should_panic(expected = "65 prices, 1 words of bits")]
fn a_mask_with_too_few_bits_is_refused() {
    PriceCheck::new(0, 1, 1).unwrap().mask(&[0; 65], &mut [0]);
}
