//! A disk that loses power, or fails: what was told is there, and a venue whose log fails tells
//! nothing more.

use tiercel_journal::{Durability, EventLog, Journal};
use tiercel_testkit::random::Random;
use tiercel_testkit::simulated_disk::{Fault, SimulatedDisk, SimulatedFolder};
use tiercel_types::Timestamp;
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::pipeline::{
    Busy, Core, CoreError, Delivery, Handle, Health, PipelineOptions, Submission, pipeline,
};
use tiercel_venue::store::{self, Opened};

use crate::it::place::{Flow, SMALL_PIPELINE, ask, setup, store_options};

type Simulated = Core<Journal<SimulatedDisk>>;

fn open(folder: &SimulatedFolder, seed: u64) -> Opened<SimulatedDisk> {
    store::recover(SimulatedDisk::new(folder, seed), &store_options(None)).unwrap()
}

/// Submissions, a few under way at a time, until `turns` are over or the core fails; what was told.
fn trade(
    (core, handle): (&mut Simulated, &mut Handle),
    flow: &mut Flow,
    random: &mut Random,
    turns: u64,
) -> (Vec<Delivery>, Option<CoreError>) {
    let mut told = Vec::new();
    let mut first = if core.engine().sequence() == 0 { setup() } else { Vec::new() }.into_iter();
    let mut failure = None;
    for turn in 0..turns {
        for _ in 0..random.below(6) {
            let command = first.next().unwrap_or_else(|| flow.next_command());
            let result = handle.submit(Submission { token: turn, commands: &[command] });
            assert!(result.is_ok() || failure.is_some(), "{result:?}");
        }
        failure = core.poll(Timestamp(1_000 + turn)).err().or(failure);
        let look = |delivery: &Delivery| {
            flow.observe(delivery);
            told.push(delivery.clone());
        };
        if handle.poll(usize::MAX, look).is_err() || failure.is_some() {
            break;
        }
    }
    (told, failure)
}

#[test]
fn a_loss_of_power_takes_nothing_that_was_told() {
    let mut random = Random::new(5);
    let (mut told_ever, mut lost_ever) = (0, 0);
    for seed in 0..60 {
        let folder = SimulatedFolder::default();
        let Opened { journal, engine, models, .. } = open(&folder, seed);
        let (mut core, mut handles) = pipeline(&SMALL_PIPELINE, journal, engine, 1);
        let mut flow = Flow::new(seed, &models);
        let turns = 50 + random.below(300);
        let (told, failure) = trade((&mut core, &mut handles[0]), &mut flow, &mut random, turns);
        assert_eq!(failure, None);
        let left = folder.after_power_loss(&mut random);
        let appended = core.engine().sequence();
        let opened = open(&left, seed + 1_000);
        let there = opened.engine.sequence();
        let last = told.last().map_or(0, |delivery| delivery.header.sequence);
        assert!(there >= last, "seed {seed}: {last} was told, {there} is there");
        // What was told is what the log gives now.
        let mut models = Models::new(ModelLimits::default());
        for delivery in &told {
            models.apply(&delivery.header, &delivery.event);
        }
        if there == models.checkpoint().sequence {
            assert_eq!(opened.models, models, "seed {seed}");
        }
        told_ever += told.len();
        lost_ever += appended - there;
    }
    assert!(told_ever > 10_000 && lost_ever > 0, "{told_ever} told, {lost_ever} lost");
}

#[test]
fn a_failed_write_stops_the_venue_says_so_and_tells_nothing_more() {
    for (seed, fault) in [Fault::Eio, Fault::ShortWrite, Fault::NoSpace].into_iter().enumerate() {
        let folder = SimulatedFolder::default();
        let Opened { journal, engine, models, .. } = open(&folder, seed as u64);
        let (mut core, mut handles) = pipeline(&SMALL_PIPELINE, journal, engine, 1);
        let (mut flow, mut random) = (Flow::new(1, &models), Random::new(2));
        let handle = &mut handles[0];
        trade((&mut core, handle), &mut flow, &mut random, 50);
        folder.fail_after(10, fault);
        let (told, failure) = trade((&mut core, handle), &mut flow, &mut random, 10_000);
        let Some(CoreError::Log(failure)) = failure else { panic!("{fault:?}: {failure:?}") };
        let status = handle.status();
        assert_eq!(status.health(), Health::Failed);
        assert_eq!(status.failure(), Some(failure.to_string().as_str()));
        let durable = core.log().durable_sequence();
        assert!(told.iter().all(|delivery| delivery.header.sequence <= durable));
        assert!(core.engine().sequence() > durable, "something had an unknown outcome");
        let refused = handle.submit(Submission { token: 0, commands: &setup()[..1] });
        assert_eq!(refused, Err(Busy::Stopped));
        assert_eq!(core.poll(Timestamp(1)), Err(CoreError::Log(failure)), "it stays so");
        let mut late = 0;
        while handle.poll(100, |_| late += 1).is_ok_and(|count| count > 0) {}
        assert_eq!(late, 0, "{fault:?}");
    }
}

#[test]
fn what_the_disk_lacks_is_told_in_commands_and_in_bytes() {
    let folder = SimulatedFolder::default();
    let Opened { journal, engine, .. } = open(&folder, 1);
    let options = PipelineOptions { durability: Durability::Memory, ..SMALL_PIPELINE };
    let (mut core, mut handles) = pipeline(&options, journal, engine, 1);
    let status = handles[0].status();
    let lag = || (status.queues().not_durable, status.queues().not_durable_bytes);
    assert_eq!(lag(), (0, 0));
    let mut told = Vec::new();
    for (command, number) in setup().into_iter().zip(1..=3) {
        handles[0].submit(Submission { token: 1, commands: &[command] }).unwrap();
        core.poll(Timestamp(number)).unwrap();
        assert_eq!(lag(), (number, core.log().pending_bytes()));
        told.push(lag().1);
    }
    assert!(told[0] > 0 && told.is_sorted_by(|one, next| one < next), "{told:?}");
    // With every command on the disk before it is told, nothing is left behind.
    let Opened { journal, engine, .. } = open(&SimulatedFolder::default(), 2);
    let (mut core, mut handles) = pipeline(&SMALL_PIPELINE, journal, engine, 1);
    ask(&mut core, &mut handles[0], 1, &setup()[..1]);
    let queues = handles[0].status().queues();
    assert_eq!((queues.not_durable, queues.not_durable_bytes), (0, 0));
}
