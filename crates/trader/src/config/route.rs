//! Instruments of several venues that the strategy sees as one.

use serde::Deserialize;
use tiercel_execution::router::{FEE_ONE, VENUES_MAX};
use tiercel_types::{Qty, Symbol};

use super::{InstrumentTable, decimal, symbol};

/// A route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// What its instruments are called at each venue.
    #[serde(deserialize_with = "symbol")]
    pub symbol: Symbol,
    /// Its venues. The instrument of the first is the one that the strategy knows.
    pub venues: Vec<RouteVenueTable>,
}

/// A venue of a route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteVenueTable {
    /// Its [name](super::VenueTable::name).
    pub name: String,
    /// What a taker pays there, as a share of what is traded.
    #[serde(deserialize_with = "decimal")]
    pub taker_fee: Qty,
    /// How long an order takes to get there.
    pub latency_us: u64,
}

impl RouteTable {
    /// The places of its instruments.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn instruments(&self, all: &[InstrumentTable]) -> Result<Vec<usize>, String> {
        if !(2..=VENUES_MAX).contains(&self.venues.len()) {
            return Err(format!("not from 2 to {VENUES_MAX} venues"));
        }
        let mut found = Vec::new();
        for venue in &self.venues {
            if venue.taker_fee.units() >= u64::from(FEE_ONE) {
                return Err(format!("{}: a taker_fee of 1 or more", venue.name));
            }
            let is_it =
                |table: &InstrumentTable| table.venue == venue.name && table.symbol == self.symbol;
            match all.iter().position(is_it) {
                Some(at) if !found.contains(&at) => found.push(at),
                Some(_) => return Err(format!("{} is there twice", venue.name)),
                None => return Err(format!("there is no such instrument of {:?}", venue.name)),
            }
        }
        Ok(found)
    }
}
