//! The hot thread makes no system call but its sockets': the system ends it otherwise.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP,
    SECCOMP_MODE_FILTER, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_THREAD, sock_filter, sock_fprog,
};
use tiercel_net::Limits;
use tiercel_testkit::counting_allocator::alone;
use tiercel_trader::dial::Dialer;
use tiercel_trader::hot::{Hot, Wait};
use tiercel_trader::source::Source;

use super::bus::{Recorder, folder};
use super::place::{Venue, lines};

/// Reads, writes, and the question which sockets are ready.
const ALLOWED: [libc::c_long; 10] = [
    libc::SYS_read,
    libc::SYS_write,
    // Acknowledgements, while there is nothing else to do.
    libc::SYS_setsockopt,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
];
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// From now on this thread makes these calls alone, or ends.
fn confine() {
    let step = |code: u32, skip: u8, value: u32| sock_filter {
        code: code as u16,
        jt: skip,
        jf: 0,
        k: value,
    };
    // The number of the call is the first word of what the filter is given.
    let mut program = vec![step(BPF_LD | BPF_W | BPF_ABS, 0, 0)];
    for (at, call) in ALLOWED.iter().enumerate() {
        let to_allow = (ALLOWED.len() - at) as u8;
        program.push(step(BPF_JMP | BPF_JEQ | BPF_K, to_allow, *call as u32));
    }
    program.push(step(BPF_RET | BPF_K, 0, SECCOMP_RET_KILL_THREAD));
    program.push(step(BPF_RET | BPF_K, 0, SECCOMP_RET_ALLOW));
    let program = sock_fprog { len: program.len() as u16, filter: program.leak().as_mut_ptr() };
    // SAFETY: the first call takes numbers alone; the second reads the program, which lives for ever.
    let result = unsafe {
        libc::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            + libc::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// A connection that is looked at again and again.
struct Wire(TcpStream, Vec<u8>);

impl Wire {
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self(stream, Vec::new())
    }

    fn read(&mut self) {
        let mut chunk = [0; 4_096];
        match self.0.read(&mut chunk) {
            Ok(0) => panic!("the trader has closed a connection"),
            Ok(count) => self.1.extend_from_slice(&chunk[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// Takes market data to the trader.
type Carrier = Box<dyn FnMut(&[u8])>;

/// The venue's side.
struct Desk {
    venue: Venue,
    /// Where its market data go.
    feed: Carrier,
    orders: Wire,
    bytes: Vec<u8>,
}

impl Desk {
    fn carry_until(&mut self, what: &str, mut is_so: impl FnMut(&Venue) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(&self.venue) {
            assert!(Instant::now() < end, "never {what}");
            self.carry();
        }
    }

    fn carry(&mut self) {
        self.orders.read();
        self.venue.received(&mut self.orders.1);
        self.venue.take_output(&mut self.bytes);
        self.orders.0.write_all(&self.bytes).unwrap();
        self.bytes.clear();
    }

    /// The first order: of a tick before the login's answer is there, none comes.
    fn first(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.venue.open.is_empty() {
            assert!(Instant::now() < end, "never a first order");
            self.venue.bid(999, 1_000, &mut self.bytes);
            (self.feed)(&self.bytes);
            self.bytes.clear();
            let soon = Instant::now() + Duration::from_millis(50);
            while self.venue.open.is_empty() && Instant::now() < soon {
                self.carry();
            }
        }
        self.carry_until("one order", |venue| venue.open.len() == 1);
    }

    fn tick(&mut self, before: i64, now: i64) {
        self.venue.bid(before, now, &mut self.bytes);
        (self.feed)(&self.bytes);
        self.bytes.clear();
        self.carry_until("an order for a tick", |venue| {
            let prices = venue.open.iter().map(|(_, order)| order.price.units() / 1_000_000);
            prices.eq([now - 1])
        });
    }
}

#[test]
fn from_tick_to_order_the_thread_makes_no_call_but_its_sockets() {
    alone("it::syscalls::from_tick_to_order_the_thread_makes_no_call_but_its_sockets", || {
        trade(None);
    });
}

#[test]
fn from_a_record_of_a_bus_to_the_order_it_makes_none_but_those_either() {
    alone(
        "it::syscalls::from_a_record_of_a_bus_to_the_order_it_makes_none_but_those_either",
        || {
            trade(Some(Recorder::repeating(folder("bus-calls"), 8 << 20, 0)));
        },
    );
}

/// Ticks and orders, over a connection or a bus, before the thread is confined and after.
fn trade(recorder: Option<Recorder>) {
    let (feed, orders) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [&feed, &orders].map(|listener| listener.local_addr().unwrap().to_string());
    let (control, controlled) = channel();
    let (confines, is_confined) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let told = (Arc::clone(&confines), Arc::clone(&is_confined));
    let reader = recorder.as_ref().map(|recorder| Source::Bus(Box::new(recorder.reader())));
    let sources: Vec<Source> = reader.into_iter().collect();
    // It is never joined: its own end is a call that it may not make.
    std::thread::spawn(move || {
        let dialer = Dialer::new(addresses.to_vec()).unwrap();
        let lines = lines(u64::MAX).with_sources(sources);
        let hot = Hot::new(lines, dialer, controlled, Wait::Spin, Limits::default());
        hot.unwrap().run(|_, _, _| {
            if told.0.swap(false, Ordering::Relaxed) {
                confine();
                told.1.store(true, Ordering::Relaxed);
            }
        })
    });
    let mut desk = Desk {
        venue: Venue::new(),
        feed: carrier(Wire::accept(&feed), recorder),
        orders: Wire::accept(&orders),
        bytes: Vec::new(),
    };
    desk.carry_until("a login", Venue::is_logged_on);
    let mut snapshot = Vec::new();
    desk.venue.snapshot(&mut snapshot);
    (desk.feed)(&snapshot);
    desk.first();
    for number in 0..200 {
        desk.tick(1_000 + number % 7, 1_000 + (number + 1) % 7);
    }
    confines.store(true, Ordering::Relaxed);
    let end = Instant::now() + PATIENCE;
    while !is_confined.load(Ordering::Relaxed) {
        assert!(Instant::now() < end, "the thread cannot be confined");
        std::thread::yield_now();
    }
    for number in 200..1_200 {
        desk.tick(1_000 + number % 7, 1_000 + (number + 1) % 7);
    }
    drop(control);
}

/// Carries market data: by a recorder, if there is one.
fn carrier(mut wire: Wire, recorder: Option<Recorder>) -> Carrier {
    match recorder {
        None => Box::new(move |bytes| wire.0.write_all(bytes).unwrap()),
        Some(mut recorder) => Box::new(move |bytes| {
            // The connection stays, and is silent.
            let _open = &wire;
            recorder.hear(bytes);
        }),
    }
}
