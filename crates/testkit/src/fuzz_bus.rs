//! What must hold for a bus file of any bytes. Bodies for fuzzers and for fixed seeds.

use std::fs::File;
use std::os::unix::fs::FileExt;

use tiercel_bus::{Align, Bus, FIRST_PAGE, Options, Start, Waiting, Writers};

const CYCLE_BYTES: u64 = 16 << 10;
/// More records than a cycle can hold: a reader that gives more runs in circles.
const RECORDS_MAX: usize = CYCLE_BYTES as usize / 8;

/// Any bytes laid over the beginning of a bus: it opens or it does not, and nothing panics.
///
/// # Panics
/// When the bus is wrong.
pub fn first_page(bytes: &[u8]) {
    let (_, file) = bus(&Options::default());
    let bytes = &bytes[..bytes.len().min(CYCLE_BYTES as usize)];
    // The first byte says how much of a good first page stays.
    let kept = bytes.first().map_or(0, |&first| usize::from(first).min(bytes.len()));
    file.write_all_at(&bytes[kept..], kept as u64).expect("the file holds it");
    if let Ok(bus) = Bus::from_file(file) {
        use_it(&bus);
    }
}

/// Any bytes where the records are: what a reader gives lies inside the file, in order, and ends.
///
/// # Panics
/// When the bus is wrong.
pub fn records(bytes: &[u8]) {
    let (choice, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let bit = |bit: u8| choice >> bit & 1 == 1;
    let options = Options {
        writers: if bit(0) { Writers::Shared } else { Writers::One },
        waiting: if bit(1) { Waiting::Sleep } else { Waiting::Spin },
        align: if bit(2) { Align::Word } else { Align::CacheLine },
        ..Options::default()
    };
    let (bus, file) = bus(&options);
    let room = CYCLE_BYTES as usize - FIRST_PAGE;
    let bytes = &bytes[..bytes.len().min(room)];
    file.write_all_at(bytes, FIRST_PAGE as u64).expect("the file holds it");
    use_it(&bus);
}

fn bus(options: &Options) -> (Bus, File) {
    let options = Options { cycle_bytes: CYCLE_BYTES, prefault: false, ..*options };
    let bus = Bus::in_memory(&options).expect("memory for a small bus").with_prefault(false);
    let descriptor = bus.as_fd().expect("it has no name");
    let file = File::from(descriptor.try_clone_to_owned().expect("another descriptor"));
    (bus, file)
}

fn use_it(bus: &Bus) {
    let read = read(bus);
    let _ = bus.reader(Start::End).map(|mut reader| reader.poll().is_ok());
    let (cycles, _) = bus.survey(|_, _| ()).expect("one file is listed");
    assert!(cycles.len() <= 1 && cycles.iter().all(|cycle| cycle.used_bytes <= CYCLE_BYTES));
    let appended = match bus.options().writers {
        Writers::One => bus.writer().ok().and_then(|mut writer| writer.append(1, b"more").ok()),
        Writers::Shared => {
            bus.shared_writer().ok().and_then(|mut writer| writer.append(1, b"more").ok())
        }
    };
    if let Some(index) = appended {
        let mut reader = bus.reader(Start::Index(index)).expect("it was appended");
        let record = reader.poll().expect("it was appended");
        assert_eq!(record.map(|record| record.bytes), Some(&b"more"[..]));
        assert!(self::read(bus) > read, "what was there before is there no more");
    }
}

/// Reads all that there is, up to the end or the damage.
fn read(bus: &Bus) -> usize {
    let Ok(mut reader) = bus.reader(Start::Oldest) else { return 0 };
    let (mut count, mut last, mut sum) = (0, None, 0_u8);
    while let Ok(Some(record)) = reader.poll() {
        assert!(last < Some(record.index), "indices go up");
        last = Some(record.index);
        sum = record.bytes.iter().fold(sum, |sum, byte| sum.wrapping_add(*byte));
        count += 1;
        assert!(count <= RECORDS_MAX, "more records than there is room for");
    }
    std::hint::black_box(sum);
    let _ = reader.stalled();
    count
}
