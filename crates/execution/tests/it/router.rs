//! Plans beside all that one venue alone could do, and beside every unit taken for itself.

use proptest::prelude::*;
use tiercel_execution::router::{FEE_ONE, Offer, Plan, Wish, split, sweep, whole};
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Money, Price, Qty, Side};

/// One venue, with levels of its own.
#[derive(Clone, Debug)]
struct Venue {
    levels: Vec<Level>,
    fee: u32,
    latency_ns: u64,
    lot: u64,
    qty_min: u64,
    qty_max: u64,
    notional_min: i128,
    is_open: bool,
}

impl Venue {
    fn offer(&self) -> Offer<'_> {
        Offer {
            instrument: InstrumentId(0),
            levels: &self.levels,
            fee: self.fee,
            latency_ns: self.latency_ns,
            lot: Qty::from_units(self.lot),
            qty_min: Qty::from_units(self.qty_min),
            qty_max: Qty::from_units(self.qty_max),
            notional_min: Money::from_units(self.notional_min),
            is_open: self.is_open,
        }
    }

    fn takes(&self, price: Price, qty: u64) -> bool {
        qty >= self.qty_min && i128::from(price.units()) * i128::from(qty) >= self.notional_min
    }

    /// How much of so much is there at a limit, what it costs with fees, and the last price.
    fn fill(&self, wish: &Wish, qty: u64, limit: Price) -> (u64, i128, Price) {
        let (mut left, mut cost, mut last) = (qty, 0, Price::ZERO);
        for level in self.levels.iter().filter(|level| is_within(wish.side, level.price, limit)) {
            let more = left.min(level.qty.units());
            if more > 0 {
                cost += self.net(wish.side, level.price) * i128::from(more);
                (left, last) = (left - more, level.price);
            }
        }
        (qty - left, cost, last)
    }

    fn net(&self, side: Side, price: Price) -> i128 {
        let price = i128::from(price.units());
        match side {
            Side::Buy => price * i128::from(FEE_ONE + self.fee),
            Side::Sell => -price * i128::from(FEE_ONE - self.fee),
        }
    }

    /// What it does with all of it alone.
    fn alone(&self, wish: &Wish) -> (u64, i128) {
        let most = wish.qty.units().min(self.qty_max) / self.lot * self.lot;
        let (there, ..) = self.fill(wish, most, wish.limit);
        let (qty, cost, last) = self.fill(wish, there / self.lot * self.lot, wish.limit);
        if self.is_open && self.takes(last, qty) { (qty, cost) } else { (0, 0) }
    }
}

fn is_within(side: Side, price: Price, limit: Price) -> bool {
    match side {
        Side::Buy => price.units() <= limit.units(),
        Side::Sell => price.units() >= limit.units(),
    }
}

fn venue(side: Side) -> impl Strategy<Value = Venue> {
    let level = (1..6_i64, 1..8_u64);
    let terms = (0..3_u32, 0..3_u64, 1..4_u64, 0..7_u64, 1..50_u64, 0..3_i128, 0..5_u8);
    (proptest::collection::vec(level, 0..5), 0..8_i64, terms).prop_map(
        move |(steps, first, (fee, latency_ns, lot, qty_min, qty_max, notional, open))| {
            let mut price = match side {
                Side::Buy => 100 + first,
                Side::Sell => 120 - first,
            };
            let levels = steps.iter().map(|(step, lots)| {
                price += if side == Side::Buy { *step } else { -*step };
                Level { price: Price::from_units(price), qty: Qty::from_units(lots * lot) }
            });
            Venue {
                levels: levels.collect(),
                fee: fee * 1_500_000,
                latency_ns,
                lot,
                qty_min,
                qty_max,
                notional_min: notional * 300,
                is_open: open > 0,
            }
        },
    )
}

fn case() -> impl Strategy<Value = (Wish, Vec<Venue>)> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)].prop_flat_map(|side| {
        let venues = proptest::collection::vec(venue(side), 0..5);
        (venues, 1..80_u64, 100..125_i64).prop_map(move |(venues, qty, limit)| {
            let (qty, limit) = (Qty::from_units(qty), Price::from_units(limit));
            (Wish { side, qty, limit }, venues)
        })
    })
}

/// What holds of every plan.
fn check(wish: &Wish, venues: &[Venue], plan: &Plan) -> Result<(), TestCaseError> {
    prop_assert_eq!(plan.qty().units() + plan.rest.units(), wish.qty.units());
    for (at, leg) in plan.legs().iter().enumerate() {
        let venue = &venues[leg.offer];
        prop_assert!(venue.is_open, "{:?}", leg);
        prop_assert!(is_within(wish.side, leg.price, wish.limit), "{:?}", leg);
        prop_assert!(leg.qty.units() > 0 && leg.qty.units().is_multiple_of(venue.lot));
        prop_assert!(leg.qty.units() <= venue.qty_max && venue.takes(leg.price, leg.qty.units()));
        prop_assert!(plan.legs()[..at].iter().all(|other| other.offer != leg.offer));
    }
    Ok(())
}

/// Quantity and cost of what a plan takes at once.
fn taken(wish: &Wish, venues: &[Venue], plan: &Plan) -> (u64, i128) {
    let fills = plan.legs().iter().map(|leg| {
        let (qty, cost, _) = venues[leg.offer].fill(wish, leg.qty.units(), leg.price);
        (qty, cost)
    });
    fills.fold((0, 0), |(qty, cost), (more, costs)| (qty + more, cost + costs))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_sweep_takes_what_was_seen_and_is_never_worse_than_one_venue((wish, venues) in case()) {
        let offers: Vec<Offer<'_>> = venues.iter().map(Venue::offer).collect();
        let plan = sweep(&wish, &offers);
        check(&wish, &venues, &plan)?;
        let (qty, cost) = taken(&wish, &venues, &plan);
        prop_assert_eq!(qty, plan.qty().units(), "more than was seen");
        for venue in &venues {
            let (alone, costs) = venue.alone(&wish);
            prop_assert!(qty > alone || (qty == alone && cost <= costs), "{:?}", venue);
        }
    }

    #[test]
    fn without_smallest_orders_a_sweep_takes_each_unit_where_it_costs_least(
        (wish, mut venues) in case(),
    ) {
        for venue in &mut venues {
            (venue.lot, venue.qty_min, venue.qty_max, venue.notional_min) = (1, 0, u64::MAX, 0);
        }
        let offers: Vec<Offer<'_>> = venues.iter().map(Venue::offer).collect();
        let plan = sweep(&wish, &offers);
        let mut units: Vec<i128> = Vec::new();
        for venue in venues.iter().filter(|venue| venue.is_open) {
            for level in &venue.levels {
                if is_within(wish.side, level.price, wish.limit) {
                    let net = venue.net(wish.side, level.price);
                    units.extend(std::iter::repeat_n(net, level.qty.units() as usize));
                }
            }
        }
        units.sort_unstable();
        units.truncate(wish.qty.units() as usize);
        let least = (units.len() as u64, units.iter().sum::<i128>());
        prop_assert_eq!(taken(&wish, &venues, &plan), least);
    }

    #[test]
    fn a_split_takes_no_less_and_has_a_place_for_the_rest_where_there_is_one(
        (wish, venues) in case(),
    ) {
        let offers: Vec<Offer<'_>> = venues.iter().map(Venue::offer).collect();
        let (swept, plan) = (sweep(&wish, &offers), split(&wish, &offers));
        check(&wish, &venues, &plan)?;
        prop_assert!(taken(&wish, &venues, &plan).0 >= swept.qty().units());
        // Nowhere another lot would go by itself.
        for (at, venue) in venues.iter().enumerate().filter(|(_, venue)| venue.is_open) {
            let had = plan.legs().iter().find(|leg| leg.offer == at);
            let had = had.map_or(0, |leg| leg.qty.units());
            let most = (had + plan.rest.units()).min(venue.qty_max) / venue.lot * venue.lot;
            prop_assert!(most <= had || !venue.takes(wish.limit, most), "{:?}", venue);
        }
    }

    #[test]
    fn a_whole_order_is_at_one_venue_where_most_of_it_is_at_the_least_cost(
        (wish, venues) in case(),
    ) {
        let offers: Vec<Offer<'_>> = venues.iter().map(Venue::offer).collect();
        let plan = whole(&wish, &offers);
        check(&wish, &venues, &plan)?;
        let qty = wish.qty.units();
        let fits = |venue: &&Venue| {
            venue.is_open
                && qty.is_multiple_of(venue.lot)
                && qty <= venue.qty_max
                && venue.takes(wish.limit, qty)
        };
        let best = venues.iter().filter(fits).map(|venue| {
            let most = qty / venue.lot * venue.lot;
            let (there, ..) = venue.fill(&wish, most, wish.limit);
            (std::cmp::Reverse(there), venue.fill(&wish, there, wish.limit).1)
        });
        match (best.min(), plan.legs()) {
            (None, []) => {}
            (Some((there, cost)), [leg]) => {
                let (found, costs, _) = venues[leg.offer].fill(&wish, qty, wish.limit);
                prop_assert_eq!((std::cmp::Reverse(found), costs), (there, cost));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn of_what_costs_the_same_the_nearer_venue_is_first() {
    let level = |price, qty| Level { price: Price::from_units(price), qty: Qty::from_units(qty) };
    let venue = |fee, latency_ns, levels| Venue {
        levels,
        fee,
        latency_ns,
        lot: 1,
        qty_min: 0,
        qty_max: 1_000,
        notional_min: 0,
        is_open: true,
    };
    let far = venue(0, 2, vec![level(100, 5), level(101, 5)]);
    let near = venue(0, 1, vec![level(100, 5), level(103, 50)]);
    // One percent: its 99 costs 99.99.
    let dear = venue(1_000_000, 0, vec![level(99, 5)]);
    let venues = [far, near, dear];
    let offers: Vec<Offer<'_>> = venues.iter().map(Venue::offer).collect();
    let wish =
        |qty| Wish { side: Side::Buy, qty: Qty::from_units(qty), limit: Price::from_units(102) };
    let legs = |plan: Plan| -> Vec<(usize, i64, u64)> {
        let leg =
            |leg: &tiercel_execution::router::Leg| (leg.offer, leg.price.units(), leg.qty.units());
        plan.legs().iter().map(leg).collect()
    };
    assert_eq!(legs(sweep(&wish(8), &offers)), [(1, 100, 3), (2, 99, 5)]);
    let all = sweep(&wish(30), &offers);
    assert_eq!((legs(all), all.rest.units()), (vec![(0, 101, 10), (1, 100, 5), (2, 99, 5)], 10));
    // The rest waits where the fee is least, and of two such at the nearer one.
    let all = split(&wish(30), &offers);
    assert_eq!(legs(all), [(0, 101, 10), (1, 102, 15), (2, 99, 5)]);
    assert_eq!(legs(whole(&wish(5), &offers)), [(2, 102, 5)]);
    assert_eq!(legs(whole(&wish(7), &offers)), [(0, 102, 7)]);
}
