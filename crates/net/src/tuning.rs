//! What a socket is asked to be, and what the kernel makes of it.

use std::fmt;
use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// When a silent peer is asked whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first question.
    pub after: Duration,
    /// Time between two.
    pub interval: Duration,
    /// Questions without an answer that end the connection.
    pub probes: u32,
}

/// How a TCP connection is to be. What is `None` stays as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Small segments leave at once (`TCP_NODELAY`).
    pub no_delay: bool,
    /// Segments are acknowledged at once (`TCP_QUICKACK`). The kernel may fall back to waiting: see
    /// tcp(7). If not, answers carry the acknowledgement, and on a connection that is only heard
    /// [`Busy`](crate::Busy) acknowledges while it has nothing else to do: no receive sends one before it returns.
    pub quick_ack: bool,
    /// How long a receive asks the device itself before it sleeps, in microseconds
    /// (`SO_BUSY_POLL`). More than the system's own value needs `CAP_NET_ADMIN`.
    pub busy_poll_us: Option<u32>,
    /// The kernel's buffer of received bytes. It keeps twice as much, and at most
    /// `net.core.rmem_max`.
    pub receive_buffer_bytes: Option<usize>,
    /// The kernel's buffer of bytes to send; at most `net.core.wmem_max`.
    pub send_buffer_bytes: Option<usize>,
    /// Questions to a silent peer.
    pub keepalive: Option<Keepalive>,
    /// The queue that segments leave by (`SO_PRIORITY`); above 6 needs `CAP_NET_ADMIN`.
    pub priority: Option<u32>,
}

impl Default for Tuning {
    /// For orders: at once, both ways.
    fn default() -> Self {
        Self {
            no_delay: true,
            quick_ack: true,
            busy_poll_us: None,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
            keepalive: Some(Keepalive {
                after: Duration::from_secs(30),
                interval: Duration::from_secs(5),
                probes: 4,
            }),
            priority: None,
        }
    }
}

/// An option that the kernel refused, or gave less of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The option, by the field of [`Tuning`].
    pub option: &'static str,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.option, self.reason)
    }
}

impl Tuning {
    /// Tunes a connected TCP socket as far as the kernel allows; returns what it did not.
    pub fn apply<'s>(&self, socket: impl Into<SockRef<'s>>) -> Vec<Refused> {
        let socket = socket.into();
        let mut refused = Vec::new();
        let mut check = |option, result: io::Result<()>| {
            if let Err(error) = result {
                refused.push(Refused { option, reason: error.to_string() });
            }
        };
        check("no_delay", socket.set_tcp_nodelay(self.no_delay));
        check("quick_ack", socket.set_tcp_quickack(self.quick_ack));
        if let Some(microseconds) = self.busy_poll_us {
            check("busy_poll_us", socket.set_busy_poll(microseconds));
        }
        if let Some(bytes) = self.receive_buffer_bytes {
            let set = socket.set_recv_buffer_size(bytes);
            let found = set.and_then(|()| socket.recv_buffer_size());
            check("receive_buffer_bytes", enough(found, bytes));
        }
        if let Some(bytes) = self.send_buffer_bytes {
            let set = socket.set_send_buffer_size(bytes);
            let found = set.and_then(|()| socket.send_buffer_size());
            check("send_buffer_bytes", enough(found, bytes));
        }
        if let Some(Keepalive { after, interval, probes }) = self.keepalive {
            let terms =
                TcpKeepalive::new().with_time(after).with_interval(interval).with_retries(probes);
            check("keepalive", socket.set_tcp_keepalive(&terms));
        }
        if let Some(priority) = self.priority {
            check("priority", socket.set_priority(priority));
        }
        refused
    }
}

/// The kernel cuts a buffer to its limit without a word.
fn enough(found: io::Result<usize>, wanted: usize) -> io::Result<()> {
    match found? {
        found if found >= wanted => Ok(()),
        found => Err(io::Error::other(format!("{found} of {wanted} bytes given"))),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_the_kernel_gives_is_there_and_what_it_refuses_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = SockRef::from(&stream);
        assert!(!socket.tcp_nodelay().unwrap());
        let modest = Tuning { send_buffer_bytes: Some(16 << 10), ..Tuning::default() };
        assert_eq!(modest.apply(&stream), []);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);

        let greedy = Tuning { receive_buffer_bytes: Some(1 << 30), ..Tuning::default() };
        let refused = greedy.apply(&stream);
        assert_eq!(refused.len(), 1, "{refused:?}");
        let line = refused[0].to_string();
        assert!(line.starts_with("receive_buffer_bytes: ") && line.contains(" of 1073741824"));
    }
}
