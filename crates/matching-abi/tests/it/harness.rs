//! The harness's side of the interface, written from the contract: its own records, its own
//! queue, and the library's symbols by name.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libloading::{Library, Symbol};

pub const BUY: u8 = 0;
pub const SELL: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct NewOrder {
    pub order_id: u64,
    pub sequence: u64,
    pub price: i64,
    pub quantity: u32,
    pub side: u8,
    pub ioc: u8,
    pub reserved: [u8; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cancel {
    pub order_id: u64,
    pub sequence: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Modify {
    pub order_id: u64,
    pub sequence: u64,
    pub price: i64,
    pub quantity: u32,
    pub side: u8,
    pub reserved: [u8; 3],
}

/// A message, in the words of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    New(NewOrder),
    Cancel(Cancel),
    Modify(Modify),
}

/// One element of a batch, as bytes: type, seven reserved, 32 bytes of message.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Element([u8; 40]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RawReport {
    pub kind: u8,
    pub side: u8,
    pub reserved: [u8; 6],
    pub sequence: u64,
    pub order_id: u64,
    pub price: i64,
    pub quantity: u32,
    pub reserved_too: u32,
    pub maker: u64,
    pub taker: u64,
    pub reserved_last: u64,
}

/// A report, reduced to the fields that the contract compares for its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Report {
    OrderAck { side: u8, id: u64, price: i64, quantity: u32 },
    Trade { price: i64, quantity: u32, maker: u64, taker: u64 },
    CancelAck { side: u8, id: u64, price: i64 },
    ModifyAck { side: u8, id: u64, price: i64, quantity: u32 },
    CancelReject { id: u64 },
    ModifyReject { id: u64 },
}

impl RawReport {
    /// The compared fields. A trade's own order id has to be its taker's.
    pub fn compared(&self) -> Report {
        let Self { side, order_id: id, price, quantity, maker, taker, .. } = *self;
        assert_eq!((self.reserved, self.reserved_too, self.reserved_last), ([0; 6], 0, 0));
        match self.kind {
            0 => Report::OrderAck { side, id, price, quantity },
            1 => {
                assert_eq!(id, taker);
                Report::Trade { price, quantity, maker, taker }
            }
            2 => Report::CancelAck { side, id, price },
            3 => Report::ModifyAck { side, id, price, quantity },
            4 => Report::CancelReject { id },
            5 => Report::ModifyReject { id },
            other => panic!("report of unknown type {other}"),
        }
    }
}

#[repr(C)]
pub struct Transport {
    pub create: unsafe extern "C" fn(u32) -> *mut c_void,
    pub push: unsafe extern "C" fn(*mut c_void, *const RawReport) -> i32,
    pub drain: unsafe extern "C" fn(*mut c_void, *mut RawReport, u32) -> u32,
    pub flush: unsafe extern "C" fn(*mut c_void),
    pub destroy: unsafe extern "C" fn(*mut c_void),
}

/// The reports of the engine under test, and how often the queue says that it is full first.
#[derive(Default)]
pub struct Queue {
    reports: RefCell<VecDeque<RawReport>>,
    refusals_each: u32,
    refused: RefCell<u32>,
}

unsafe extern "C" fn create(_: u32) -> *mut c_void {
    std::ptr::null_mut()
}

unsafe extern "C" fn push(handle: *mut c_void, report: *const RawReport) -> i32 {
    let queue = unsafe { &*handle.cast::<Queue>() };
    let mut refused = queue.refused.borrow_mut();
    if *refused < queue.refusals_each {
        *refused += 1;
        return 0;
    }
    *refused = 0;
    queue.reports.borrow_mut().push_back(unsafe { *report });
    1
}

unsafe extern "C" fn drain(handle: *mut c_void, out: *mut RawReport, max: u32) -> u32 {
    let queue = unsafe { &*handle.cast::<Queue>() };
    let mut count = 0;
    while count < max {
        let Some(report) = queue.reports.borrow_mut().pop_front() else { break };
        unsafe { out.add(count as usize).write(report) };
        count += 1;
    }
    count
}

unsafe extern "C" fn flush(_: *mut c_void) {}

unsafe extern "C" fn destroy(_: *mut c_void) {}

static TRANSPORT: Transport = Transport { create, push, drain, flush, destroy };

/// One engine per process: tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The loaded library, with an engine started.
pub struct Harness {
    library: Library,
    queue: Box<Queue>,
    sequence: u64,
    _turn: MutexGuard<'static, ()>,
}

/// The library lies beside the test's own executable.
pub fn library_path() -> PathBuf {
    let executable = std::env::current_exe().expect("a test knows where it is");
    let folder = executable.parent().expect("an executable lies in a folder");
    let name = libloading::library_filename("tiercel_matching_abi");
    folder.join(name)
}

pub fn load() -> Library {
    let path = library_path();
    unsafe { Library::new(&path) }.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn take_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Harness {
    pub fn new() -> Self {
        Self::with_refusals(0)
    }

    /// The queue says "full" so many times before it takes each report.
    pub fn with_refusals(refusals_each: u32) -> Self {
        let turn = take_turn();
        let queue = Box::new(Queue { refusals_each, ..Queue::default() });
        let harness = Self { library: load(), queue, sequence: 0, _turn: turn };
        harness.init();
        harness
    }

    fn symbol<T>(&self, name: &str) -> Symbol<'_, T> {
        unsafe { self.library.get(name.as_bytes()) }
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn init(&self) {
        type Init = unsafe extern "C" fn(u64, *const Transport, *mut c_void);
        let handle = std::ptr::from_ref(self.queue.as_ref()).cast_mut().cast();
        unsafe { self.symbol::<Init>("engine_init")(7, &raw const TRANSPORT, handle) };
    }

    pub fn shutdown(&self) {
        unsafe { self.symbol::<unsafe extern "C" fn()>("engine_shutdown")() };
    }

    fn flush(&self) {
        unsafe { self.symbol::<unsafe extern "C" fn()>("engine_flush")() };
    }

    /// Sends a message as it is.
    pub fn send(&self, message: &Message) {
        type OnNew = unsafe extern "C" fn(*const NewOrder);
        type OnCancel = unsafe extern "C" fn(*const Cancel);
        type OnModify = unsafe extern "C" fn(*const Modify);
        unsafe {
            match message {
                Message::New(order) => self.symbol::<OnNew>("engine_on_new_order")(order),
                Message::Cancel(cancel) => self.symbol::<OnCancel>("engine_on_cancel")(cancel),
                Message::Modify(modify) => self.symbol::<OnModify>("engine_on_modify")(modify),
            }
        }
    }

    /// Sends messages in one batch.
    pub fn send_batch(&self, messages: &[Message]) {
        type OnBatch = unsafe extern "C" fn(*const Element, u32);
        let elements: Vec<Element> = messages.iter().map(element_of).collect();
        let count = elements.len() as u32;
        unsafe { self.symbol::<OnBatch>("engine_on_batch")(elements.as_ptr(), count) };
    }

    /// Every report since the last look, with the number of its message.
    pub fn numbered_reports(&self) -> Vec<(u64, Report)> {
        self.flush();
        let mut all = Vec::new();
        let mut part = [RawReport::default(); 16];
        loop {
            let handle = std::ptr::from_ref(self.queue.as_ref()).cast_mut().cast();
            let count = unsafe { drain(handle, part.as_mut_ptr(), part.len() as u32) };
            if count == 0 {
                return all;
            }
            let taken = part[..count as usize].iter();
            all.extend(taken.map(|report| (report.sequence, report.compared())));
        }
    }

    /// Sends a message under the next number and returns its reports.
    fn exchange(&mut self, message: impl FnOnce(u64) -> Message) -> Vec<Report> {
        self.sequence += 1;
        let message = message(self.sequence);
        self.send(&message);
        let reports = self.numbered_reports();
        assert!(reports.iter().all(|&(number, _)| number == self.sequence), "{reports:?}");
        reports.into_iter().map(|(_, report)| report).collect()
    }

    pub fn order(&mut self, id: u64, side: u8, price: i64, quantity: u32) -> Vec<Report> {
        self.exchange(|sequence| Message::New(new_order(id, sequence, side, price, quantity)))
    }

    pub fn ioc(&mut self, id: u64, side: u8, price: i64, quantity: u32) -> Vec<Report> {
        self.exchange(|sequence| {
            let order = new_order(id, sequence, side, price, quantity);
            Message::New(NewOrder { ioc: 1, ..order })
        })
    }

    pub fn cancel(&mut self, id: u64) -> Vec<Report> {
        self.exchange(|sequence| Message::Cancel(Cancel { order_id: id, sequence }))
    }

    pub fn modify(&mut self, id: u64, side: u8, price: i64, quantity: u32) -> Vec<Report> {
        self.exchange(|sequence| {
            let reserved = [0; 3];
            Message::Modify(Modify { order_id: id, sequence, price, quantity, side, reserved })
        })
    }

    pub fn best_bid(&self) -> i64 {
        unsafe { self.symbol::<unsafe extern "C" fn() -> i64>("engine_query_best_bid")() }
    }

    pub fn best_ask(&self) -> i64 {
        unsafe { self.symbol::<unsafe extern "C" fn() -> i64>("engine_query_best_ask")() }
    }

    pub fn depth(&self, side: u8, price: i64) -> u64 {
        type Depth = unsafe extern "C" fn(i64, u8) -> u64;
        unsafe { self.symbol::<Depth>("engine_query_depth_at")(price, side) }
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.shutdown();
    }
}

pub fn new_order(id: u64, sequence: u64, side: u8, price: i64, quantity: u32) -> NewOrder {
    NewOrder { order_id: id, sequence, price, quantity, side, ioc: 0, reserved: [0; 2] }
}

fn element_of(message: &Message) -> Element {
    // What is reserved, and what a shorter message leaves of the union, may hold anything.
    let mut bytes = [0xA5; 40];
    let put = |at: usize, part: &[u8], bytes: &mut [u8; 40]| {
        bytes[at..at + part.len()].copy_from_slice(part);
    };
    match message {
        Message::New(it) => {
            bytes[0] = 0;
            put(8, &it.order_id.to_le_bytes(), &mut bytes);
            put(16, &it.sequence.to_le_bytes(), &mut bytes);
            put(24, &it.price.to_le_bytes(), &mut bytes);
            put(32, &it.quantity.to_le_bytes(), &mut bytes);
            put(36, &[it.side, it.ioc], &mut bytes);
        }
        Message::Cancel(it) => {
            bytes[0] = 1;
            put(8, &it.order_id.to_le_bytes(), &mut bytes);
            put(16, &it.sequence.to_le_bytes(), &mut bytes);
        }
        Message::Modify(it) => {
            bytes[0] = 2;
            put(8, &it.order_id.to_le_bytes(), &mut bytes);
            put(16, &it.sequence.to_le_bytes(), &mut bytes);
            put(24, &it.price.to_le_bytes(), &mut bytes);
            put(32, &it.quantity.to_le_bytes(), &mut bytes);
            put(36, &[it.side], &mut bytes);
        }
    }
    Element(bytes)
}
