//! `tiercel bus verify`: is every record's header what a writer puts there?

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use tiercel_bus::Bus;

use super::Target;
use crate::exit::Exit;
use crate::text::grouped;

#[derive(Serialize)]
struct Verdict {
    path: String,
    cycles: usize,
    records: u64,
    aborted: u64,
    pending: u64,
    faults: Vec<FaultLine>,
}

#[derive(Serialize)]
struct FaultLine {
    cycle: u32,
    error: String,
}

pub(super) fn run(target: &Target) -> anyhow::Result<Exit> {
    let bus = Bus::open(&target.path)?;
    let (surveys, faults) = bus.survey(progress)?;
    let verdict = Verdict {
        path: bus.path().display().to_string(),
        cycles: surveys.len(),
        records: surveys.iter().map(|survey| survey.records).sum(),
        aborted: surveys.iter().map(|survey| survey.aborted).sum(),
        pending: surveys.iter().map(|survey| survey.pending).sum(),
        faults: faults
            .iter()
            .map(|fault| FaultLine { cycle: fault.cycle, error: fault.error.to_string() })
            .collect(),
    };
    let mut out = io::stdout().lock();
    if target.json {
        writeln!(out, "{}", serde_json::to_string(&verdict)?)?;
    } else {
        writeln!(
            out,
            "{}: {} records in {} cycles, {} aborted, {} pending: {}",
            verdict.path,
            grouped(verdict.records),
            verdict.cycles,
            grouped(verdict.aborted),
            grouped(verdict.pending),
            if verdict.faults.is_empty() { "good" } else { "damaged" },
        )?;
        for fault in &verdict.faults {
            writeln!(out, "  cycle {}: {}", fault.cycle, fault.error)?;
        }
    }
    Ok(if faults.is_empty() { Exit::Ok } else { Exit::Damaged })
}

/// Shows how far it is, on a terminal.
fn progress(done: u64, all: u64) {
    let mut out = io::stderr();
    if all > 8 && out.is_terminal() {
        let end = if done == all { "\r\x1b[K" } else { "" };
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(out, "\rcycle {done} of {all}{end}");
        let _ = out.flush();
    }
}
