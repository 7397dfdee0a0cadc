//! Writers and readers that are killed at any moment.

use std::hint::black_box;
use std::time::Duration;

use tiercel_bus::{Bus, Index, Mode, Options, Reader, Retention, Start, Waiting, Writer, Writers};
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;

use crate::children::{Orders, PATIENCE, Process};
use crate::folder::{Folder, keeping, shared, sleepy, small};

/// Moments to kill at: few in a quick run, many in a long one.
fn kills() -> u64 {
    if soak::is_soak() { 200 } else { 20 }
}

/// A message whose every byte follows from its number.
fn fill(bytes: &mut [u8], number: u64) {
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    let mut random = Random::new(number);
    for byte in &mut bytes[8..] {
        // One by one, so that a kill finds it half done.
        *black_box(byte) = random.next_u64() as u8 | 1;
    }
}

fn length(number: u64) -> usize {
    8 + Random::new(!number).below(600) as usize
}

/// The number of a message, if it is whole.
fn whole(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let mut expected = vec![0; length(number)];
    fill(&mut expected, number);
    assert_eq!(bytes, expected, "message {number} is torn");
    number
}

/// How many messages of `kind` there are, each whole, in order, none missing and none double.
fn count(bus: &Bus, kind: u8) -> u64 {
    let mut reader = bus.reader(Start::Oldest).unwrap();
    let mut count = 0;
    while let Some(record) = reader.poll().unwrap() {
        if record.kind == kind {
            assert_eq!(whole(record.bytes), count);
            count += 1;
        }
    }
    count
}

/// How many messages of `kind` there are before `tail`, for one who noted `count` of them when the
/// last stood at `last`: the next number. What others have not finished yet is waited for.
fn recount(bus: &Bus, kind: u8, (count, last): (u64, u64), tail: Index) -> u64 {
    let start = if count == 0 { Start::Oldest } else { Start::Index(Index::from_u64(last)) };
    let mut reader = bus.reader(start).unwrap();
    let mut number = count.saturating_sub(1);
    while reader.next_index() < tail {
        match reader.poll().unwrap() {
            Some(record) if record.kind == kind => {
                assert_eq!(whole(record.bytes), number);
                number += 1;
            }
            Some(_) => {}
            None => std::thread::yield_now(),
        }
    }
    number
}

/// Appends and acknowledges until it is killed.
#[test]
#[ignore = "a child of other tests"]
fn child_that_writes() {
    let Some(orders) = Orders::get() else { return };
    let bus = Bus::open(&orders.bus).unwrap().with_prefault(false);
    match bus.options().writers {
        Writers::One => write_on(&orders, bus.writer().unwrap()),
        Writers::Shared => write_on(&orders, bus.shared_writer().unwrap()),
    }
}

fn write_on<M: Mode>(orders: &Orders, mut writer: Writer<M>) {
    let kind = orders.role;
    let mut number = recount(writer.bus(), kind, orders.noted(), writer.next_index());
    loop {
        let mut slot = writer.claim(kind, length(number)).unwrap();
        fill(&mut slot, number);
        let index = slot.commit();
        number += 1;
        orders.note(number, index.to_u64());
        if number.is_multiple_of(64) {
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

/// Reads on from where its predecessor was, and notes how far it came.
#[test]
#[ignore = "a child of other tests"]
fn child_that_reads() {
    let Some(orders) = Orders::get() else { return };
    let bus = Bus::open(&orders.bus).unwrap().with_prefault(false);
    let (mut expected, from) = orders.noted();
    let start = if expected == 0 { Start::Oldest } else { Start::Index(Index::from_u64(from)) };
    let mut reader = bus.reader(start).unwrap();
    loop {
        while let Some(record) = reader.poll().unwrap() {
            assert_eq!(whole(record.bytes), expected);
            expected += 1;
            let next = reader.next_index().to_u64();
            orders.note(expected, next);
        }
        reader.wait(PATIENCE);
    }
}

/// Follows along while writers live and die.
struct Follower {
    reader: Reader,
    seen: Vec<u64>,
}

impl Follower {
    fn follow(&mut self) {
        while let Some(record) = self.reader.poll().unwrap() {
            let next = &mut self.seen[usize::from(record.kind)];
            assert_eq!(whole(record.bytes), *next, "writer {}", record.kind);
            *next += 1;
        }
    }
}

fn kill_writers(options: &Options, writers: u8, seed: u64) {
    let folder = Folder::new("kill-writers");
    let bus = Bus::create(folder.path(), options).unwrap().with_prefault(false);
    let start = |role| Process::start("crash::child_that_writes", folder.path(), role);
    let mut random = Random::new(seed);
    let mut children: Vec<_> = (0..writers).map(start).collect();
    let reader = bus.reader(Start::Oldest).unwrap();
    let mut follower = Follower { reader, seen: vec![0; usize::from(writers)] };
    for _ in 0..kills() {
        let victim = random.below(u64::from(writers)) as usize;
        let before = children[victim].noted().0;
        children[victim].wait_past(before + random.below(200));
        std::thread::sleep(Duration::from_micros(random.below(3_000)));
        follower.follow();
        let acknowledged = children[victim].kill();
        if writers == 1 {
            follower.follow();
            assert!(follower.seen[0] >= acknowledged, "{acknowledged} were acknowledged");
        }
        children[victim] = start(victim as u8);
    }
    for (role, mut child) in children.into_iter().enumerate() {
        let acknowledged = child.kill();
        // What the dead have claimed becomes padding, so that all can be read.
        if options.writers == Writers::Shared {
            bus.shared_writer().unwrap();
        } else {
            bus.writer().unwrap();
        }
        follower.follow();
        assert!(count(&bus, role as u8) >= acknowledged);
    }
    follower.follow();
    for (role, &seen) in follower.seen.iter().enumerate() {
        assert_eq!(seen, count(&bus, role as u8));
    }
    let (cycles, faults) = bus.survey(|_, _| ()).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(cycles.iter().map(|cycle| cycle.pending).sum::<u64>(), 0);
}

#[test]
fn a_killed_writer_loses_nothing_and_leaves_nothing_torn() {
    kill_writers(&small(), 1, 1);
}

#[test]
fn a_killed_writer_with_sleeping_readers_loses_nothing() {
    kill_writers(&sleepy(), 1, 2);
}

#[test]
fn of_several_writers_each_may_be_killed() {
    kill_writers(&shared(), 3, 3);
    kill_writers(&Options { waiting: Waiting::Sleep, ..shared() }, 2, 4);
}

#[test]
fn killed_readers_go_on_where_they_were_and_hold_up_no_writer() {
    let folder = Folder::new("kill-readers");
    let options =
        Options { waiting: Waiting::Sleep, retention: Retention::default(), ..keeping(0) };
    let bus = Bus::create(folder.path(), &options).unwrap().with_prefault(false);
    let mut writer = bus.writer().unwrap();
    let mut random = Random::new(5);
    let mut number = 0;
    let start = || Process::start("crash::child_that_reads", folder.path(), 0);
    let mut append = |count: u64| {
        for _ in 0..count {
            let mut slot = writer.claim(0, length(number)).unwrap();
            fill(&mut slot, number);
            slot.commit();
            number += 1;
        }
        number
    };
    let mut child = start();
    for _ in 0..kills() {
        let before = child.noted().0;
        append(1 + random.below(300));
        child.wait_past(before);
        // Half of the time it is asleep when it dies.
        std::thread::sleep(Duration::from_micros(random.below(2_000)));
        child.kill();
        append(random.below(100));
        child = start();
    }
    let total = append(1);
    child.wait_past(total - 1);
    assert_eq!(child.noted().0, total);
    assert!(child.is_running());
    child.kill();
}
