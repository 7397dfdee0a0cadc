//! Message N of a session is message N, whatever happened to the venue meanwhile.

use std::fs;
use std::path::Path;

use tiercel_journal::IoOptions;
use tiercel_testkit::random::Random;
use tiercel_types::{Command, Price};
use tiercel_venue::itch::{self, Archive, Feed};
use tiercel_venue::pipeline::{Handle, PipelineOptions, Submission};
use tiercel_venue::run::{self, RunOptions};
use tiercel_venue::store::{self, StoreOptions};
use tiercel_wire::store::Store;

use super::itch_feed::with_bounds;
use super::place::{Flow, Place, SMALL_PIPELINE, setup, store_options};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// The bytes of the only session of a folder.
fn told(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let mut found = Vec::new();
    for kind in ["itch", "index"] {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files = files.filter(|path| path.extension().is_some_and(|end| end == kind));
        found.push(fs::read(files.next().unwrap()).unwrap());
        assert_eq!(files.next(), None);
    }
    let index = found.pop().unwrap();
    (found.pop().unwrap(), index)
}

/// The command on a market whose prices have four decimals.
pub(crate) fn scaled(command: Command) -> Command {
    let price = |price: Price| Price::from_units(price.units() * 100);
    match with_bounds(command) {
        Command::AddInstrument(mut add) => {
            add.spec.tick = price(add.spec.tick);
            add.into()
        }
        Command::NewOrder(mut order) => {
            order.price = price(order.price);
            order.into()
        }
        other => other,
    }
}

/// Hands commands in, and tells of what came of them, in pieces that end anywhere.
struct Teller {
    feed: Feed,
    archive: Archive,
    random: Random,
}

impl Teller {
    fn tell(&mut self, handle: &mut Handle, flow: &mut Option<Flow>, commands: &[Command]) {
        handle.submit(Submission { token: 1, commands }).unwrap();
        let mut answered = false;
        while !answered {
            let most = 1 + self.random.below(5) as usize;
            let Self { feed, archive, .. } = self;
            handle.deliveries.wait(std::time::Duration::from_millis(10));
            handle
                .poll(most, |delivery| {
                    feed.apply(&delivery.header, &delivery.event, archive);
                    if delivery.header.is_last() {
                        archive.end_of_command(delivery.header.sequence);
                    }
                    if let Some(flow) = flow {
                        flow.observe(delivery);
                    }
                    answered |= delivery.is_end_of_submission() && delivery.origin.gateway == 1;
                })
                .unwrap();
            archive.flush().unwrap();
        }
    }
}

fn options() -> StoreOptions {
    store_options(Some(150))
}

#[test]
fn a_restart_from_any_moment_gives_the_same_bytes() {
    let place = Place::new("itch-archive");
    let store = place.path().join("store");
    let whole = place.path().join("whole");
    let opened = store::open(&store, IoOptions::default(), &options()).unwrap();
    let (feed, archive) = itch::open(&whole, 3, &opened, &options()).unwrap();
    let pipeline = PipelineOptions { events: 4_096, ..SMALL_PIPELINE };
    let (running, models, mut handles) =
        run::start(opened, &pipeline, RunOptions::default(), 1).unwrap();
    let mut handle = handles.pop().unwrap();
    let mut teller = Teller { feed, archive, random: Random::new(8) };
    for command in setup() {
        teller.tell(&mut handle, &mut None, &[scaled(command)]);
    }
    let mut flow = Some(Flow::new(8, &models));
    let mut copies = Vec::new();
    for number in 0..700 {
        let command = flow.as_mut().unwrap().next_command();
        teller.tell(&mut handle, &mut flow, &[scaled(command)]);
        if number % 100 == 57 {
            let to = place.path().join(format!("copy-{number}"));
            copy(&whole, &to);
            copies.push(to);
        }
    }
    let ended = std::thread::scope(|scope| {
        let stopped = scope.spawn(|| running.stop());
        while handle.poll(64, |_| {}).is_ok() {}
        stopped.join().unwrap().unwrap()
    });
    let Teller { feed, mut archive, .. } = teller;
    archive.sync().unwrap();
    assert!(archive.command() <= ended.sequence && feed.orders() > 20);
    copies.push(whole.clone());
    for folder in copies {
        let opened = store::open(&store, IoOptions::default(), &options()).unwrap();
        let (again, mut archive) = itch::open(&folder, 3, &opened, &options()).unwrap();
        assert_eq!(again.orders(), feed.orders());
        assert_eq!(archive.command(), ended.sequence);
        archive.sync().unwrap();
        let (bytes, index) = told(&folder);
        let (expected, expected_index) = told(&whole);
        assert!(bytes == expected && bytes.len() > 20_000, "{}", folder.display());
        assert!(index[64..] == expected_index[64..], "{}", folder.display());
        // Each message is there by its number, from memory or from the files.
        let session = archive.session().unwrap();
        let mut all = Vec::new();
        for number in 1..session.next_outgoing() {
            let at = all.len();
            all.extend_from_slice(&[0; 2]);
            assert!(session.read(number, &mut all));
            let length = (all.len() - at - 2) as u16;
            all[at..at + 2].copy_from_slice(&length.to_be_bytes());
        }
        assert!(all == expected && !session.read(session.next_outgoing(), &mut all));
    }
}

#[test]
fn files_that_contradict_the_log_begin_another_session() {
    let place = Place::new("itch-apart");
    let store = place.path().join("store");
    let feeds = place.path().join("itch");
    let open = || store::open(&store, IoOptions::default(), &options()).unwrap();
    let opened = open();
    let (feed, archive) = itch::open(&feeds, 3, &opened, &options()).unwrap();
    let (running, models, mut handles) =
        run::start(opened, &SMALL_PIPELINE, RunOptions::default(), 1).unwrap();
    let mut handle = handles.pop().unwrap();
    let mut teller = Teller { feed, archive, random: Random::new(9) };
    let mut flow = Some(Flow::new(9, &models));
    for command in setup() {
        teller.tell(&mut handle, &mut None, &[scaled(command)]);
    }
    for _ in 0..50 {
        let command = flow.as_mut().unwrap().next_command();
        teller.tell(&mut handle, &mut flow, &[scaled(command)]);
    }
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| running.stop());
        while handle.poll(64, |_| {}).is_ok() {}
        stopped.join().unwrap().unwrap();
    });
    let first = teller.archive.session().unwrap().id();
    teller.archive.sync().unwrap();
    drop(teller);
    // One order that the book has is not in the files any more.
    let file = feeds.join(format!("{}.itch", first.escape_ascii()));
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(3).rposition(|bytes| bytes == [0, 36, b'A']).unwrap();
    bytes[at + 2 + 20] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (_, mut archive) = itch::open(&feeds, 3, &open(), &options()).unwrap();
    let second = archive.session().unwrap().id();
    assert_eq!((&first[..8], &first[8..], &second[8..]), (&second[..8], &b"01"[..], &b"02"[..]));
    drop(archive);
    // It goes on with that one, and a log that lost what was told begins a third.
    let (_, mut archive) = itch::open(&feeds, 3, &open(), &options()).unwrap();
    assert_eq!(archive.session().unwrap().id(), second);
    archive.end_of_command(u64::MAX);
    archive.sync().unwrap();
    let (feed, mut archive) = itch::open(&feeds, 3, &open(), &options()).unwrap();
    assert_eq!(&archive.session().unwrap().id()[8..], b"03");
    assert_eq!(archive.command(), open().engine.sequence());
    assert!(feed.orders() > 5);
}
