//! A process that is killed at any moment loses nothing and does nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use tiercel_journal::EventLog;
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::command::QueryOrder;
use tiercel_types::{AccountId, ClientOrderId, Command, OrderId, Side};
use tiercel_wire::binary::{Body, Kind, Request};

use crate::it::binary_desk::{Desk, amend, cancel, list, name, replace};
use crate::it::binary_peer::Heard;
use crate::it::place::{MARKET, limit};

/// What a client of the random test asks next.
pub(crate) fn random_request(random: &mut Random, peer: usize, count: u64) -> Vec<Body> {
    let account = 1 + peer as u32;
    let fresh = format!("{peer}-{count}");
    let former = format!("{peer}-{}", random.below(count.max(1)));
    let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
    let ticks = 1_000 + random.below(20) as i64 - 10;
    let order = limit(account, side, ticks, 1 + random.below(5), &fresh);
    let command = match random.below(10) {
        0..4 => order.into(),
        // Twice the same bytes, which only their numbers tell apart.
        4 => limit(account, side, 1_000, 1, "").into(),
        5 => cancel(peer, &former),
        6 => amend(peer, &former, ticks, 1 + random.below(5)),
        7 => replace(peer, &former, order),
        8 => return list(peer, &fresh),
        _ => QueryOrder {
            order_id: OrderId::NONE,
            account: AccountId(account),
            client_order_id: name(&former),
        }
        .into(),
    };
    Request::of(&command).unwrap().bodies().copied().collect()
}

/// A session of a random life: requests, connections that drop, and a process that is killed at any
/// point, with what the log had by then.
fn live(seed: u64, place: &str) {
    let mut random = Random::new(seed);
    let mut desk = Desk::new(place, false);
    let mut heard: [Vec<Heard>; 2] = Default::default();
    for count in 1..=400_u64 {
        let at = random.below(2) as usize;
        let now = desk.time();
        let bodies = random_request(&mut random, at, count);
        desk.peers[at].ask_group(now, MARKET, &bodies);
        desk.now += 1;
        match random.below(12) {
            0 => desk.hear(),
            1 => {
                desk.hear();
                desk.core.poll(desk.time()).unwrap();
            }
            2 => {
                desk.hear();
                desk.core.poll(desk.time()).unwrap();
                desk.core.poll(desk.time()).unwrap();
                desk.deliver(random.below(4) as usize);
            }
            3 => desk.drop_link(at),
            4 => {
                // Killed: the log has all that was told, and perhaps more.
                for _ in 0..random.below(3) {
                    desk.core.poll(desk.time()).unwrap();
                }
                if random.one_in(3) {
                    desk.deliver(random.below(6) as usize);
                }
                if random.one_in(2) {
                    desk.flush();
                }
                let last = desk.core.log().position().sequence;
                let end = desk.delivered + random.below(last + 1 - desk.delivered);
                desk = desk.kill(end);
            }
            5..8 => {}
            _ => desk.turn(),
        }
        if random.one_in(3) {
            for at in 0..2 {
                if desk.links[at].is_none() {
                    desk.log_on(at);
                }
            }
        }
    }
    for at in 0..2 {
        if desk.links[at].is_none() {
            desk.log_on(at);
        }
    }
    desk.turn();
    for (at, heard) in heard.iter_mut().enumerate() {
        let peer = &mut desk.peers[at];
        *heard = peer.news();
        assert_eq!(peer.ear.gaps, [], "seed {seed}");
        let numbers: Vec<u64> = heard.iter().map(|heard| heard.number).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "seed {seed}");
        check_answers(seed, heard, peer.asked());
    }
    check_log(seed, &desk.commands(), &heard);
}

/// Every request has its answer, and none has two.
pub(crate) fn check_answers(seed: u64, heard: &[Heard], asked: u64) {
    let firsts = [
        "accepted",
        "rejected",
        "replaced",
        "amended",
        "cancelled",
        "list_accepted",
        "order_status",
    ];
    let mut answered: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for heard in heard {
        let request = match heard.more.first() {
            Some(Body::StatusTerms(terms)) => terms.request,
            _ => heard.number_of("request"),
        };
        let kind = heard.body.kind().as_str();
        if request > 0 && firsts.contains(&kind) {
            answered.entry(request).or_default().push(kind);
        }
    }
    for request in 1..=asked {
        let kinds = answered.get(&request).map_or(&[][..], |kinds| kinds);
        let fits = match kinds {
            ["list_accepted", legs @ ..] => {
                legs.len() == 2 && legs.iter().all(|leg| *leg == "accepted")
            }
            // An amendment that trades, or fills, says so once more.
            [_] | ["amended" | "cancelled", "amended" | "cancelled"] => true,
            _ => false,
        };
        assert!(fits, "seed {seed}: request {request} of {asked}: {kinds:?}");
    }
}

/// The log has every order that was told once, and no other.
pub(crate) fn check_log(seed: u64, commands: &[Command], heard: &[Vec<Heard>; 2]) {
    let mut entered: BTreeMap<(AccountId, ClientOrderId), u32> = BTreeMap::new();
    let mut unnamed = [0_usize; 2];
    for command in commands {
        let order = match *command {
            Command::NewOrder(order) => order,
            Command::ReplaceOrder(replace) => replace.order,
            _ => continue,
        };
        if order.client_order_id.is_empty() {
            unnamed[order.account.0 as usize - 1] += 1;
        } else {
            *entered.entry((order.account, order.client_order_id)).or_default() += 1;
        }
    }
    assert!(entered.values().all(|count| *count == 1), "seed {seed}: an order was entered twice");
    for (unnamed, heard) in unnamed.iter().zip(heard) {
        let is_unnamed = |heard: &&Heard| {
            heard.get("client_id").is_empty() && heard.body.kind() == Kind::Accepted
        };
        assert_eq!(heard.iter().filter(is_unnamed).count(), *unnamed, "seed {seed}");
    }
    // Each order is told once.
    for heard in heard {
        let taken = heard.iter().filter(|heard| heard.body.kind() == Kind::Accepted);
        let ids: Vec<u64> = taken.map(|heard| heard.number_of("order_id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "seed {seed}");
    }
}

#[test]
fn a_process_killed_at_any_moment_loses_nothing_and_does_nothing_twice() {
    for seed in soak::rounds("binary_killed", 12) {
        live(seed, "binary-killed");
    }
}
