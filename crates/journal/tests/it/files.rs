//! What holds for real files alone.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use tiercel_journal::{
    AppendError, Durability, Engine, EventLog, FileStorage, IoOptions, Journal, OpenError, Options,
};
use tiercel_testkit::counting_allocator::alone;
use tiercel_testkit::event_log::{append_next, read_all};

use crate::it::place::{Place, SMALL, WAYS, open};

/// Its number on every machine: `asm-generic/unistd.h`.
const CACHESTAT: libc::c_long = 451;

/// Pages of `file` that the system has not written to the disk yet: `cachestat(2)`, Linux 6.5.
fn unwritten_pages(file: &File) -> io::Result<u64> {
    // `struct cachestat_range`: from where, and how far; 0 is to the end.
    let range = [0_u64; 2];
    // `struct cachestat`: cached, dirty, being written, evicted, recently evicted.
    let mut found = [0_u64; 5];
    // SAFETY: both are as large as the kernel takes them to be, and outlive the call.
    let result =
        unsafe { libc::syscall(CACHESTAT, file.as_raw_fd(), &raw const range, &raw mut found, 0) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(found[1] + found[2]) }
}

#[test]
fn what_is_acknowledged_waits_in_no_page_cache() {
    let place = Place::new("page-cache");
    let control = File::create(place.path().join("control")).expect("it can be made");
    control.write_all_at(&[1; 4096], 0).expect("it can be written");
    match unwritten_pages(&control) {
        Ok(count) => assert!(count > 0, "a write without a sync is noticed"),
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            eprintln!("skipped: this kernel has no cachestat");
            return;
        }
        Err(error) => panic!("{error}"),
    }
    for (way, io) in WAYS.into_iter().enumerate() {
        let path = place.path().join(way.to_string());
        let mut journal = open(&path, io, Options { segment_size: 1 << 20, ..SMALL });
        let segment = File::open(path.join("0000000001.segment")).expect("it is there");
        for _ in 0..50 {
            append_next(&mut journal, 5, Durability::Disk).expect("there is room");
            journal.wait_durable(u64::MAX).expect("the disk works");
            assert_eq!(unwritten_pages(&segment).expect("as above"), 0, "{io:?}");
        }
    }
}

/// How large a file of this process may become.
fn limit_file_sizes(bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a limit that outlives the call; and no handler is set, so that none has to be safe.
    let result = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

#[test]
fn writes_that_the_system_refuses_or_cuts_short_stop_the_log_whatever_way_they_are_made() {
    let name = "it::files::writes_that_the_system_refuses_or_cuts_short_stop_the_log_whatever_way_they_are_made";
    alone(name, || {
        for (way, io) in WAYS.into_iter().enumerate() {
            // The limit lies on a block, inside of one, and before the first.
            for limit in [20 << 10, (24 << 10) + 100, 100] {
                let place = Place::new(&format!("limit-{way}"));
                let mut journal = open(place.path(), io, SMALL);
                limit_file_sizes(limit);
                let failure = loop {
                    let appended = append_next(&mut journal, 9, Durability::Disk);
                    match appended.map(|_| journal.wait_durable(u64::MAX)) {
                        Ok(Ok(())) => {}
                        Ok(Err(failure)) | Err(AppendError::Failed(failure)) => break failure,
                        Err(other) => panic!("{other}"),
                    }
                };
                // Cut inside of a block, a direct write is no longer one.
                let told = matches!(failure.code, Some(libc::EFBIG | libc::EINVAL))
                    || failure.reason.starts_with("only ");
                assert!(told, "{failure}");
                let durable = journal.durable_sequence();
                let refused = append_next(&mut journal, 1, Durability::Memory);
                assert_eq!(refused, Err(AppendError::Failed(failure)));
                drop(journal);
                limit_file_sizes(libc::RLIM_INFINITY);
                let journal = open(place.path(), io, SMALL);
                assert!(journal.position().sequence >= durable, "{io:?}, {limit}");
                read_all(&mut journal.read(1).expect("readable"));
            }
        }
    });
}

#[test]
fn a_second_writer_is_refused() {
    let place = Place::new("locked");
    let first = open(place.path(), IoOptions::default(), SMALL);
    let second = FileStorage::open(place.path(), IoOptions::default()).expect("the folder opens");
    assert!(matches!(Journal::open(second, SMALL), Err(OpenError::Locked)));
    drop(first);
    open(place.path(), IoOptions::default(), SMALL);
}

#[test]
fn a_journal_goes_on_where_it_was_whatever_way_it_is_written() {
    let place = Place::new("goes-on");
    for round in 0..12 {
        let mut journal = open(place.path(), WAYS[round % 4], SMALL);
        assert_eq!(journal.position().sequence, round as u64 * 500);
        assert_eq!(journal.recovery().torn, None);
        for _ in 0..100 {
            append_next(&mut journal, 5, Durability::Disk).expect("there is room");
            journal.wait_durable(u64::MAX).expect("the disk works");
        }
        if round % 2 == 0 {
            journal.close().expect("the disk works");
        }
    }
    let journal = open(place.path(), IoOptions::default(), SMALL);
    let read = read_all(&mut journal.read(1).expect("readable"));
    assert_eq!(read, (1..=6_000).collect::<Vec<u64>>());
}

#[test]
fn a_lost_or_damaged_index_is_made_anew() {
    let place = Place::new("index");
    let mut journal = open(place.path(), IoOptions::default(), SMALL);
    for _ in 0..3_000 {
        while append_next(&mut journal, 5, Durability::Disk) == Err(AppendError::Full) {
            journal.poll().expect("the disk works");
        }
    }
    journal.close().expect("the disk works");
    fs::remove_file(place.path().join("0000000001.index")).expect("it is there");
    fs::write(place.path().join("0000000002.index"), b"rubbish").expect("it is there");
    let journal = open(place.path(), IoOptions::default(), SMALL);
    assert_eq!(journal.recovery().indexes_rebuilt, 2);
    let read = read_all(&mut journal.read(700).expect("readable"));
    assert_eq!(read, (700..=15_000).collect::<Vec<u64>>());
    drop(journal);
    let again = open(place.path(), IoOptions::default(), SMALL);
    assert_eq!(again.recovery().indexes_rebuilt, 0);
}

#[test]
fn back_pressure_refuses_and_changes_nothing() {
    let place = Place::new("full");
    let io = IoOptions { engine: Engine::Uring, method: None };
    let mut journal = open(place.path(), io, SMALL);
    let mut refused = 0;
    for _ in 0..5_000 {
        let before = journal.position();
        if append_next(&mut journal, 20, Durability::Memory) == Err(AppendError::Full) {
            refused += 1;
            assert_eq!(journal.position(), before);
            journal.wait_durable(u64::MAX).expect("the disk works");
        }
    }
    assert!(refused > 0, "four buffers hold no 5,000 batches");
    journal.wait_durable(u64::MAX).expect("the disk works");
    let last = journal.position().sequence;
    assert_eq!(read_all(&mut journal.read(1).expect("readable")).len() as u64, last);
}

#[test]
fn another_shard_an_older_epoch_and_senseless_options_are_refused() {
    let place = Place::new("options");
    drop(open(place.path(), IoOptions::default(), Options { epoch: Some(4), ..SMALL }));
    let try_open = |options| {
        let storage = FileStorage::open(place.path(), IoOptions::default()).expect("it opens");
        Journal::open(storage, options).map(|journal| journal.position().epoch)
    };
    assert!(matches!(
        try_open(Options { shard: 3, ..SMALL }),
        Err(OpenError::Shard { found: 0, expected: 3 })
    ));
    assert!(matches!(
        try_open(Options { epoch: Some(3), ..SMALL }),
        Err(OpenError::Deposed { found: 4, asked: 3 })
    ));
    for senseless in [
        Options { block_size: 500, ..SMALL },
        Options { segment_size: 1_000, ..SMALL },
        Options { buffer_size: 256, ..SMALL },
        Options { buffers: 1, ..SMALL },
        Options { snapshots_kept: 0, ..SMALL },
    ] {
        assert!(matches!(try_open(senseless), Err(OpenError::Options(_))), "{senseless:?}");
    }
    assert_eq!(try_open(SMALL).expect("it opens"), 4);
    assert_eq!(try_open(Options { epoch: Some(9), ..SMALL }).expect("it opens"), 9);
    assert_eq!(try_open(Options { block_size: 4096, ..SMALL }).expect("another block"), 9);
}
