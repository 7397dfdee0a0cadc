//! What a machine offers and lacks for low latency, read from its `/proc` and `/sys`.
//!
//! ```text
//!   /proc, /sys below a root --> Root (reads, never fails) --> an item's look --> Check
//! ```
//!
//! Nothing is changed and nothing is run; a root other than `/` lets tests, and people with a copy
//! of another machine's files, look at that. What is not there or not readable is
//! [`Verdict::Unknown`], never an error: a container shows little.

mod cores;
mod interrupts;
mod io;
mod memory;
mod root;
mod scheduling;
mod time;

use serde::Serialize;

pub use root::{CpuList, Root};

/// What is thought of one property of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As low latency wants it.
    Good,
    /// It costs latency.
    Bad,
    /// It cannot be told from here.
    Unknown,
}

/// How to mend what is not good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", content = "what", rename_all = "lowercase")]
pub enum Mend {
    /// A command for the superuser, in force at once; gone with the next start of the machine.
    Command(String),
    /// Parameters for the kernel's command line, in force after the next start.
    Boot(String),
    /// Something that neither of the two can do: another machine, another setting of the host.
    Advice(String),
}

impl Mend {
    /// What to do, in words or as a command.
    pub fn text(&self) -> &str {
        match self {
            Self::Command(text) | Self::Boot(text) | Self::Advice(text) => text,
        }
    }
}

/// One property of the machine, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable name, the same as the step's in `deploy/host/tune.sh`.
    pub id: &'static str,
    /// What it belongs to.
    pub group: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, in a few words.
    pub found: String,
    /// Why it matters.
    pub why: &'static str,
    /// How to mend it, unless it is good.
    pub mend: Option<Mend>,
}

/// What looking at one property gave.
struct Finding {
    verdict: Verdict,
    found: String,
    mend: Option<Mend>,
}

impl Finding {
    fn good(found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, found: found.into(), mend: None }
    }

    fn bad(found: impl Into<String>, mend: Mend) -> Self {
        Self { verdict: Verdict::Bad, found: found.into(), mend: Some(mend) }
    }

    fn unknown(found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, found: found.into(), mend: None }
    }
}

/// One property: its name, why it matters, and how to look at it.
struct Item {
    id: &'static str,
    group: &'static str,
    why: &'static str,
    look: fn(&Root) -> Finding,
}

/// Everything that is looked at, in the order it is shown.
const GROUPS: &[&[Item]] = &[
    cores::ITEMS,
    interrupts::ITEMS,
    scheduling::ITEMS,
    memory::ITEMS,
    time::ITEMS,
    io::NETWORK,
    io::STORAGE,
];

/// Looks at everything below `root`.
///
/// ```
/// use tiercel_host::checkup::{Root, Verdict, checkup};
///
/// for check in checkup(&Root::new("/")) {
///     if let (Verdict::Bad, Some(mend)) = (check.verdict, &check.mend) {
///         println!("{}: {}; {}", check.id, check.found, mend.text());
///     }
/// }
/// ```
pub fn checkup(root: &Root) -> Vec<Check> {
    let items = GROUPS.iter().copied().flatten();
    items
        .map(|&Item { id, group, why, look }| {
            let Finding { verdict, found, mend } = look(root);
            Check { id, group, verdict, found, why, mend }
        })
        .collect()
}

/// A number of the kernel's that should be at least `least`, by its `sysctl` name; `set` is what
/// the mending command makes of it.
fn sysctl_at_least(root: &Root, name: &str, least: u64, set: u64) -> Finding {
    match root.sysctl(name).and_then(|text| text.parse::<u64>().ok()) {
        None => Finding::unknown(format!("{name} cannot be read")),
        Some(value) if value >= least => Finding::good(format!("{name} = {value}")),
        Some(value) => Finding::bad(format!("{name} = {value}"), set_sysctl(name, set)),
    }
}

/// A number of the kernel's that should be `wanted`, by its `sysctl` name.
fn sysctl_equals(root: &Root, name: &str, wanted: i64) -> Finding {
    match root.sysctl(name) {
        None => Finding::unknown(format!("{name} cannot be read")),
        Some(text) if text.parse() == Ok(wanted) => Finding::good(format!("{name} = {text}")),
        Some(text) => Finding::bad(format!("{name} = {text}"), set_sysctl(name, wanted)),
    }
}

fn set_sysctl(name: &str, value: impl core::fmt::Display) -> Mend {
    Mend::Command(format!("sysctl -w {name}={value}"))
}
