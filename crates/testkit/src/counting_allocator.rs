//! Counts what all threads of the process allocate, and gives a test a process of its own.
//!
//! A test binary installs it, and its tests ask it:
//!
//! ```
//! use tiercel_testkit::counting_allocator::{CountingAllocator, allocations};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
//! ```

#![allow(clippy::missing_panics_doc, reason = "a test's helper fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::env;
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The system's allocator, with a count of what all threads ask of it.
#[derive(Clone, Copy, Debug)]
pub struct CountingAllocator;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);
/// While set, the first allocation takes it back and prints where it was made.
static TELL_NEXT: AtomicBool = AtomicBool::new(false);

impl CountingAllocator {
    fn count(freed: usize, taken: usize) {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        LIVE_BYTES.fetch_add(taken, Ordering::SeqCst);
        LIVE_BYTES.fetch_sub(freed, Ordering::SeqCst);
        if TELL_NEXT.swap(false, Ordering::SeqCst) {
            eprintln!("an allocation of {taken} bytes:\n{}", Backtrace::force_capture());
        }
    }
}

// SAFETY: each call goes to the system's allocator unchanged; counting touches none of its memory.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(0, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(0, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count(layout.size(), size);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The allocations of all threads while `run` runs. Only [`alone`] makes it mean `run`'s.
///
/// With `TIERCEL_BACKTRACE` set the first one's place is printed.
pub fn allocations(run: impl FnOnce()) -> u64 {
    let tell = env::var_os("TIERCEL_BACKTRACE").is_some();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    TELL_NEXT.store(tell, Ordering::SeqCst);
    run();
    TELL_NEXT.store(false, Ordering::SeqCst);
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

/// The control of every test that asks for [`allocations`]: one is counted, whichever thread makes
/// it. To be called [`alone`].
pub fn assert_counts_every_thread() {
    assert_eq!(allocations(|| ()), 0);
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
    let phase = AtomicU8::new(0);
    let wait = |until| {
        while phase.load(Ordering::SeqCst) < until {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            phase.store(1, Ordering::SeqCst);
            wait(2);
            drop(black_box(Box::new(1)));
            phase.store(3, Ordering::SeqCst);
        });
        wait(1);
        let counted = allocations(|| {
            phase.store(2, Ordering::SeqCst);
            wait(3);
        });
        assert_eq!(counted, 1);
    });
}

/// What the process holds of what it allocated.
pub fn live_bytes() -> usize {
    LIVE_BYTES.load(Ordering::SeqCst)
}

/// Marks the process that [`alone`] starts.
const MARK: &str = "TIERCEL_TEST_ALONE";

/// Runs the test of this full name in a process where no other test runs beside it.
pub fn alone(name: &str, body: impl FnOnce()) {
    if env::var_os(MARK).is_some() {
        // The harness's own thread may still be busy with having started this one.
        thread::sleep(Duration::from_millis(100));
        return body();
    }
    let (success, text) = run_again(name, &[]);
    assert!(success, "{name}:\n{text}");
    print!("{text}");
}

/// Runs the test of this full name once more, in a process of its own with these variables in its
/// environment: whether it passed, and what it printed.
pub fn run_again(name: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let output = Command::new(env::current_exe().expect("the test's own binary"))
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .envs(variables.iter().copied())
        .env(MARK, "1")
        .output()
        .expect("the test's own binary runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // A name that is no test's would pass, too.
    (output.status.success() && text.contains("1 passed"), text.into_owned())
}
