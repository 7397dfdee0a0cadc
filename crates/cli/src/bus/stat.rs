//! `tiercel bus stat`: what the bus is and holds.

use std::io::{self, Write};

use serde::Serialize;
use tiercel_bus::{Bus, CycleSurvey, Waiting, Writers};

use super::Target;
use crate::exit::Exit;
use crate::text::grouped;

#[derive(Serialize)]
struct Stat {
    path: String,
    writers: &'static str,
    waiting: &'static str,
    align: usize,
    cycle_bytes: u64,
    cycle_span_ns: u64,
    retain_cycles: u32,
    retain_bytes: u64,
    next_index: String,
    living_writers: Vec<u32>,
    records: u64,
    payload_bytes: u64,
    aborted: u64,
    pending: u64,
    cycles: Vec<CycleStat>,
}

#[derive(Serialize)]
struct CycleStat {
    cycle: u32,
    created_ns: u64,
    records: u64,
    payload_bytes: u64,
    aborted: u64,
    pending: u64,
    used_bytes: u64,
    ended: bool,
}

impl From<&CycleSurvey> for CycleStat {
    fn from(survey: &CycleSurvey) -> Self {
        Self {
            cycle: survey.cycle,
            created_ns: survey.created_ns,
            records: survey.records,
            payload_bytes: survey.payload_bytes,
            aborted: survey.aborted,
            pending: survey.pending,
            used_bytes: survey.used_bytes,
            ended: survey.ended,
        }
    }
}

pub(super) fn run(target: &Target) -> anyhow::Result<Exit> {
    let bus = Bus::open(&target.path)?;
    let (surveys, faults) = bus.survey(|_, _| ())?;
    let options = bus.options();
    let sum = |field: fn(&CycleSurvey) -> u64| surveys.iter().map(field).sum();
    let stat = Stat {
        path: bus.path().display().to_string(),
        writers: match options.writers {
            Writers::One => "one",
            Writers::Shared => "shared",
        },
        waiting: match options.waiting {
            Waiting::Spin => "spin",
            Waiting::Sleep => "sleep",
        },
        align: options.align.bytes(),
        cycle_bytes: options.cycle_bytes,
        cycle_span_ns: options.cycle_span.as_nanos() as u64,
        retain_cycles: options.retention.cycles,
        retain_bytes: options.retention.bytes,
        next_index: bus.next_index().map_or_else(|_| "unknown".to_owned(), |i| i.to_string()),
        living_writers: bus.living_writers()?,
        records: sum(|survey| survey.records),
        payload_bytes: sum(|survey| survey.payload_bytes),
        aborted: sum(|survey| survey.aborted),
        pending: sum(|survey| survey.pending),
        cycles: surveys.iter().map(CycleStat::from).collect(),
    };
    let mut out = io::stdout().lock();
    if target.json {
        writeln!(out, "{}", serde_json::to_string(&stat)?)?;
    } else {
        print(&mut out, &stat)?;
    }
    for fault in &faults {
        eprintln!("tiercel: cycle {}: {}", fault.cycle, fault.error);
    }
    Ok(if faults.is_empty() { Exit::Ok } else { Exit::Damaged })
}

fn print(out: &mut impl Write, stat: &Stat) -> io::Result<()> {
    let bound = |bound: u64, unit: &str| match bound {
        0 => format!("any number of {unit}"),
        bound => format!("{} {unit}", grouped(bound)),
    };
    writeln!(out, "{}", stat.path)?;
    writeln!(
        out,
        "  made for {} writer{}; readers {}; records on {} bytes; cycles of {} bytes",
        stat.writers,
        if stat.writers == "one" { "" } else { "s" },
        stat.waiting,
        stat.align,
        grouped(stat.cycle_bytes),
    )?;
    writeln!(
        out,
        "  keeps {}, {}",
        bound(stat.retain_cycles.into(), "cycles"),
        bound(stat.retain_bytes, "bytes"),
    )?;
    writeln!(out, "  next index {}; living writers {:?}", stat.next_index, stat.living_writers)?;
    writeln!(
        out,
        "  {:>10} {:>14} {:>16} {:>9} {:>9} {:>16}  ended",
        "cycle", "records", "payload bytes", "aborted", "pending", "used bytes"
    )?;
    for cycle in &stat.cycles {
        writeln!(
            out,
            "  {:>10} {:>14} {:>16} {:>9} {:>9} {:>16}  {}",
            cycle.cycle,
            grouped(cycle.records),
            grouped(cycle.payload_bytes),
            grouped(cycle.aborted),
            grouped(cycle.pending),
            grouped(cycle.used_bytes),
            if cycle.ended { "yes" } else { "no" },
        )?;
    }
    Ok(())
}
