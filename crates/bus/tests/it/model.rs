//! Any use of a bus against a plain list.

use proptest::prelude::*;
use tiercel_bus::{Align, AppendError, Bus, Index, Options, ReadError, Start, Writers};
use tiercel_testkit::soak;

use crate::folder::{Folder, small};

#[derive(Clone, Debug)]
enum Step {
    Append { kind: u8, length: usize },
    GiveUp { length: usize },
    Roll,
    Restart,
    Read { reader: usize, count: usize },
    Seek { reader: usize, share: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), 0_usize..700).prop_map(|(kind, length)| Step::Append { kind, length }),
        1 => (any::<u8>(), 6_000_usize..9_000).prop_map(|(kind, length)| Step::Append { kind, length }),
        2 => (0_usize..700).prop_map(|length| Step::GiveUp { length }),
        1 => Just(Step::Roll),
        1 => Just(Step::Restart),
        4 => (0_usize..3, 0_usize..20).prop_map(|(reader, count)| Step::Read { reader, count }),
        1 => (0_usize..3, any::<u8>()).prop_map(|(reader, share)| Step::Seek { reader, share }),
    ]
}

fn bytes(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (number.wrapping_mul(31).wrapping_add(at * 7)) as u8).collect()
}

enum Handle {
    One(tiercel_bus::Writer<tiercel_bus::One>),
    Shared(tiercel_bus::Writer<tiercel_bus::Shared>),
}

impl Handle {
    fn open(bus: &Bus) -> Self {
        match bus.options().writers {
            Writers::One => Self::One(bus.writer().unwrap()),
            Writers::Shared => Self::Shared(bus.shared_writer().unwrap()),
        }
    }

    fn append(&mut self, kind: u8, bytes: &[u8]) -> Result<Index, AppendError> {
        match self {
            Self::One(writer) => writer.append(kind, bytes),
            Self::Shared(writer) => writer.append(kind, bytes),
        }
    }

    fn give_up(&mut self, length: usize) {
        match self {
            Self::One(writer) => writer.claim(1, length).unwrap().fill(0xee),
            Self::Shared(writer) => writer.claim(1, length).unwrap().fill(0xee),
        }
    }

    fn roll(&mut self) {
        match self {
            Self::One(writer) => writer.roll().unwrap(),
            Self::Shared(writer) => writer.roll().unwrap(),
        }
    }
}

fn check(options: &Options, steps: &[Step]) {
    let folder = Folder::new("model");
    let mut bus = Bus::create(folder.path(), options).unwrap();
    let mut writer = Some(Handle::open(&bus));
    let mut written: Vec<(Index, u8, Vec<u8>)> = Vec::new();
    let mut readers: Vec<_> =
        (0..3).map(|_| (bus.reader(Start::Oldest).unwrap(), 0_usize)).collect();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Append { kind, length } => {
                let bytes = bytes(number, length);
                let writer = writer.as_mut().unwrap();
                match writer.append(kind, &bytes) {
                    Ok(index) => written.push((index, kind, bytes)),
                    Err(AppendError::TooLong { max, .. }) => assert!(length > max),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::GiveUp { length } => writer.as_mut().unwrap().give_up(length),
            Step::Roll => writer.as_mut().unwrap().roll(),
            Step::Restart => {
                writer = None;
                bus = Bus::open(folder.path()).unwrap().with_prefault(false);
                writer = writer.or_else(|| Some(Handle::open(&bus)));
            }
            Step::Read { reader, count } => {
                let (reader, at) = &mut readers[reader];
                for _ in 0..count {
                    match (reader.poll().unwrap(), written.get(*at)) {
                        (None, None) => break,
                        (Some(record), Some((index, kind, bytes))) => {
                            assert_eq!((record.index, record.kind), (*index, *kind));
                            assert_eq!(record.bytes, bytes);
                            *at += 1;
                        }
                        (read, expected) => panic!("{read:?} instead of {expected:?}"),
                    }
                }
            }
            Step::Seek { reader, share } => {
                let at = written.len() * usize::from(share) / 256;
                if let Some((index, ..)) = written.get(at) {
                    readers[reader] = (bus.reader(Start::Index(*index)).unwrap(), at);
                } else {
                    readers[reader] = (bus.reader(Start::End).unwrap(), written.len());
                }
            }
        }
    }
    drop(writer);
    let (cycles, faults) = bus.survey(|_, _| ()).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(cycles.iter().map(|cycle| cycle.records).sum::<u64>(), written.len() as u64);
    for (mut reader, at) in readers {
        for (index, ..) in &written[at..] {
            assert_eq!(reader.poll().unwrap().unwrap().index, *index);
        }
        assert!(matches!(reader.poll(), Ok(None)));
        let beyond = Index::new(u32::MAX, 0);
        assert!(matches!(bus.reader(Start::Index(beyond)), Err(ReadError::Beyond { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if soak::is_soak() { 1_000 } else { 64 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_use_of_a_bus_reads_as_a_list(
        steps in prop::collection::vec(step(), 1..120),
        packed: bool,
        several: bool,
        small_cycle: bool,
    ) {
        let options = Options {
            align: if packed { Align::Word } else { Align::CacheLine },
            writers: if several { Writers::Shared } else { Writers::One },
            cycle_bytes: if small_cycle { 12 << 10 } else { 64 << 10 },
            ..small()
        };
        check(&options, &steps);
    }
}
