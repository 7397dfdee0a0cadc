//! Sharing a level out, naively: a pure function over a queue, written from `docs/allocation.md`
//! alone. The reference model plays its rounds with it. And the published worked examples.

use serde_json::Value;

/// The rules of an instrument, in lots.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// A pro-rata share below it is none.
    pub minimum: u64,
    /// What is given in queue order first, in ppm.
    pub fifo_ppm: u64,
    /// The smallest and the largest quantity of the top order, if there is such an order; a
    /// largest of zero is no limit.
    pub top: Option<(u64, u64)>,
    /// Accounts and their shares in ppm.
    pub market_makers: Vec<(u32, u64)>,
}

/// An order as a round sees it.
#[derive(Clone, Copy, Debug)]
pub struct Queued {
    /// Whose order.
    pub account: u32,
    /// Displayed lots.
    pub displayed: u64,
    /// Whether it is the top order.
    pub top: bool,
}

/// What each order is given in each step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The top order's.
    pub top: Vec<u64>,
    /// The market makers'.
    pub market_makers: Vec<u64>,
    /// In queue order.
    pub fifo: Vec<u64>,
    /// By size.
    pub pro_rata: Vec<u64>,
    /// What was left.
    pub residual: Vec<u64>,
}

impl Given {
    /// The share of the order at `at`.
    #[must_use]
    pub fn share(&self, at: usize) -> u64 {
        self.top[at]
            + self.market_makers[at]
            + self.fifo[at]
            + self.pro_rata[at]
            + self.residual[at]
    }
}

/// Shares `wanted` lots out among `queue`, in which there are at least as many.
#[must_use]
pub fn shares(terms: &Terms, queue: &[Queued], wanted: u64) -> Given {
    let nothing = vec![0; queue.len()];
    let mut given = Given {
        top: nothing.clone(),
        market_makers: nothing.clone(),
        fifo: nothing.clone(),
        pro_rata: nothing.clone(),
        residual: nothing,
    };
    let shown: u64 = queue.iter().map(|order| order.displayed).sum();
    if wanted == shown {
        given.residual = queue.iter().map(|order| order.displayed).collect();
        return given;
    }
    let mut left: Vec<u64> = queue.iter().map(|order| order.displayed).collect();
    let mut rest = wanted;
    if let Some((_, most)) = terms.top {
        for (at, order) in queue.iter().enumerate().filter(|(_, order)| order.top) {
            let most = if most == 0 { u64::MAX } else { most };
            let part = rest.min(order.displayed).min(most);
            given.top[at] = part;
            left[at] -= part;
            rest -= part;
        }
    }
    let whole = rest;
    for &(account, ppm) in &terms.market_makers {
        let mut theirs = ppm_of(whole, ppm);
        for (at, _) in queue.iter().enumerate().filter(|(_, order)| order.account == account) {
            let part = theirs.min(left[at]);
            given.market_makers[at] += part;
            left[at] -= part;
            theirs -= part;
            rest -= part;
        }
    }
    let mut first = ppm_of(rest, terms.fifo_ppm);
    for (left, given) in left.iter_mut().zip(&mut given.fifo) {
        *given = first.min(*left);
        *left -= *given;
        first -= *given;
        rest -= *given;
    }
    let (whole, sum) = (u128::from(rest), left.iter().map(|&lots| u128::from(lots)).sum::<u128>());
    for (left, given) in left.iter_mut().zip(&mut given.pro_rata) {
        let part = (u128::from(*left) * whole / sum) as u64;
        if part >= terms.minimum {
            *given = part;
            *left -= part;
            rest -= part;
        }
    }
    for (left, given) in left.iter().zip(&mut given.residual) {
        *given = rest.min(*left);
        rest -= *given;
    }
    given
}

fn ppm_of(lots: u64, ppm: u64) -> u64 {
    (u128::from(lots) * u128::from(ppm) / 1_000_000) as u64
}

/// A published worked example.
#[derive(Clone, Debug)]
pub struct Example {
    /// Which.
    pub id: String,
    /// The taker's lots.
    pub incoming: u64,
    /// The queue: order number, lots, whether it is the top order.
    pub resting: Vec<(u64, u64, bool)>,
    /// What is published of it.
    pub expect: Value,
}

impl Example {
    /// What order `id` is said to get (or have left) in a part of the example; `None` where
    /// nothing is said.
    #[must_use]
    pub fn expected(&self, part: &str, id: u64) -> Option<u64> {
        self.expect.get(part)?.get(id.to_string())?.as_u64()
    }
}

/// The published examples, if the test data are there.
///
/// # Panics
/// When the file is not what it should be.
#[must_use]
pub fn published() -> Option<Vec<Example>> {
    let path = crate::data::path("vectors/pro_rata.json")?;
    let examples = crate::data::json(&path);
    let number = |value: &Value, name: &str| {
        value[name].as_u64().expect("a number of an example is none, or below zero")
    };
    let read = |example: Value| Example {
        id: example["id"].as_str().expect("an example has no id").to_owned(),
        incoming: number(&example, "incoming"),
        resting: example["resting"]
            .as_array()
            .expect("what rests in an example is no list")
            .iter()
            .map(|order| (number(order, "id"), number(order, "qty"), order["top"] == true))
            .collect(),
        expect: example["expect"].clone(),
    };
    Some(examples.into_iter().map(read).collect())
}
