//! Group commit: one write at a time, of everything that gathered while the one before was under
//! way; and between segments, the head of the next.

use crate::error::LogFailure;
use crate::frame::write_mark;
use crate::header::{SegmentHeader, segment_name};
use crate::index::IndexEntry;
use crate::journal::Journal;
use crate::spare::{IndexFile, short};
use crate::storage::{Completion, FileOf, Purpose, Storage, Write};

impl<S: Storage> Journal<S> {
    /// Starts the next write, if none is under way and there is something to write. Returns how
    /// much was started.
    pub(crate) fn start(&mut self) -> Result<usize, LogFailure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.under_way.is_some() {
            return Ok(0);
        }
        if self.queue.is_empty() {
            let wanted = self.filling.as_ref().is_some_and(|batch| {
                batch.has_entries()
                    && (batch.first_disk.is_some() || self.flush_until >= batch.first_sequence)
            });
            if !wanted {
                return Ok(0);
            }
            self.close_batch();
        }
        let Some(batch) = self.queue.front() else { return Ok(0) };
        if let Some(header) = batch.begins {
            return Ok(self.begin_segment(&header));
        }
        let Some(mut batch) = self.queue.pop_front() else { return Ok(0) };
        let Some(mut buffer) = batch.buffer.take() else { return Ok(0) };
        let durable = self.durable_sequence;
        let (sequence, time_ns) = (batch.first_sequence, batch.previous_time_ns);
        write_mark(buffer.bytes_mut(), batch.seed, sequence, time_ns, durable);
        let (file, offset, length) = (self.file.clone(), batch.offset, batch.used);
        self.under_way = Some(batch);
        self.storage.submit(Write { purpose: Purpose::Entries, file, offset, buffer, length });
        Ok(1)
    }

    /// Begins a segment: its head is written before anything else in it, and after everything in
    /// the segment before it.
    fn begin_segment(&mut self, header: &SegmentHeader) -> usize {
        let Some(buffer) = self.header_buffer.take() else { return 0 };
        let Some(file) = self.spare.take_ready() else {
            self.header_buffer = Some(buffer);
            return self.prepare();
        };
        let write = crate::spare::header_write(file, header, buffer);
        self.storage.submit(write);
        1
    }

    /// Goes on making the next segment ready.
    fn prepare(&mut self) -> usize {
        let last = self.segments.last().map_or(0, |header| header.ordinal);
        let size = self.options.segment_size;
        usize::from(self.spare.start(&mut self.storage, last + 1, size))
    }

    fn fail(
        &mut self,
        what: &'static str,
        file: String,
        offset: u64,
        length: usize,
        error: &std::io::Error,
    ) -> LogFailure {
        let (code, reason) = (error.raw_os_error(), error.to_string());
        let failure = LogFailure { what, file, offset, length, code, reason };
        self.failure.get_or_insert(failure).clone()
    }

    /// Takes note of the end of what was asked of the storage.
    fn finish(&mut self, completion: Completion<FileOf<S>>) -> Result<(), LogFailure> {
        match completion.purpose {
            Purpose::Entries => self.finish_entries(completion),
            Purpose::Header => self.finish_header(completion),
            Purpose::Zeros | Purpose::Index | Purpose::Create | Purpose::Names => {
                match self.spare.finish(completion, &mut self.storage) {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        Err(self.fail("make ready", "the next segment".into(), 0, 0, &error))
                    }
                }
            }
        }
    }

    fn finish_entries(&mut self, completion: Completion<FileOf<S>>) -> Result<(), LogFailure> {
        let Some(batch) = self.under_way.take() else { return Ok(()) };
        if let Err(error) = outcome(completion.result, batch.used) {
            let (name, offset, length) = (self.current_name(), batch.offset, batch.used);
            // It stays what it was: not acknowledged.
            self.under_way = Some(batch);
            return Err(self.fail("write", name, offset, length, &error));
        }
        self.free.extend(completion.buffer);
        if batch.has_entries() {
            self.durable_sequence = batch.last_sequence;
            let (offset, sequence) = (batch.offset, batch.first_sequence);
            let previous_time_ns = batch.previous_time_ns;
            IndexEntry::add(&mut self.index, IndexEntry { offset, sequence, previous_time_ns });
        }
        Ok(())
    }

    fn finish_header(&mut self, completion: Completion<FileOf<S>>) -> Result<(), LogFailure> {
        let length = self.options.block_size as usize;
        if let Err(error) = outcome(completion.result, length) {
            let last = self.segments.last().map_or(0, |header| header.ordinal);
            return Err(self.fail("begin segment", segment_name(last + 1), 0, length, &error));
        }
        self.header_buffer = completion.buffer;
        self.switch_segment();
        Ok(())
    }

    fn current_name(&self) -> String {
        segment_name(self.segments.last().map_or(0, |header| header.ordinal))
    }

    /// The segment before is full and the new one begun: goes on in the new one, and keeps the
    /// index of the other.
    fn switch_segment(&mut self) {
        let begun = self.queue.front_mut().and_then(|batch| batch.begins.take());
        let (Some(header), Some(full)) = (begun, self.segments.last()) else { return };
        let index = IndexFile::of(full, &self.index, self.options.block_size);
        self.index.clear();
        if let Some(file) = self.spare.begun(index) {
            self.file = file;
        }
        self.segments.push(header);
    }

    /// One turn: takes what is done, starts what can be. With `wait`, waits for something to be
    /// done.
    pub(crate) fn step(&mut self, wait: bool) -> Result<usize, LogFailure> {
        let mut work = 0;
        let mut wait = wait;
        loop {
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            while let Some(completion) = self.storage.completion(wait) {
                wait = false;
                self.finish(completion)?;
                work += 1;
            }
            let started = self.start()?;
            work += started;
            if started == 0 {
                break;
            }
        }
        if !self.spare.is_ready() {
            work += self.prepare();
        }
        Ok(work)
    }

    /// Makes the next segment ready, and waits for it.
    pub(crate) fn prepare_now(&mut self) -> Result<(), LogFailure> {
        while !self.spare.is_ready() {
            self.step(true)?;
        }
        Ok(())
    }
}

/// What came of a write that was to have `length` bytes.
fn outcome(result: std::io::Result<usize>, length: usize) -> std::io::Result<()> {
    match result? {
        done if done == length => Ok(()),
        done => Err(short(done)),
    }
}
