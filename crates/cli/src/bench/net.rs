//! A message of 64 bytes to the other core and back, over loopback TCP.
//!
//! ```text
//!   this thread: write, then read until it is back      busy-polled, the same for all
//!        |                          ^
//!        v                          |
//!   the other core: a reactor whose handler sends back what it gets
//! ```
//!
//! Ours is the reactor that looks again and again; the one by `io_uring` stands beside it. The floor
//! is a thread that reads and writes one socket and does nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tiercel_net::{
    Busy, CloseReason, ConnectionId, Handler, Limits, Polling, Reactor, Tuning, Uring,
};

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::journal::wrong;
use super::venue_sockets::{elsewhere, joined, round_of};
use super::{BenchError, Options};

/// The cases of `tiercel bench net`.
pub const CASES: &[CaseSpec] = &[CaseSpec { bench: "net", name: "echo", build: echo }];

const SIZE: usize = 64;
const WARM_UP: usize = 2_000;
const ROUND_TRIPS: usize = 20_000;

fn echo(options: &Options) -> Result<Case, BenchError> {
    let cpu = options.second_cpu()?;
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(Echo { name: "ours", cpu, serve: serve_busy }),
        Box::new(Echo { name: "uring", cpu, serve: serve_uring }),
        Box::new(Echo { name: "bare_echo", cpu, serve: serve_bare }),
    ];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

/// Sends back what it gets.
struct Back;

impl Handler for Back {
    fn connected(&mut self, _: ConnectionId, _: SocketAddr) -> bool {
        true
    }

    fn received(&mut self, _: ConnectionId, bytes: &[u8], output: &mut Vec<u8>) -> usize {
        let whole = bytes.len() / SIZE * SIZE;
        output.extend_from_slice(&bytes[..whole]);
        whole
    }

    fn closed(&mut self, _: ConnectionId, _: &CloseReason) {}
}

fn serve_busy(listener: TcpListener, stop: &AtomicBool) -> Result<(), BenchError> {
    serve(Busy::new(Some(listener), Tuning::default(), Limits::default())?, stop)
}

fn serve_uring(listener: TcpListener, stop: &AtomicBool) -> Result<(), BenchError> {
    let (tuning, limits) = (Tuning::default(), Limits::default());
    serve(Uring::new(Some(listener), tuning, limits, Polling::Own)?, stop)
}

fn serve(mut reactor: impl Reactor, stop: &AtomicBool) -> Result<(), BenchError> {
    while !stop.load(Ordering::Relaxed) {
        if reactor.poll(&mut Back)? > 0 {
            reactor.flush(&mut Back);
        } else {
            std::hint::spin_loop();
        }
    }
    Ok(())
}

fn serve_bare(listener: TcpListener, stop: &AtomicBool) -> Result<(), BenchError> {
    let (mut stream, _) = listener.accept()?;
    drop(listener);
    Tuning::default().apply(&stream);
    stream.set_nonblocking(true)?;
    let mut bytes = [0; SIZE];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => stream.write_all(&bytes[..count])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

type Serve = fn(TcpListener, &AtomicBool) -> Result<(), BenchError>;

/// A server for one round at a time, so that no other spins on its core meanwhile.
struct Echo {
    name: &'static str,
    cpu: usize,
    serve: Serve,
}

/// A server that sends back what one connection sends, on core `cpu`, until it is told to stop.
pub(super) fn bare(cpu: usize) -> Result<(SocketAddr, Arc<AtomicBool>, Server), BenchError> {
    Echo { name: "bare_echo", cpu, serve: serve_bare }.serve()
}

impl Echo {
    fn serve(&self) -> Result<(SocketAddr, Arc<AtomicBool>, Server), BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (serve, told) = (self.serve, Arc::clone(&stop));
        let thread = elsewhere(self.cpu, move || serve(listener, &told));
        Ok((address, stop, thread))
    }
}

pub(super) type Server = JoinHandle<Result<(), BenchError>>;

impl Subject for Echo {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let (address, stop, server) = self.serve()?;
        let mut stream = TcpStream::connect(address)?;
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for number in 0..WARM_UP + ROUND_TRIPS {
            let from = clock::start();
            round_trip(&mut stream, number)?;
            if number >= WARM_UP {
                times.push(clock.between_ns(clock::stop() - from) as f32);
            }
        }
        stop.store(true, Ordering::Relaxed);
        joined(server)?;
        Ok(round_of(times, timing, 0))
    }
}

/// One message there and back.
pub(super) fn round_trip(stream: &mut TcpStream, number: usize) -> Result<(), BenchError> {
    let message = [number as u8; SIZE];
    stream.write_all(&message)?;
    let (mut back, mut got) = ([0; SIZE], 0);
    while got < SIZE {
        match stream.read(&mut back[got..]) {
            Ok(0) => return Err(wrong(&"the server is gone")),
            Ok(count) => got += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error.into()),
        }
    }
    if back == message { Ok(()) } else { Err(wrong(&"another message came back")) }
}
