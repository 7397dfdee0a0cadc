//! Datagrams past the kernel's network stack: an `AF_XDP` socket in front of it.
//!
//! ```text
//!   interface, one queue --> program (kernel): our UDP port over IPv4? --no--> the usual way
//!                                   | yes
//!                                   v
//!   frames (shared memory) <-- kernel writes     receive ring --> poll(): payload, in place
//!          ^                                                          |
//!          +------------------------ fill ring <----------------------+
//! ```
//!
//! Only datagrams to one port take this way; all else (ARP, other ports, fragments, IP options)
//! goes the usual one. A system call is needed only to sleep, or where the driver asks to be woken.
//! Program and socket are gone with the [`XdpReceiver`], however its process ends.
//!
//! The UDP checksum is not looked at: the network card has done so, or (on a virtual link) nobody
//! has written one. Wants `CAP_NET_ADMIN`, `CAP_NET_RAW` and `CAP_BPF`, or root.
//!
//! Source: the kernel's documentation, `AF_XDP`, and `linux/if_xdp.h`, `linux/bpf.h`.

mod packet;
mod program;
mod ring;

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::xdp::{SocketAddrXdp, SocketAddrXdpFlags, XdpUmemReg, XdpUmemRegFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use packet::udp_payload;
use program::Attached;
use ring::{Fill, Frames, Receive};

/// Bytes of a frame: a datagram of an Ethernet without jumbo frames, and what is in front of it.
const FRAME_SIZE: u32 = 2_048;

/// Where the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver if that can, else behind it.
    #[default]
    Any,
    /// In the driver, before the kernel has made anything of the frame.
    Driver,
    /// Behind the driver: with every interface, and not much faster than a socket.
    Generic,
}

/// What an [`XdpReceiver`] receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpOptions {
    /// The interface's name.
    pub interface: String,
    /// Which of its receive queues. Datagrams that the card puts into others go the usual way: steer
    /// the feed into this one (`ethtool -N`), or have one queue (`ethtool -L`).
    pub queue: u32,
    /// The port that datagrams are sent to.
    pub port: u16,
    /// Where the program runs.
    pub mode: XdpMode,
    /// Frames shared with the kernel: how many datagrams may wait. A power of two.
    pub frames: u32,
}

/// A datagram, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub from: SocketAddrV4,
    /// To which of our addresses, or to which group.
    pub to: SocketAddrV4,
    /// What it says.
    pub payload: &'a [u8],
}

/// What the kernel counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpCounts {
    /// Dropped because no frame was free, or the ring was full: the reader is too slow.
    pub dropped: u64,
    /// Frames that the kernel could not take.
    pub invalid: u64,
}

/// Receives the datagrams of a port past the network stack.
pub struct XdpReceiver {
    // Dropped in this order: nothing is redirected any more, then the socket, then its memory.
    _program: Attached,
    socket: OwnedFd,
    fill: Fill,
    receive: Receive,
    frames: Frames,
}

impl std::fmt::Debug for XdpReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XdpReceiver").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl XdpReceiver {
    /// A receiver on an interface of this thread's network namespace.
    ///
    /// # Errors
    /// The system's: no such interface or queue, no permission, another program on the interface; or
    /// [`io::ErrorKind::InvalidInput`] for a number of frames that is no power of two.
    pub fn new(options: &XdpOptions) -> io::Result<Self> {
        let count = options.frames;
        if !count.is_power_of_two() || count > 1 << 20 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "frames: a power of two"));
        }
        let family = AddressFamily::XDP;
        let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        let index = interface_index(&options.interface)?;
        let frames = Frames::new(count, FRAME_SIZE)?;
        let memory = XdpUmemReg {
            addr: frames.address(),
            len: frames.len() as u64,
            chunk_size: FRAME_SIZE,
            headroom: 0,
            flags: XdpUmemRegFlags::empty(),
            tx_metadata_len: 0,
        };
        sockopt::set_xdp_umem_reg(&socket, memory)?;
        sockopt::set_xdp_umem_fill_ring_size(&socket, count)?;
        // Nothing is sent, but without this ring no memory is complete.
        sockopt::set_xdp_umem_completion_ring_size(&socket, 2)?;
        sockopt::set_xdp_rx_ring_size(&socket, count)?;
        let offsets = sockopt::xdp_mmap_offsets(&socket)?;
        let mut fill = Fill::map(socket.as_fd(), &offsets.fr, count)?;
        let receive = Receive::map(socket.as_fd(), &offsets.rx, count)?;
        for frame in 0..count {
            fill.give(u64::from(frame) * u64::from(FRAME_SIZE));
        }
        fill.publish();
        let flags = SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
        bind(&socket, &SocketAddrXdp::new(flags, index, options.queue))?;
        let program =
            Attached::new(index, options.queue, options.port, options.mode, socket.as_fd())?;
        Ok(Self { _program: program, socket, fill, receive, frames })
    }

    /// Hands over what has come, in order, `max` datagrams at most. Returns how many frames that took.
    #[inline]
    pub fn poll(&mut self, max: u32, mut take: impl FnMut(Datagram<'_>)) -> usize {
        let Self { fill, receive, frames, .. } = self;
        let there = receive.ready().min(max);
        if there == 0 {
            if fill.wants_waking() {
                self.wake();
            }
            return 0;
        }
        for at in 0..there {
            let (offset, length) = receive.descriptor(at);
            // The program lets nothing else through.
            if let Some(datagram) = udp_payload(frames.bytes(offset, length)) {
                take(datagram);
            }
            // The frame that it lies in, whatever room the kernel left in front.
            fill.give(offset & !u64::from(FRAME_SIZE - 1));
        }
        receive.taken(there);
        fill.publish();
        there as usize
    }

    /// Sleeps until a datagram has come, at most so long.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&mut self, longest: Duration) -> io::Result<()> {
        self.look(Timespec {
            tv_sec: longest.as_secs() as i64,
            tv_nsec: i64::from(longest.subsec_nanos()),
        })
    }

    /// Has the kernel look at the fill ring.
    #[cold]
    fn wake(&self) {
        // It looks again in the next turn, whatever is said here.
        let _looked = self.look(Timespec { tv_sec: 0, tv_nsec: 0 });
    }

    fn look(&self, longest: Timespec) -> io::Result<()> {
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&longest)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the kernel counted since the start.
    ///
    /// # Errors
    /// The system's.
    pub fn counts(&self) -> io::Result<XdpCounts> {
        let told = sockopt::xdp_statistics(&self.socket)?;
        let dropped = told.rx_dropped
            + told.rx_ring_full.unwrap_or_default()
            + told.rx_fill_ring_empty_descs.unwrap_or_default();
        Ok(XdpCounts { dropped, invalid: told.rx_invalid_descs })
    }
}

fn interface_index(name: &str) -> io::Result<u32> {
    // Any socket that knows of interfaces.
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::netdevice::name_to_index(&socket, name).map_err(|error| {
        io::Error::new(io::Error::from(error).kind(), format!("interface {name:?}: {error}"))
    })
}
