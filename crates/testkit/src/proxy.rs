//! A TCP proxy that treats connections badly, by a seed: it holds bytes back, cuts connections within a message, and
//! goes on with some as if they were there (half-open).
//!
//! TCP itself lets no byte be lost, told twice or told in another order; what does that to datagrams is in the tests of
//! their feeds.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::random::Random;

/// How long a thread waits at once.
const TURN: Duration = Duration::from_millis(2);
/// Bytes that are carried at once.
const CHUNK: usize = 4_096;

/// What was done to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Harm {
    /// Connections.
    pub connections: u64,
    /// Those that were cut.
    pub cut: u64,
    /// Those that were half-open.
    pub half_open: u64,
    /// Times that bytes were held back.
    pub held: u64,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    seed: u64,
    is_bad: AtomicBool,
    is_over: AtomicBool,
    connections: AtomicU64,
    cut: AtomicU64,
    half_open: AtomicU64,
    held: AtomicU64,
}

/// A proxy, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// One in front of `target`, which carries everything until it is [told](Self::set_bad) otherwise.
    ///
    /// # Errors
    /// The system's.
    pub fn start(target: SocketAddr, seed: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            seed,
            is_bad: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            half_open: AtomicU64::new(0),
            held: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || accept(&listener, &theirs));
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections are treated badly from now on. Those that are half-open end when they no longer are.
    pub fn set_bad(&self, is_bad: bool) {
        self.shared.is_bad.store(is_bad, Ordering::Relaxed);
    }

    /// What was done so far.
    pub fn harm(&self) -> Harm {
        let Shared { connections, cut, half_open, held, .. } = &*self.shared;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Harm {
            connections: count(connections),
            cut: count(cut),
            half_open: count(half_open),
            held: count(held),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            drop(thread.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    while !shared.is_over.load(Ordering::Relaxed) {
        let Ok((client, _)) = listener.accept() else {
            std::thread::sleep(TURN);
            continue;
        };
        // Nobody there: the client sees its connection end.
        let Ok(server) = TcpStream::connect(shared.target) else { continue };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        threads.extend(carry_both(client, server, number, shared));
    }
    for thread in threads {
        drop(thread.join());
    }
}

fn carry_both(
    client: TcpStream,
    server: TcpStream,
    number: u64,
    shared: &Arc<Shared>,
) -> Vec<JoinHandle<()>> {
    let is_swallowed = Arc::new(AtomicBool::new(false));
    let copies = client.try_clone().and_then(|copy| Ok((copy, server.try_clone()?)));
    let Ok((client_too, server_too)) = copies else { return Vec::new() };
    [(client, server, 0), (server_too, client_too, 1)]
        .map(|(from, to, way)| {
            let shared = Arc::clone(shared);
            let random = Random::new(shared.seed ^ (2 * number + way).wrapping_mul(0x9e37_79b9));
            let way = Way { from, to, random, is_swallowed: Arc::clone(&is_swallowed), shared };
            std::thread::spawn(move || way.carry())
        })
        .into()
}

/// One direction of a connection.
struct Way {
    from: TcpStream,
    to: TcpStream,
    random: Random,
    /// The connection is half-open.
    is_swallowed: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

impl Way {
    fn carry(mut self) {
        let mut bytes = [0; CHUNK];
        let is_set = self.from.set_nonblocking(false).and_then(|()| {
            self.to.set_nonblocking(false)?;
            self.to.set_nodelay(true)?;
            self.from.set_read_timeout(Some(TURN))
        });
        while is_set.is_ok() && !self.shared.is_over.load(Ordering::Relaxed) {
            let is_bad = self.shared.is_bad.load(Ordering::Relaxed);
            let is_swallowed = self.is_swallowed.load(Ordering::Relaxed);
            if is_swallowed && !is_bad {
                break;
            }
            match self.from.read(&mut bytes) {
                Ok(0) => break,
                Ok(_) if is_swallowed => {}
                Ok(count) => {
                    let whole = if is_bad { self.treat(count) } else { count };
                    if self.to.write_all(&bytes[..whole]).is_err() || whole < count {
                        break;
                    }
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(_) => break,
            }
        }
        // It may have ended already.
        drop((self.from.shutdown(Shutdown::Both), self.to.shutdown(Shutdown::Both)));
    }

    /// What becomes of so many bytes: how many go on, behind which the connection is cut if they are not all.
    fn treat(&mut self, count: usize) -> usize {
        let Self { random, shared, is_swallowed, .. } = self;
        let tell = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        let held_ms = match random.below(200) {
            0 => 200 + random.below(400),
            1..10 => random.below(30),
            _ => 0,
        };
        if held_ms > 0 {
            tell(&shared.held);
            std::thread::sleep(Duration::from_millis(held_ms));
        }
        if random.one_in(300) {
            tell(&shared.cut);
            return random.below(count as u64) as usize;
        }
        if random.one_in(1_500) {
            tell(&shared.half_open);
            is_swallowed.store(true, Ordering::Relaxed);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends back what comes, on as many connections as there are.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut bytes = [0; CHUNK];
                    while let Ok(count @ 1..) = stream.read(&mut bytes) {
                        if stream.write_all(&bytes[..count]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        address
    }

    /// Messages that came back before the connection ended, of at most so many.
    fn talk(proxy: &Proxy, messages: u32) -> u32 {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        for number in 0..messages {
            let message = [number as u8; 64];
            let mut back = [0; 64];
            if stream.write_all(&message).and_then(|()| stream.read_exact(&mut back)).is_err() {
                return number;
            }
            assert_eq!(back, message);
        }
        messages
    }

    #[test]
    fn it_carries_everything_until_it_is_told_to_be_bad() {
        let proxy = Proxy::start(echo(), 1).unwrap();
        assert_eq!(talk(&proxy, 500), 500);
        assert_eq!(proxy.harm(), Harm { connections: 1, cut: 0, half_open: 0, held: 0 });
        proxy.set_bad(true);
        let begin = std::time::Instant::now();
        while proxy.harm().cut == 0 || proxy.harm().held == 0 {
            talk(&proxy, 500);
            assert!(begin.elapsed() < Duration::from_mins(1), "{:?}", proxy.harm());
        }
        proxy.set_bad(false);
        assert_eq!(talk(&proxy, 500), 500);
    }
}
