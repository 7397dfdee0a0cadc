//! Opening: finds what is there, makes whole what a crash left, refuses what is damaged.

use std::io;

use crate::buffer::Buffer;
use crate::error::{LogFailure, OpenError};
use crate::header::{SegmentHeader, segment_name};
use crate::inspect::{Inspection, index_of, inspect, write_index};
use crate::journal::{Journal, Parts, Recovery};
use crate::log::EventLog;
use crate::options::Options;
use crate::scan::{Scan, TornTail};
use crate::spare::{Spare, header_write, short};
use crate::storage::{Directory, FileOf, Storage, StorageFile};

/// Opens the journal of `storage`.
pub(crate) fn open<S: Storage>(mut storage: S, options: Options) -> Result<Journal<S>, OpenError> {
    options.check()?;
    let directory = storage.directory().clone();
    let lock = directory.lock().map_err(OpenError::system("lock the journal"))?;
    let lock = lock.ok_or(OpenError::Locked)?;
    let inspection = inspect(&directory)?;
    if let Some(header) = inspection.segments.last() {
        if header.shard != options.shard {
            let (found, expected) = (header.shard, options.shard);
            return Err(OpenError::Shard { found, expected });
        }
        if options.epoch.is_some_and(|asked| asked < header.epoch) {
            let (found, asked) = (header.epoch, options.epoch.unwrap_or(0));
            return Err(OpenError::Deposed { found, asked });
        }
    }
    // Damage in front of the last segment is found here if its end is missing, else by reading.
    for &ordinal in &inspection.spares {
        let name = segment_name(ordinal);
        directory.remove(&name).map_err(OpenError::system(format!("remove {name}")))?;
    }
    let Inspection { mut segments, last, .. } = inspection;
    let indexes_rebuilt = indexes(&directory, &segments)?;
    let (planned, file, scan) = if let (Some(&header), Some(scan)) = (segments.last(), last) {
        (header, mend(&directory, &header, &scan)?, scan)
    } else {
        let header = first_header(&options);
        let file = begin(&mut storage, &header)?;
        segments.push(header);
        let end = u64::from(header.block_size);
        let index = Vec::new();
        (header, file, Scan { last_sequence: 0, last_time_ns: 0, end, index, torn: None })
    };
    let recovery = Recovery {
        first_sequence: segments.first().map_or(1, |header| header.first_sequence),
        last_sequence: scan.last_sequence,
        torn: scan.torn.clone(),
        indexes_rebuilt,
    };
    // A segment of another block size is not written on: the next one begins with this one's.
    let position = if planned.block_size == options.block_size {
        scan.end.next_multiple_of(u64::from(planned.block_size))
    } else {
        planned.segment_size
    };
    let mut journal = Journal::from_parts(Parts {
        storage,
        options,
        file,
        segments,
        planned,
        position,
        index: scan.index,
        last_sequence: scan.last_sequence,
        last_time_ns: scan.last_time_ns,
        recovery,
        lock,
    });
    journal.prepare_now().map_err(failed)?;
    if let Some(epoch) = options.epoch
        && epoch > planned.epoch
    {
        journal.begin_epoch(epoch).map_err(|error| OpenError::System {
            what: format!("begin epoch {epoch}"),
            error: io::Error::other(error),
        })?;
    }
    Ok(journal)
}

fn failed(failure: LogFailure) -> OpenError {
    OpenError::System {
        what: "make the next segment ready".to_owned(),
        error: io::Error::other(failure),
    }
}

fn first_header(options: &Options) -> SegmentHeader {
    SegmentHeader {
        magic: [0; 8],
        format_version: 0,
        schema_version: 0,
        rules_version: 0,
        shard: options.shard,
        epoch: options.epoch.unwrap_or(1),
        first_sequence: 1,
        previous_time_ns: 0,
        ordinal: 1,
        segment_size: options.segment_size,
        block_size: options.block_size,
        checksum: 0,
    }
    .sealed()
}

/// Makes the first segment.
fn begin<S: Storage>(storage: &mut S, header: &SegmentHeader) -> Result<FileOf<S>, OpenError> {
    let mut spare = Spare::none();
    let name = segment_name(header.ordinal);
    let refused = |error| OpenError::System { what: format!("make {name}"), error };
    while !spare.is_ready() {
        if !spare.start(storage, header.ordinal, header.segment_size) {
            let done =
                storage.completion(true).ok_or(io::ErrorKind::Other).map_err(io::Error::from);
            done.and_then(|done| spare.finish(done, storage)).map_err(refused)?;
        }
    }
    let Some(file) = spare.take_ready() else { return Err(refused(io::ErrorKind::Other.into())) };
    let buffer = Buffer::new(header.block_size as usize);
    storage.submit(header_write(file.clone(), header, buffer));
    let done = storage.completion(true).map_or(Ok(0), |done| done.result).map_err(refused)?;
    if done == header.block_size as usize { Ok(file) } else { Err(refused(short(done))) }
}

/// Cuts a torn tail off, gives the last segment its full size again, and makes it durable.
fn mend<D: Directory>(
    directory: &D,
    header: &SegmentHeader,
    scan: &Scan,
) -> Result<D::File, OpenError> {
    let name = segment_name(header.ordinal);
    let refused = |error| OpenError::System { what: format!("mend {name}"), error };
    let file = directory.open(&name).map_err(refused)?;
    if let Some(TornTail { offset, bytes, missing, .. }) = scan.torn {
        let zeros = vec![0; 64 << 10];
        // A cut file is filled from where it ends; a longer hole would not be written blocks.
        let end = if missing > 0 { header.segment_size } else { offset + bytes };
        let mut at = offset;
        while at < end {
            let count = (end - at).min(zeros.len() as u64);
            file.write_at(&zeros[..count as usize], at).map_err(refused)?;
            at += count;
        }
    }
    // What was read may be in the system's memory alone: a writer died before its sync. It is
    // shown as durable from here on, so it has to be.
    file.sync().map_err(refused)?;
    Ok(file)
}

/// Makes missing and damaged indexes of full segments anew; returns how many.
fn indexes(directory: &impl Directory, segments: &[SegmentHeader]) -> Result<usize, OpenError> {
    let mut rebuilt = 0;
    for pair in segments.windows(2) {
        let (entries, is_new) = index_of(directory, &pair[0])?;
        if is_new {
            let name = crate::header::index_name(pair[0].ordinal);
            write_index(directory, &pair[0], &entries)
                .map_err(OpenError::system(format!("write {name}")))?;
            rebuilt += 1;
        }
    }
    Ok(rebuilt)
}
