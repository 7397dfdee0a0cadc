//! The program in front of the network stack: a few instructions of the kernel's own machine, which
//! its verifier checks. It is written here as they are, so that no compiler for it is needed.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::XdpMode;

/// An instruction: code, registers (source, target: four bits each), offset, constant.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    constant: i32,
}

/// Codes of `linux/bpf.h` and `linux/bpf_common.h`.
mod code {
    /// 64 bits: copy a register, a constant; add a constant; and with a constant.
    pub(super) const MOVE: u8 = 0xbf;
    pub(super) const SET: u8 = 0xb7;
    pub(super) const ADD: u8 = 0x07;
    pub(super) const AND: u8 = 0x57;
    /// Load 32, 16, 8 bits from memory.
    pub(super) const LOAD_32: u8 = 0x61;
    pub(super) const LOAD_16: u8 = 0x69;
    pub(super) const LOAD_8: u8 = 0x71;
    /// Load a constant of 64 bits: with this source register, the file of a map.
    pub(super) const LOAD_64: u8 = 0x18;
    pub(super) const MAP: u8 = 1;
    /// Jump if not equal to a constant; if greater than a register.
    pub(super) const UNLESS: u8 = 0x55;
    pub(super) const IF_ABOVE: u8 = 0x2d;
    pub(super) const CALL: u8 = 0x85;
    pub(super) const EXIT: u8 = 0x95;
}

/// `bpf_redirect_map`.
const REDIRECT: i32 = 51;
/// `XDP_PASS`: the usual way.
const PASS: i32 = 2;

/// Sends what is for UDP `port` over IPv4 to the socket of its queue in the map, and lets all else
/// pass.
fn instructions(map: i32, port: u16) -> Vec<Instruction> {
    use code::{
        ADD, AND, CALL, EXIT, IF_ABOVE, LOAD_8, LOAD_16, LOAD_32, LOAD_64, MAP, MOVE, SET, UNLESS,
    };
    // Numbers on the wire, as this machine loads them.
    let wire = |number: u16| i32::from(number.to_be());
    let make = |code, target: u8, source: u8, offset, constant| Instruction {
        code,
        registers: source << 4 | target,
        offset,
        constant,
    };
    let mut all = vec![
        // r1: what is known of the frame; r2: where it begins; r3: where it ends.
        make(MOVE, 6, 1, 0, 0),
        make(LOAD_32, 2, 1, 0, 0),
        make(LOAD_32, 3, 1, 4, 0),
        // Ethernet, IP and UDP headers are there.
        make(MOVE, 4, 2, 0, 0),
        make(ADD, 4, 0, 0, 42),
        make(IF_ABOVE, 4, 3, 0, 0),
        // IPv4.
        make(LOAD_16, 5, 2, 12, 0),
        make(UNLESS, 5, 0, 0, wire(0x0800)),
        // Without options.
        make(LOAD_8, 5, 2, 14, 0),
        make(UNLESS, 5, 0, 0, 0x45),
        // In one piece.
        make(LOAD_16, 5, 2, 20, 0),
        make(AND, 5, 0, 0, wire(0x3fff)),
        make(UNLESS, 5, 0, 0, 0),
        // UDP.
        make(LOAD_8, 5, 2, 23, 0),
        make(UNLESS, 5, 0, 0, 17),
        // To the port.
        make(LOAD_16, 5, 2, 36, 0),
        make(UNLESS, 5, 0, 0, wire(port)),
        // To the socket of this queue; a queue without one passes.
        make(LOAD_64, 1, MAP, 0, map),
        make(0, 0, 0, 0, 0),
        make(LOAD_32, 2, 6, 16, 0),
        make(SET, 3, 0, 0, PASS),
        make(CALL, 0, 0, 0, REDIRECT),
        make(EXIT, 0, 0, 0, 0),
    ];
    let pass = all.len();
    all.extend([make(SET, 0, 0, 0, PASS), make(EXIT, 0, 0, 0, 0)]);
    for (at, instruction) in all.iter_mut().enumerate() {
        if matches!(instruction.code, UNLESS | IF_ABOVE) {
            instruction.offset = (pass - at - 1) as i16;
        }
    }
    all
}

/// Operations of the system call, and their arguments as it lays them out.
mod call {
    pub(super) const MAP_CREATE: i32 = 0;
    pub(super) const MAP_UPDATE: i32 = 2;
    pub(super) const PROGRAM_LOAD: i32 = 5;
    pub(super) const LINK_CREATE: i32 = 28;

    #[repr(C)]
    pub(super) struct MapCreate {
        pub(super) kind: u32,
        pub(super) key_size: u32,
        pub(super) value_size: u32,
        pub(super) entries: u32,
    }

    #[repr(C)]
    pub(super) struct MapUpdate {
        pub(super) map: u32,
        pub(super) reserved: u32,
        pub(super) key: u64,
        pub(super) value: u64,
        pub(super) flags: u64,
    }

    #[repr(C)]
    pub(super) struct ProgramLoad {
        pub(super) kind: u32,
        pub(super) count: u32,
        pub(super) instructions: u64,
        pub(super) license: u64,
        pub(super) log_level: u32,
        pub(super) log_size: u32,
        pub(super) log: u64,
    }

    #[repr(C)]
    pub(super) struct LinkCreate {
        pub(super) program: u32,
        pub(super) interface: u32,
        pub(super) attach: u32,
        pub(super) flags: u32,
    }
}

/// `BPF_MAP_TYPE_XSKMAP`, `BPF_PROG_TYPE_XDP`, `BPF_XDP`.
const SOCKET_MAP: u32 = 17;
const XDP_PROGRAM: u32 = 6;
const XDP_ATTACH: u32 = 37;
/// `XDP_FLAGS_SKB_MODE`, `XDP_FLAGS_DRV_MODE`.
const GENERIC: u32 = 1 << 1;
const DRIVER: u32 = 1 << 2;

/// # Safety
/// `argument` is what the operation takes, and what it points to stays until this returns.
unsafe fn bpf<T>(operation: i32, argument: &T) -> io::Result<i32> {
    let size = size_of::<T>();
    // SAFETY: the caller's; the size is that of the argument.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, operation, std::ptr::from_ref(argument), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

/// As [`bpf`], for what opens a file.
///
/// # Safety
/// As [`bpf`].
unsafe fn open<T>(operation: i32, argument: &T, what: &str) -> io::Result<OwnedFd> {
    // SAFETY: the caller's.
    let file = unsafe { bpf(operation, argument) };
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    // SAFETY: the kernel has just opened it for us, and nobody else knows it.
    file.map(|file| unsafe { OwnedFd::from_raw_fd(file) }).map_err(named)
}

/// The program on its interface: gone when this is dropped, or the process ends.
pub(super) struct Attached {
    _link: OwnedFd,
}

impl Attached {
    /// Puts the program onto `interface`, which sends what it selects from `queue` to `socket`.
    pub(super) fn new(
        interface: u32,
        queue: u32,
        port: u16,
        mode: XdpMode,
        socket: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let number = |file: &OwnedFd| file.as_raw_fd() as u32;
        let argument =
            call::MapCreate { kind: SOCKET_MAP, key_size: 4, value_size: 4, entries: queue + 1 };
        // SAFETY: it points to nothing.
        let map = unsafe { open(call::MAP_CREATE, &argument, "the map of sockets")? };
        let socket = socket.as_raw_fd() as u32;
        let argument = call::MapUpdate {
            map: number(&map),
            reserved: 0,
            key: std::ptr::from_ref(&queue) as u64,
            value: std::ptr::from_ref(&socket) as u64,
            flags: 0,
        };
        // SAFETY: key and value are four bytes each, as the map was made, and stay.
        unsafe { bpf(call::MAP_UPDATE, &argument)? };
        let program = instructions(map.as_raw_fd(), port);
        let argument = call::ProgramLoad {
            kind: XDP_PROGRAM,
            count: program.len() as u32,
            instructions: program.as_ptr() as u64,
            license: c"Dual MIT/GPL".as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
        };
        // SAFETY: so many instructions and a text that ends with zero, which stay.
        let program = unsafe { open(call::PROGRAM_LOAD, &argument, "the XDP program")? };
        let flags = match mode {
            XdpMode::Any => 0,
            XdpMode::Driver => DRIVER,
            XdpMode::Generic => GENERIC,
        };
        let argument =
            call::LinkCreate { program: number(&program), interface, attach: XDP_ATTACH, flags };
        // SAFETY: it points to nothing. The link keeps program and map.
        let link = unsafe { open(call::LINK_CREATE, &argument, "the interface's XDP program")? };
        Ok(Self { _link: link })
    }
}
