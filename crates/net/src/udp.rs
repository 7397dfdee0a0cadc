//! Datagrams that are sent and taken without waiting.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Bytes of the largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A UDP socket that never waits: what the system has no room for is not sent, and counted.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    buffer: Vec<u8>,
    sent: u64,
    dropped: u64,
}

impl Datagrams {
    /// A socket on `address`, or on any if its port is zero. With buffers of so many bytes, as far as
    /// the system gives them: half of it is no reason to fail.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.ip().is_multicast() {
            // Several receivers of a group on one machine.
            socket.set_reuse_address(true)?;
        }
        for set in
            [socket.set_recv_buffer_size(buffer_bytes), socket.set_send_buffer_size(buffer_bytes)]
        {
            set?;
        }
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        let buffer = vec![0; DATAGRAM_BYTES_MAX];
        Ok(Self { socket: socket.into(), buffer, sent: 0, dropped: 0 })
    }

    /// Sends to groups by the interface of this address, to receivers of this machine too, and at most
    /// so many networks far.
    ///
    /// # Errors
    /// The system's.
    pub fn set_multicast(&self, interface: Ipv4Addr, networks: u32) -> io::Result<()> {
        let socket = socket2::SockRef::from(&self.socket);
        socket.set_multicast_if_v4(&interface)?;
        socket.set_multicast_loop_v4(true)?;
        socket.set_multicast_ttl_v4(networks)
    }

    /// Takes what is sent to a group, by the interface of this address.
    ///
    /// # Errors
    /// The system's.
    pub fn join(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.join_multicast_v4(&group, &interface)
    }

    /// Where it is.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends a datagram; false when it was dropped: there was no room, or nobody is there.
    #[inline]
    pub fn send(&mut self, bytes: &[u8], to: SocketAddr) -> bool {
        let is_sent = self.socket.send_to(bytes, to).is_ok_and(|count| count == bytes.len());
        self.sent += u64::from(is_sent);
        self.dropped += u64::from(!is_sent);
        is_sent
    }

    /// The next datagram that came, and from whom; `None` if there is none.
    ///
    /// # Errors
    /// The system's. That a receiver of before is gone is none.
    #[inline]
    pub fn receive(&mut self) -> io::Result<Option<(&[u8], SocketAddr)>> {
        loop {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((count, from)) => return Ok(Some((&self.buffer[..count], from))),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(None),
                    // Told of something that was sent before.
                    ErrorKind::ConnectionRefused | ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Datagrams that were sent.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Datagrams that were dropped.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn wait(socket: &mut Datagrams) -> Vec<u8> {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if let Some((bytes, _)) = socket.receive().unwrap() {
                return bytes.to_vec();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("nothing came");
    }

    #[test]
    fn datagrams_come_whole_to_one_and_to_a_group() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut one = Datagrams::bind(free, 1 << 16).unwrap();
        let mut other = Datagrams::bind(free, 1 << 16).unwrap();
        assert!(other.receive().unwrap().is_none());
        assert!(one.send(b"to one", other.local_addr().unwrap()));
        assert_eq!(wait(&mut other), b"to one");
        assert!(!one.send(&vec![0; 70_000], other.local_addr().unwrap()));
        assert_eq!((one.sent(), one.dropped()), (1, 1));

        let (group, loopback) = (Ipv4Addr::new(239, 255, 13, 7), Ipv4Addr::LOCALHOST);
        let port = one.local_addr().unwrap().port();
        let address = SocketAddr::from((group, port));
        let join = || {
            let socket = Datagrams::bind(address, 1 << 16).unwrap();
            socket.join(group, loopback).unwrap();
            socket
        };
        let mut members = [join(), join()];
        other.set_multicast(loopback, 0).unwrap();
        assert!(other.send(b"to all", address));
        for member in &mut members {
            assert_eq!(wait(member), b"to all");
        }
    }
}
