//! A TCP connection to ourselves.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tiercel_host::pin_current_thread;
use tiercel_telemetry::histogram::Nanoseconds;
use tiercel_telemetry::{Distribution, Histogram};

use super::{Outcome, Setting};

const MESSAGE: usize = 64;
/// Round trips that are timed, and as a warm-up before them.
const POLLED: usize = 20_000;
const BLOCKING: usize = 3_000;
/// A side that hears nothing for so long gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Polled where there are two cores to poll on, and blocking beside it.
pub(super) fn round_trip(setting: &Setting<'_>) -> io::Result<Outcome> {
    let blocking = exchange(setting, BLOCKING, false)?;
    if setting.cpus.len() < 2 {
        let found = format!("{} blocking, on one core", Nanoseconds(blocking.p50_ns));
        return Ok(Outcome { found, judged_ns: blocking.p50_ns, latency: blocking });
    }
    let polled = exchange(setting, POLLED, true)?;
    let found = format!(
        "{} polled, p99 {}; {} blocking",
        Nanoseconds(polled.p50_ns),
        Nanoseconds(polled.p99_ns),
        Nanoseconds(blocking.p50_ns)
    );
    Ok(Outcome { found, judged_ns: polled.p50_ns, latency: polled })
}

fn exchange(setting: &Setting<'_>, trips: usize, polled: bool) -> io::Result<Distribution> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut ours = TcpStream::connect(listener.local_addr()?)?;
    let (mut theirs, _) = listener.accept()?;
    for stream in [&ours, &theirs] {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(polled)?;
        stream.set_read_timeout(Some(PATIENCE))?;
    }
    let peer_cpu = setting.cpus.first().copied().unwrap_or(setting.cpu);
    let all = trips + trips / 10;
    thread::scope(|scope| {
        let echo = thread::Builder::new().spawn_scoped(scope, move || -> io::Result<()> {
            pin_current_thread(peer_cpu)?;
            let mut message = [0; MESSAGE];
            for _ in 0..all {
                receive(&mut theirs, &mut message)?;
                theirs.write_all(&message)?;
            }
            Ok(())
        })?;
        let mut times = Histogram::new();
        let mut message = [7; MESSAGE];
        for trip in 0..all {
            let start = setting.clock.ticks();
            ours.write_all(&message)?;
            receive(&mut ours, &mut message)?;
            if trip >= all - trips {
                times.record(setting.clock.ns_since(start));
            }
        }
        echo.join().map_err(|_| io::Error::other("the other side panicked"))??;
        Ok(times.distribution())
    })
}

/// Reads a whole message, polling where the stream does not block.
fn receive(stream: &mut TcpStream, message: &mut [u8; MESSAGE]) -> io::Result<()> {
    let mut filled = 0;
    while filled < MESSAGE {
        match stream.read(&mut message[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !is_timeout(stream)? => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether "would block" means that patience ran out: the stream blocks.
fn is_timeout(stream: &TcpStream) -> io::Result<bool> {
    let flags = rustix::fs::fcntl_getfl(stream)?;
    Ok(!flags.contains(rustix::fs::OFlags::NONBLOCK))
}
