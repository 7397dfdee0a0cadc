//! The queue that takes the reports may be full.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::harness::{
    BUY, Harness, NewOrder, RawReport, SELL, Transport, load, new_order, take_turn,
};

#[test]
fn a_full_queue_is_asked_again_until_it_takes_the_report() {
    let mut patient = Harness::with_refusals(3);
    patient.order(1, SELL, 100, 2);
    patient.order(2, SELL, 101, 2);
    let reports = patient.order(3, BUY, 101, 5);
    assert_eq!(reports.len(), 3, "{reports:?}");
    assert_eq!(patient.cancel(3).len(), 1);
}

/// Room for so few that the engine has to wait for the reader again and again.
const CAPACITY: usize = 4;

struct Bounded {
    reports: Mutex<Vec<RawReport>>,
    refusals: AtomicU64,
}

unsafe extern "C" fn push(handle: *mut c_void, report: *const RawReport) -> i32 {
    let bounded = unsafe { &*handle.cast::<Bounded>() };
    let mut reports = bounded.reports.lock().unwrap_or_else(PoisonError::into_inner);
    if reports.len() == CAPACITY {
        bounded.refusals.fetch_add(1, Ordering::Relaxed);
        drop(reports);
        std::thread::yield_now();
        return 0;
    }
    reports.push(unsafe { *report });
    1
}

unsafe extern "C" fn create(_: u32) -> *mut c_void {
    std::ptr::null_mut()
}

unsafe extern "C" fn drain(_: *mut c_void, _: *mut RawReport, _: u32) -> u32 {
    0
}

unsafe extern "C" fn nothing(_: *mut c_void) {}

static TRANSPORT: Transport = Transport { create, push, drain, flush: nothing, destroy: nothing };

#[test]
fn a_slow_reader_on_another_thread_loses_nothing_and_sees_the_order() {
    const ORDERS: u64 = 5_000;
    type Init = unsafe extern "C" fn(u64, *const Transport, *mut c_void);
    type OnNew = unsafe extern "C" fn(*const NewOrder);
    let _turn = take_turn();
    let library = load();
    let bounded = Arc::new(Bounded { reports: Mutex::default(), refusals: AtomicU64::new(0) });
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (bounded, done) = (Arc::clone(&bounded), Arc::clone(&done));
        std::thread::spawn(move || {
            let mut seen = Vec::new();
            loop {
                let last_look = done.load(Ordering::Acquire);
                let mut reports = bounded.reports.lock().unwrap_or_else(PoisonError::into_inner);
                seen.append(&mut reports);
                drop(reports);
                if last_look {
                    return seen;
                }
                std::thread::yield_now();
            }
        })
    };
    unsafe {
        let handle = Arc::as_ptr(&bounded).cast_mut().cast();
        library.get::<Init>(b"engine_init").unwrap()(1, &raw const TRANSPORT, handle);
        let on_new = library.get::<OnNew>(b"engine_on_new_order").unwrap();
        for id in 0..ORDERS {
            let side = if id % 2 == 0 { SELL } else { BUY };
            let order = new_order(id, id, side, 100, 1);
            on_new(&raw const order);
        }
        library.get::<unsafe extern "C" fn()>(b"engine_flush").unwrap()();
        done.store(true, Ordering::Release);
        library.get::<unsafe extern "C" fn()>(b"engine_shutdown").unwrap()();
    }
    let seen = reader.join().unwrap();
    // Every second order takes the one before: two acknowledgements and a trade for each pair.
    assert_eq!(seen.len() as u64, ORDERS / 2 * 3);
    for (pair, reports) in seen.chunks(3).enumerate() {
        let (maker, taker) = (2 * pair as u64, 2 * pair as u64 + 1);
        assert_eq!(reports.iter().map(|it| it.kind).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!((reports[2].maker, reports[2].taker), (maker, taker));
    }
    assert!(bounded.refusals.load(Ordering::Relaxed) > 0, "the queue was never full");
}

#[test]
fn a_missing_queue_starts_nothing() {
    type Init = unsafe extern "C" fn(u64, *const Transport, *mut c_void);
    type OnNew = unsafe extern "C" fn(*const NewOrder);
    let _turn = take_turn();
    let library = load();
    unsafe {
        let init = library.get::<Init>(b"engine_init").unwrap();
        init(1, std::ptr::null(), std::ptr::null_mut());
        let order = new_order(1, 1, BUY, 100, 1);
        library.get::<OnNew>(b"engine_on_new_order").unwrap()(&raw const order);
        let best = library.get::<unsafe extern "C" fn() -> i64>(b"engine_query_best_bid").unwrap();
        assert_eq!(best(), i64::MIN);
    }
}
