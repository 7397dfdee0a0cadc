//! Logs that were recorded with each version of the rules replay to the digests that were
//! recorded with them: in `testdata/log`, which its README describes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{fmt, fs};

use tiercel_matching::{Accounts, Bare};
use tiercel_testkit::commands::{Profile, Step};
use tiercel_testkit::coverage::Coverage;
use tiercel_testkit::harness::{SHARD, Subject};
use tiercel_testkit::model::{Mode, Model};
use tiercel_types::log::{LogError, LogReader, LogWriter, SegmentHeader};
use tiercel_types::{RULES_VERSION, Timestamp, command, event};

use crate::runs::{Digests, draw, run};
use crate::subject::Holding;

/// What a new version of the rules records: profile, seed, commands. The seeds are those whose
/// short logs hold the most.
const SAMPLES: [(Profile, u64, usize); 18] = [
    (Profile::CROSSING, 190, 700),
    (Profile::ICEBERG_HEAVY, 191, 500),
    (Profile::STP_HEAVY, 192, 500),
    (Profile::ADMIN_HEAVY, 193, 900),
    (Profile::BARE_ADMIN, 194, 500),
    (Profile::WIDE_PRICES, 195, 400),
    (Profile::WAITING, 304, 1_500),
    (Profile::LISTS, 197, 900),
    (Profile::LISTS_STP, 198, 900),
    (Profile::WAITING_HALTS, 199, 900),
    (Profile::BARE_WAITING, 302, 1_500),
    (Profile::SHARED, 401, 2_000),
    (Profile::BARE_SHARED, 402, 2_000),
    (Profile::SPECIAL_HALTS, 501, 3_000),
    (Profile::BARE_SPECIAL, 502, 2_000),
    (Profile::SESSIONS, 640, 2_500),
    (Profile::BARE_SESSIONS, 718, 2_000),
    (Profile::SPECIAL_AUCTIONS, 702, 2_000),
];

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../testdata/log"].iter().collect()
}

/// A line of `digests.txt`.
struct Recorded {
    file: String,
    mode: Mode,
    commands: usize,
    digests: Digests,
}

impl Recorded {
    fn all() -> Vec<Self> {
        let path = folder().join("digests.txt");
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().filter(|line| !line.starts_with('#')).map(Self::parse).collect()
    }

    fn parse(line: &str) -> Self {
        let [file, build, commands, events, state] =
            line.split(' ').collect::<Vec<_>>().try_into().expect("five words");
        let digest = |text| u128::from_str_radix(text, 16).expect("hexadecimal");
        Self {
            file: file.to_owned(),
            mode: match build {
                "full" => Mode::Full,
                "bare" => Mode::Bare,
                other => panic!("no such build: {other}"),
            },
            commands: commands.parse().expect("a number"),
            digests: Digests { events: digest(events), state: digest(state) },
        }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(folder().join(&self.file)).expect("a recorded log")
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, mode, commands, digests } = self;
        let build = if *mode == Mode::Full { "full" } else { "bare" };
        write!(f, "{file} {build} {commands} {digests}")
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Step>, LogError> {
    LogReader::new(bytes)?
        .map(|read| read.map(|(header, command)| Step { time: Timestamp(header.time_ns), command }))
        .collect()
}

fn replay(mode: Mode, steps: &[Step], holding: Holding) -> Digests {
    match mode {
        Mode::Full => run::<Accounts>(steps, holding),
        Mode::Bare => run::<Bare>(steps, holding),
    }
}

/// The logs of this build's rules, each as its bytes.
pub(crate) fn logs() -> Vec<Vec<u8>> {
    let bytes = Recorded::all().into_iter().map(|recorded| recorded.bytes());
    bytes.filter(|bytes| LogReader::new(bytes).is_ok()).collect()
}

#[test]
fn every_recorded_log_replays_to_its_digests() {
    let mut replayed = 0;
    for recorded in Recorded::all() {
        let steps = match read(&recorded.bytes()) {
            Ok(steps) => steps,
            Err(LogError::Rules { found, known }) if known == RULES_VERSION => {
                assert!(recorded.file.starts_with(&format!("v{found}-")), "{}", recorded.file);
                continue;
            }
            Err(error) => panic!("{}: {error}", recorded.file),
        };
        assert_eq!(steps.len(), recorded.commands, "{}", recorded.file);
        for holding in [Holding::PLAIN, Holding::TIGHT, Holding::RESTORED] {
            let digests = replay(recorded.mode, &steps, holding);
            assert_eq!(digests, recorded.digests, "{} now gives {digests}", recorded.file);
        }
        replayed += 1;
    }
    assert!(replayed > 0, "nothing is recorded under the rules of this build");
}

#[test]
fn no_recorded_log_goes_unread() {
    let listed: BTreeSet<String> = Recorded::all().into_iter().map(|each| each.file).collect();
    let names = fs::read_dir(folder()).expect("a folder").map(|entry| entry.unwrap().file_name());
    let mut names: BTreeSet<String> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.remove("README.md") && names.remove("digests.txt"));
    assert_eq!(names, listed);
}

/// A log of one profile would say little of the others.
#[test]
fn recorded_logs_hold_every_command_and_every_event() {
    let mut coverage = Coverage::default();
    for recorded in Recorded::all() {
        let Ok(steps) = read(&recorded.bytes()) else { continue };
        let mut model = Model::new(SHARD, recorded.mode);
        for (sequence, step) in (1..).zip(&steps) {
            coverage.command(&step.command);
            for (_, event) in Subject::apply(&mut model, sequence, step.time, &step.command) {
                coverage.event(&event);
            }
        }
    }
    assert_eq!(coverage.commands.len(), command::Kind::ALL.len(), "\n{coverage}");
    assert_eq!(coverage.events.len(), event::Kind::ALL.len(), "\n{coverage}");
    let mut missing = coverage.missing(Mode::Full);
    missing.extend(coverage.missing(Mode::Bare));
    // A short log does not make an engine forget a funding id.
    assert_eq!(missing, ["denial FUNDING_ID_TOO_OLD"]);
}

/// For a new version of the rules, and for no other reason: `cargo test -p tiercel-matching
/// --test it -- --ignored record_logs`. What is recorded is never recorded again.
#[test]
#[ignore = "writes to testdata/log"]
fn record_logs() {
    let mut lines = Vec::new();
    for (profile, seed, commands) in SAMPLES {
        let steps = match profile.mode {
            Mode::Full => draw::<Accounts>(profile, seed, commands),
            Mode::Bare => draw::<Bare>(profile, seed, commands),
        };
        let mut log = LogWriter::new(SegmentHeader::new(SHARD, 1, 1));
        let mut time = Timestamp(0);
        for (sequence, step) in (1..).zip(&steps) {
            // The generator lets time go back at times; a log never does.
            time = time.max(step.time);
            log.append(sequence, time, &step.command);
        }
        let file = format!("v{RULES_VERSION}-{}.log", profile.name);
        let path = folder().join(&file);
        if path.exists() {
            continue; // A recorded log is never recorded again.
        }
        fs::write(path, log.as_bytes()).expect("the folder can be written to");
        let digests = replay(profile.mode, &steps, Holding::PLAIN);
        lines.push(Recorded { file, mode: profile.mode, commands, digests }.to_string());
    }
    println!("to be added to digests.txt:\n{}", lines.join("\n"));
}
