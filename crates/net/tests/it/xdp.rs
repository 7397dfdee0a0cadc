//! Datagrams past the network stack, on a pair of virtual interfaces of which one is in a namespace
//! of its own. Where the machine allows neither, the tests say so and pass.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tiercel_net::{XdpMode, XdpOptions, XdpReceiver};

const PATIENCE: Duration = Duration::from_secs(20);
const PORT: u16 = 26_400;

fn ip(arguments: &str) -> Result<(), String> {
    let ran = Command::new("ip").args(arguments.split(' ')).output();
    match ran {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Two interfaces that are joined: `near` here, the other in a namespace. Gone when dropped.
struct Link {
    namespace: String,
    near: String,
    near_address: Ipv4Addr,
    far_address: Ipv4Addr,
}

impl Link {
    /// `None` where the machine does not allow it.
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id() % 4_096 * 4 + COUNT.fetch_add(1, Ordering::Relaxed) % 4;
        // A network of four addresses for each.
        let address = |host| Ipv4Addr::from_bits((10 << 24) + (201 << 16) + number * 4 + host);
        let link = Self {
            namespace: format!("tiercel-{number}"),
            near: format!("tcn{number}"),
            near_address: address(1),
            far_address: address(2),
        };
        let Self { namespace, near, near_address, far_address } = &link;
        let far = format!("tcf{number}");
        let steps = [
            format!("netns add {namespace}"),
            format!("link add {near} type veth peer name {far} netns {namespace}"),
            format!("addr add {near_address}/30 dev {near}"),
            format!("link set {near} up"),
            format!("-n {namespace} addr add {far_address}/30 dev {far}"),
            format!("-n {namespace} link set {far} up"),
        ];
        for step in steps {
            if let Err(error) = ip(&step) {
                println!("skipped: ip {step}: {error}");
                return None;
            }
        }
        Some(link)
    }

    fn receiver(&self, mode: XdpMode, frames: u32) -> XdpReceiver {
        let interface = self.near.clone();
        XdpReceiver::new(&XdpOptions { interface, queue: 0, port: PORT, mode, frames }).unwrap()
    }

    /// Runs `send` in the namespace, with a socket of it.
    fn far<T: Send>(&self, send: impl FnOnce(UdpSocket) -> T + Send) -> T {
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let path = format!("/run/netns/{}", self.namespace);
                let file = std::fs::File::open(path).unwrap();
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(file.as_fd(), kind).unwrap();
                send(UdpSocket::bind((self.far_address, 0)).unwrap())
            });
            sender.join().unwrap()
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // With the namespace goes its interface, and with that the other one.
        let _gone = ip(&format!("netns del {}", self.namespace));
    }
}

/// A datagram that says which it is, of another length than its neighbours.
fn payload(number: u32) -> Vec<u8> {
    let length = 4 + number as usize * 37 % 1_400;
    let mut payload = vec![number as u8; length];
    payload[..4].copy_from_slice(&number.to_le_bytes());
    payload
}

#[test]
fn datagrams_of_the_port_come_whole_and_in_order_and_all_else_goes_the_usual_way() {
    const COUNT: u32 = 20_000;
    const WINDOW: u32 = 200;
    for mode in [XdpMode::Driver, XdpMode::Generic] {
        let Some(link) = Link::new() else { return };
        let mut receiver = link.receiver(mode, 512);
        let usual = UdpSocket::bind((link.near_address, PORT)).unwrap();
        let other = UdpSocket::bind((link.near_address, PORT + 1)).unwrap();
        for socket in [&usual, &other] {
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let received = AtomicU32::new(0);
        let (near, far) = (link.near_address, link.far_address);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                link.far(|socket| {
                    // So that the neighbour is known, and its question goes the usual way.
                    socket.send_to(b"usual", (near, PORT + 1)).unwrap();
                    for number in 0..COUNT {
                        let begin = Instant::now();
                        while number >= received.load(Ordering::Acquire) + WINDOW {
                            assert!(begin.elapsed() < PATIENCE, "{number} does not come");
                            std::thread::yield_now();
                        }
                        socket.send_to(&payload(number), (near, PORT)).unwrap();
                    }
                });
            });
            let mut buffer = [0; 16];
            let (length, from) = other.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from.ip()), (&b"usual"[..], far.into()));
            let begin = Instant::now();
            let mut next = 0;
            while next < COUNT {
                receiver.wait(Duration::from_millis(100)).unwrap();
                receiver.poll(64, |datagram| {
                    assert_eq!(datagram.payload, payload(next), "{mode:?}");
                    assert_eq!((*datagram.from.ip(), *datagram.to.ip()), (far, near));
                    assert_eq!(datagram.to.port(), PORT);
                    next += 1;
                });
                received.store(next, Ordering::Release);
                assert!(begin.elapsed() < PATIENCE, "{mode:?}: {next} came");
            }
        });
        assert_eq!(receiver.counts().unwrap().dropped, 0);
        // What follows the receiver goes the usual way.
        drop(receiver);
        link.far(|socket| socket.send_to(b"after", (near, PORT)).unwrap());
        let mut buffer = [0; 16];
        let (length, from) = usual.recv_from(&mut buffer).unwrap();
        assert_eq!(
            (&buffer[..length], from),
            (&b"after"[..], SocketAddr::new(far.into(), from.port()))
        );
    }
}

#[test]
fn a_reader_that_is_too_slow_loses_what_came_last_and_is_told() {
    let Some(link) = Link::new() else { return };
    let mut receiver = link.receiver(XdpMode::Driver, 64);
    let near = link.near_address;
    link.far(|socket| {
        for number in 0..1_000 {
            socket.send_to(&payload(number), (near, PORT)).unwrap();
        }
    });
    let mut next = 0;
    let begin = Instant::now();
    while next < 64 {
        receiver.wait(Duration::from_millis(100)).unwrap();
        receiver.poll(u32::MAX, |datagram| {
            assert_eq!(datagram.payload, payload(next));
            next += 1;
        });
        assert!(begin.elapsed() < PATIENCE, "{next} came");
    }
    assert!(receiver.counts().unwrap().dropped > 0);
    // And goes on.
    link.far(|socket| socket.send_to(&payload(5_000), (near, PORT)).unwrap());
    let mut last = Vec::new();
    while last != payload(5_000) {
        receiver.wait(Duration::from_millis(100)).unwrap();
        receiver.poll(u32::MAX, |datagram| last = datagram.payload.to_vec());
        assert!(begin.elapsed() < PATIENCE, "it stopped");
    }
}

#[test]
fn what_cannot_be_is_named() {
    let options = |interface: &str, frames| XdpOptions {
        interface: interface.to_owned(),
        queue: 0,
        port: PORT,
        mode: XdpMode::Any,
        frames,
    };
    let error = XdpReceiver::new(&options("tcn-none", 64)).unwrap_err().to_string();
    assert!(error.contains("tcn-none") || error.contains("permitted"), "{error}");
    let error = XdpReceiver::new(&options("lo", 63)).unwrap_err().to_string();
    assert!(error.contains("power of two"), "{error}");
}
