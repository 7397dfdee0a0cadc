//! Submissions through the core, in memory, polled by the test.

use tiercel_journal::{Durability, EventLog, MemoryLog};
use tiercel_matching::FullEngine;
use tiercel_types::command::{MassCancel, NewOrder, NewOrderList, OrderTerms, StageLeg};
use tiercel_types::order::{ListKind, PendingRule, SideScope};
use tiercel_types::{
    AccountId, ClientOrderId, Command, DenialReason, Event, InstrumentId, Side, TimeInForce,
    Timestamp,
};
use tiercel_venue::pipeline::{
    Busy, Core, CoreError, Delivery, Handle, Health, PipelineOptions, Submission, pipeline,
};

use crate::it::place::{SMALL_ENGINE, SMALL_PIPELINE, ask, limit, setup};

fn venue(options: &PipelineOptions, gateways: u16) -> (Core<MemoryLog>, Vec<Handle>) {
    let engine = FullEngine::new(SMALL_ENGINE);
    pipeline(options, MemoryLog::default(), engine, gateways)
}

fn open() -> (Core<MemoryLog>, Handle) {
    let (mut core, mut handles) = venue(&SMALL_PIPELINE, 1);
    let mut handle = handles.remove(0);
    for command in setup() {
        ask(&mut core, &mut handle, 1, &[command]);
    }
    (core, handle)
}

#[test]
fn a_submission_comes_back_as_events_with_its_token_in_the_engines_order() {
    let (mut core, mut handle) = open();
    let sell = ask(&mut core, &mut handle, 10, &[limit(1, Side::Sell, 1_000, 5, "a").into()]);
    assert!(matches!(sell[0].event, Event::OrderAccepted(_)));
    assert_eq!((sell[0].origin.gateway, sell[0].origin.token), (1, 10));
    let buy = ask(&mut core, &mut handle, 11, &[limit(2, Side::Buy, 1_000, 3, "b").into()]);
    let kinds: Vec<_> = buy.iter().map(|delivery| delivery.event.kind().as_str()).collect();
    assert_eq!(kinds, ["order_accepted", "trade"]);
    assert!(buy.iter().all(|delivery| delivery.origin.token == 11));
    assert_eq!(buy[0].header.sequence, sell[0].header.sequence + 1);
    assert!(buy[1].is_end_of_submission() && !buy[0].is_end_of_submission());
}

#[test]
fn every_reader_gets_every_event_and_knows_whose_it_is() {
    let (mut core, mut handles) = venue(&SMALL_PIPELINE, 2);
    let mut second = handles.remove(1);
    let mut first = handles.remove(0);
    second.submit(Submission { token: 5, commands: &setup()[..1] }).unwrap();
    let mut seen = [Vec::new(), Vec::new()];
    for _ in 0..4 {
        core.poll(Timestamp(1)).unwrap();
    }
    for (handle, seen) in [&mut first, &mut second].into_iter().zip(&mut seen) {
        handle.poll(100, |delivery| seen.push(delivery.clone())).unwrap();
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!((seen[0][0].origin.gateway, seen[0][0].origin.token), (2, 5));
}

#[test]
fn nothing_is_told_before_the_log_has_acknowledged_it() {
    let (mut core, mut handle) = open();
    handle
        .submit(Submission { token: 1, commands: &[limit(1, Side::Buy, 9, 1, "x").into()] })
        .unwrap();
    let mut told = 0;
    for _ in 0..5 {
        core.poll(Timestamp(1)).unwrap();
        let acknowledged = core.log().acknowledged_sequence();
        handle
            .poll(100, |delivery| {
                assert!(delivery.header.sequence <= acknowledged);
                told += 1;
            })
            .unwrap();
    }
    assert_eq!(told, 1, "the order was told once it was durable");
}

#[test]
fn a_full_ring_refuses_orders_and_still_takes_cancels() {
    let (mut core, mut handle) = open();
    let order: Command = limit(1, Side::Buy, 9, 1, "").into();
    let mut taken = 0;
    while handle.submit(Submission { token: 2, commands: &[order] }).is_ok() {
        taken += 1;
    }
    let room = SMALL_PIPELINE.commands - SMALL_PIPELINE.kept_for_cancels;
    assert_eq!(taken, room, "orders leave the room that is kept");
    let cancel: Command = MassCancel {
        account: AccountId(1),
        instrument: InstrumentId::ALL,
        sides: SideScope::Both,
        reserved: [0; 7],
    }
    .into();
    for _ in 0..SMALL_PIPELINE.kept_for_cancels {
        handle.submit(Submission { token: 3, commands: &[cancel] }).unwrap();
    }
    assert_eq!(handle.submit(Submission { token: 4, commands: &[cancel] }), Err(Busy::Full));
    let mut ends = 0;
    while ends < taken + SMALL_PIPELINE.kept_for_cancels {
        core.poll(Timestamp(1)).unwrap();
        handle.poll(64, |delivery| ends += usize::from(delivery.is_end_of_submission())).unwrap();
    }
    assert_eq!(handle.submit(Submission { token: 5, commands: &[order] }), Ok(()));
    assert_eq!(handle.submit(Submission { token: 6, commands: &[] }), Err(Busy::Parts));
    assert_eq!(handle.submit(Submission { token: 6, commands: &[order; 8] }), Err(Busy::Parts));
}

fn leg(order: NewOrder) -> Command {
    StageLeg { order, terms: OrderTerms::NONE }.into()
}

#[test]
fn the_parts_of_a_submission_stay_together_with_other_gateways_and_timers_about() {
    let (mut core, mut handles) = venue(&SMALL_PIPELINE, 3);
    let mut reader = handles.remove(2);
    let mut idle = handles.remove(1);
    let mut first = handles.remove(0);
    for command in setup() {
        first.submit(Submission { token: 0, commands: &[command] }).unwrap();
    }
    let list = [
        leg(limit(1, Side::Sell, 1_100, 1, "entry")),
        leg(limit(1, Side::Buy, 900, 1, "exit")),
        NewOrderList {
            instrument: crate::it::place::MARKET,
            account: AccountId(1),
            list_client_order_id: "list".parse().unwrap(),
            kind: ListKind::Oto,
            pending_rule: PendingRule::FullFill,
            reserved: [0; 2],
        }
        .into(),
    ];
    first.submit(Submission { token: 1, commands: &list }).unwrap();
    idle.submit(Submission { token: 2, commands: &[limit(2, Side::Buy, 5, 1, "x").into()] })
        .unwrap();
    let mut kinds = Vec::new();
    for now in 1..20 {
        core.poll(Timestamp(now)).unwrap();
        for handle in [&mut first, &mut idle] {
            handle.poll(100, |_| {}).unwrap();
        }
        let tell = |delivery: &Delivery| {
            if delivery.origin.token == 1 {
                kinds.push((delivery.origin.part, delivery.event.kind().as_str()));
            }
        };
        reader.poll(100, tell).unwrap();
    }
    let expected = [
        (0, "staged"),
        (1, "staged"),
        (2, "list_accepted"),
        (2, "order_accepted"),
        (2, "order_accepted"),
    ];
    assert_eq!(kinds[..5], expected, "{kinds:?}");
}

#[test]
fn a_cascade_larger_than_every_ring_goes_through_while_readers_read() {
    let options = PipelineOptions { events: 64, ..SMALL_PIPELINE };
    let (mut core, mut handles) = venue(&options, 1);
    let mut handle = handles.remove(0);
    std::thread::scope(|threads| {
        let mut submitter = handle.submitter.clone();
        let status = handle.status();
        threads.spawn(move || {
            let commands =
                setup().into_iter().chain((0..1_000_u32).map(|at| {
                    limit(1 + at % 3, Side::Sell, 1_000 + i64::from(at % 7), 1, "").into()
                }));
            let sweep: Command = {
                let mut order = limit(4, Side::Buy, 1_100, 2_000, "");
                order.time_in_force = TimeInForce::Ioc;
                order.into()
            };
            for command in commands.chain([sweep]) {
                let commands = &[command];
                while submitter.submit(Submission { token: 0, commands }) == Err(Busy::Full) {
                    std::thread::yield_now();
                }
            }
            status.stop();
        });
        let reader = threads.spawn(move || {
            let (mut trades, mut last) = (0, (0, 0));
            let mut look = |delivery: &Delivery| {
                let place = (delivery.header.sequence, delivery.header.index);
                assert!(place > last, "{place:?} after {last:?}");
                last = place;
                trades += u32::from(matches!(delivery.event, Event::Trade(_)));
            };
            while handle.poll(usize::MAX, &mut look).is_ok() {
                std::thread::yield_now();
            }
            trades
        });
        while !core.is_drained() {
            core.poll(Timestamp(1)).unwrap();
        }
        core.finish();
        assert_eq!(reader.join().unwrap(), 1_000);
    });
}

#[test]
fn a_clock_that_is_set_back_never_makes_the_venues_time_decrease() {
    const HOUR_NS: u64 = 3_600_000_000_000;
    let (mut core, mut handle) = open();
    let mut times = Vec::new();
    for (number, now) in [2 * HOUR_NS, HOUR_NS, HOUR_NS + 1, 3 * HOUR_NS].into_iter().enumerate() {
        let order = limit(1, Side::Buy, 10, 1, &format!("o{number}"));
        let got = ask(&mut core, &mut handle, now, &[order.into()]);
        times.push(got[0].header.time_ns);
    }
    assert_eq!(times, [2 * HOUR_NS, 2 * HOUR_NS, 2 * HOUR_NS, 3 * HOUR_NS]);
}

#[test]
fn what_is_due_comes_when_nobody_speaks() {
    let (mut core, mut handle) = open();
    let mut order = limit(1, Side::Buy, 10, 1, "day");
    (order.time_in_force, order.expire_time) = (TimeInForce::Gtd, Timestamp(5_000));
    ask(&mut core, &mut handle, 1_000, &[order.into()]);
    let mut got: Vec<Delivery> = Vec::new();
    for now in [1_001, 4_999, 5_000, 5_001, 5_002] {
        core.poll(Timestamp(now)).unwrap();
        core.poll(Timestamp(now)).unwrap();
        handle.poll(100, |delivery| got.push(delivery.clone())).unwrap();
    }
    let kinds: Vec<_> = got.iter().map(|delivery| delivery.event.kind().as_str()).collect();
    assert_eq!(kinds, ["order_ended", "time_advanced"], "once, and by itself");
    assert_eq!((got[0].origin.gateway, got[0].header.time_ns), (0, 5_000));
}

#[test]
fn a_retry_after_a_lost_answer_enters_no_second_order() {
    let (mut core, mut handle) = open();
    let order: Command = limit(1, Side::Buy, 10, 1, "mine").into();
    ask(&mut core, &mut handle, 1, &[order]);
    let again = ask(&mut core, &mut handle, 2, &[order]);
    let Event::Denied(denied) = again[0].event else { panic!("it was taken twice") };
    assert_eq!(denied.reason, DenialReason::DuplicateClientOrderId);
    assert_eq!(denied.client_order_id, "mine".parse::<ClientOrderId>().unwrap());
    assert_eq!(core.engine().live_orders(), 1);
}

#[test]
fn a_reader_that_goes_away_stops_the_venue_and_says_so() {
    let (mut core, handles) = venue(&SMALL_PIPELINE, 2);
    let mut submitter = handles[0].submitter.clone();
    let status = handles[0].status();
    drop(handles);
    submitter.submit(Submission { token: 0, commands: &setup()[..1] }).unwrap();
    assert_eq!(core.poll(Timestamp(1)), Err(CoreError::ReaderGone));
    assert_eq!(status.health(), Health::Failed);
    assert_eq!(status.failure(), Some("a reader of events is gone"));
    let refused = submitter.submit(Submission { token: 0, commands: &setup()[..1] });
    assert_eq!(refused, Err(Busy::Stopped));
}

#[test]
fn durability_in_memory_tells_at_once() {
    let options = PipelineOptions { durability: Durability::Memory, ..SMALL_PIPELINE };
    let (mut core, mut handles) = venue(&options, 1);
    let mut handle = handles.remove(0);
    handle.submit(Submission { token: 0, commands: &setup()[..1] }).unwrap();
    core.poll(Timestamp(1)).unwrap();
    let mut told = 0;
    handle.poll(100, |_| told += 1).unwrap();
    assert_eq!(told, 1);
}
