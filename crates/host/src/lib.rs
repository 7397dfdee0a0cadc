//! The machine that a program runs on: its clock, its cores, its pages and nodes, its names, and
//! what it lacks for low latency.
//!
//! ```text
//!   clock       wall-clock nanoseconds from the cycle counter, anchored and monotone
//!   cycles      the counter itself, and lengths of time by it
//!   affinity    a thread on its core          realtime  its priority; memory that stays
//!   region      memory on huge pages          numa      on the near node
//!   huge_pages  the allocator for large tables
//!   mapped      a file in memory, which survives the process
//!   checkup     what `tiercel doctor` looks at
//!   secret      files that nobody but their owner may see
//! ```
//!
//! A hot thread, set up:
//!
//! ```
//! use tiercel_host::checkup::Root;
//! use tiercel_host::{Region, allowed_cpus, numa, pin_current_thread, set_realtime_priority};
//!
//! let hot = std::thread::spawn(|| -> std::io::Result<u8> {
//!     let Some(&cpu) = allowed_cpus()?.last() else { return Ok(0) };
//!     pin_current_thread(cpu)?;
//!     // What is refused says what it needs: a container grants little.
//!     if let Some(node) = numa::node_of_cpu(&Root::new("/"), cpu)
//!         && let Err(refused) = numa::bind_current_thread(node)
//!     {
//!         eprintln!("memory of any node: {refused}");
//!     }
//!     if let Err(refused) = set_realtime_priority(50) {
//!         eprintln!("ordinary priority: {refused}");
//!     }
//!     let table = Region::new(2 << 20)?;
//!     println!("core {cpu}, {}", table.pages());
//!     Ok(table[0])
//! });
//! assert_eq!(hot.join().unwrap()?, 0);
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod affinity;
pub mod checkup;
pub mod clock;
pub mod cycles;
pub mod huge_pages;
pub mod machine;
pub mod mapped;
pub mod numa;
pub mod realtime;
pub mod region;
pub mod secret;

pub use affinity::{allowed_cpus, pin_current_thread};
pub use clock::{Clock, Counter};
pub use cycles::{CycleClock, cycles};
pub use huge_pages::HugePages;
pub use machine::{Machine, machine};
pub use mapped::MappedFile;
pub use realtime::{RealtimeError, lock_memory, set_ordinary_priority, set_realtime_priority};
pub use region::{Pages, Region};
