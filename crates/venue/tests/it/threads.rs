//! The venue's own threads: start, load from several gateways, a graceful stop.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tiercel_journal::IoOptions;
use tiercel_sync::wait::WaitKind;
use tiercel_types::Event;
use tiercel_venue::pipeline::{Busy, Delivery, Handle, Health, Submission};
use tiercel_venue::run::{RunOptions, start};
use tiercel_venue::store;

use crate::it::place::{Flow, Place, SMALL_PIPELINE, setup, store_options};

/// Waits for the next deliveries; panics when none come.
fn next(handle: &mut Handle, mut each: impl FnMut(&Delivery)) {
    let from = Instant::now();
    loop {
        if handle.poll(usize::MAX, &mut each).unwrap() > 0 {
            return;
        }
        assert!(from.elapsed() < Duration::from_secs(20), "nothing came");
        handle.deliveries.wait(Duration::from_secs(5));
    }
}

#[test]
fn gateways_on_threads_get_their_answers_and_a_stop_loses_none() {
    for wait in WaitKind::ALL {
        let place = Place::new("threads");
        let options = store_options(Some(1_000));
        let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
        let run = RunOptions { wait, ..RunOptions::default() };
        let (running, models, mut handles) = start(opened, &SMALL_PIPELINE, run, 2).unwrap();
        let mut second = handles.remove(1);
        let mut first = handles.remove(0);
        for command in setup() {
            first.submit(Submission { token: 0, commands: &[command] }).unwrap();
        }
        let reader = std::thread::spawn(move || {
            let mut answered = 0;
            let mut count = |delivery: &Delivery| {
                answered +=
                    u32::from(delivery.origin.gateway == 2 && delivery.is_end_of_submission());
            };
            while second.poll(usize::MAX, &mut count).is_ok() {
                second.deliveries.wait(Duration::from_millis(50));
            }
            answered
        });
        let mut flow = Flow::new(1, &models);
        let (mut answered, mut submitted) = (0, setup().len());
        while submitted < 3_000 {
            let command = flow.next_command();
            if first.submit(Submission { token: 7, commands: &[command] }).is_ok() {
                submitted += 1;
            }
            first
                .poll(usize::MAX, |delivery| {
                    flow.observe(delivery);
                    answered += usize::from(delivery.is_end_of_submission());
                })
                .unwrap();
        }
        let status = first.status();
        let stopper = std::thread::spawn(move || running.stop());
        while first
            .poll(usize::MAX, |delivery| answered += usize::from(delivery.is_end_of_submission()))
            .is_ok()
        {
            first.deliveries.wait(Duration::from_millis(50));
        }
        assert_eq!(answered, submitted, "every submission was answered");
        assert_eq!(reader.join().unwrap(), 0, "the other gateway submitted nothing");
        let ended = stopper.join().unwrap().unwrap();
        assert_eq!(status.health(), Health::Stopped);
        let refused = first.submit(Submission { token: 0, commands: &setup()[..1] });
        assert_eq!(refused, Err(Busy::Stopped));
        let again = store::open(place.path(), IoOptions::default(), &options).unwrap();
        assert_eq!(
            (again.engine.sequence(), again.engine.digest()),
            (ended.sequence, ended.digest)
        );
        assert_eq!(again.report.snapshot, ended.sequence, "the stop took a snapshot");
        assert_eq!(again.report.replayed, 0);
    }
}

#[test]
fn a_core_and_a_reader_that_sleep_are_woken() {
    let place = Place::new("asleep");
    let options = store_options(None);
    let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
    let (running, _, mut handles) =
        start(opened, &SMALL_PIPELINE, RunOptions::default(), 1).unwrap();
    let mut handle = handles.remove(0);
    let from = Instant::now();
    for command in setup() {
        std::thread::sleep(Duration::from_millis(5));
        handle.submit(Submission { token: 0, commands: &[command] }).unwrap();
        next(&mut handle, |delivery| assert!(!matches!(delivery.event, Event::Denied(_))));
    }
    assert!(from.elapsed() < Duration::from_secs(4), "somebody slept through a ring");
    // A task: pending while there is nothing.
    let context = Context::from_waker(Waker::noop());
    assert_eq!(handle.deliveries.poll_ready(&context), Poll::Pending);
    handle.submit(Submission { token: 0, commands: &setup()[..1] }).unwrap();
    let from = Instant::now();
    while handle.deliveries.poll_ready(&context).is_pending() {
        assert!(from.elapsed() < Duration::from_secs(4));
        std::thread::yield_now();
    }
    next(&mut handle, |_| {});
    running.status().stop();
    while handle.poll(9, |_| {}).is_ok() {
        handle.deliveries.wait(Duration::from_millis(50));
    }
    running.stop().unwrap();
}
