//! What must hold for `WebSocket` frames on any bytes. Bodies for fuzzers and for fixed seeds.

use tiercel_wire::websocket::{
    Assembler, CloseReason, Frame, FrameError, HEADER_BYTES_MAX, Limits, Message, Opcode, Role,
    put, put_close,
};

/// What is taken here: little, so that few bytes reach every bound.
const FRAME_BYTES_MAX: usize = 300;
const MESSAGE_BYTES_MAX: usize = 400;

/// What a stream gave: its messages, and how it was refused.
pub type Outcome = (Vec<Heard>, Option<FrameError>);

/// A message that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text, which may not be UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Binary(Vec<u8>),
    /// A ping's payload.
    Ping(Vec<u8>),
    /// A pong's payload.
    Pong(Vec<u8>),
    /// A close's code and reason.
    Close(Option<(u16, String)>),
}

impl Heard {
    fn of(message: Message<'_>) -> Self {
        match message {
            Message::Text(bytes) => Self::Text(bytes.to_vec()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Message::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Message::Close(reason) => {
                Self::Close(reason.map(|CloseReason { code, text }| (code.0, text.to_owned())))
            }
        }
    }

    /// Writes the message as one frame.
    ///
    /// # Panics
    /// When a control frame's payload is too long.
    pub fn put(&self, out: &mut Vec<u8>, mask: Option<[u8; 4]>) {
        let written = match self {
            Self::Text(bytes) => put(out, Opcode::Text, bytes, mask),
            Self::Binary(bytes) => put(out, Opcode::Binary, bytes, mask),
            Self::Ping(bytes) => put(out, Opcode::Ping, bytes, mask),
            Self::Pong(bytes) => put(out, Opcode::Pong, bytes, mask),
            Self::Close(None) => put(out, Opcode::Close, b"", mask),
            Self::Close(Some((code, text))) => {
                put_close(out, tiercel_wire::websocket::CloseCode(*code), text, mask);
                true
            }
        };
        assert!(written, "{self:?} is too long");
    }
}

/// Reads a stream that comes in pieces whose sizes `sizes` gives, until it is over, refused or closed.
///
/// # Panics
/// When a reader takes more than there is, or keeps more than a frame.
pub fn read(bytes: &[u8], limits: Limits, mut sizes: impl FnMut() -> usize) -> Outcome {
    let mut assembler = Assembler::new(limits);
    let (mut inbox, mut heard, mut came) = (Vec::new(), Vec::new(), 0);
    while came < bytes.len() {
        let end = (came + sizes().max(1)).min(bytes.len());
        inbox.extend_from_slice(&bytes[came..end]);
        came = end;
        loop {
            let held = inbox.len();
            match assembler.next(&mut inbox) {
                Ok(step) => {
                    let taken = step.taken;
                    let message = step.message.map(Heard::of);
                    assert!(taken <= held, "took {taken} of {held} bytes");
                    inbox.drain(..taken);
                    match message {
                        Some(message) => heard.push(message),
                        None => break,
                    }
                }
                Err(error) => {
                    assert_eq!(
                        assembler.next(&mut inbox),
                        Err(error),
                        "refused once, refused always"
                    );
                    assert!(!error.code().is_empty() && !error.section().is_empty());
                    assert!(error.close_code().is_sendable());
                    return (heard, Some(error));
                }
            }
        }
        let most = limits.frame_bytes_max.max(125) + HEADER_BYTES_MAX;
        assert!(inbox.len() < most, "waits for a frame that is too long");
    }
    (heard, None)
}

/// Any bytes as a stream, at a client and at a server: the same however it is split; whole frames
/// stand where their headers say; what was heard is heard again when it is said again.
///
/// # Panics
/// When the reader or the writer is wrong.
pub fn stream(bytes: &[u8]) {
    for (role, mask) in [(Role::Client, None), (Role::Server, Some([0xA5, 0x0F, 0, 0x71]))] {
        let limits =
            Limits { role, frame_bytes_max: FRAME_BYTES_MAX, message_bytes_max: MESSAGE_BYTES_MAX };
        if let Ok(Some(frame)) = Frame::front(bytes, &limits) {
            assert!(frame.size() <= bytes.len() && frame.payload.len() <= FRAME_BYTES_MAX);
            assert!(frame.payload.start <= HEADER_BYTES_MAX);
            for end in 0..frame.size() {
                assert_eq!(Frame::front(&bytes[..end], &limits), Ok(None), "cut to {end}");
            }
        }
        let whole = read(bytes, limits, || bytes.len());
        for size in [1, 2, 7] {
            assert_eq!(read(bytes, limits, || size), whole, "{role:?} in pieces of {size}");
        }
        let mut again = Vec::new();
        whole.0.iter().for_each(|message| message.put(&mut again, mask));
        let wide = Limits { frame_bytes_max: MESSAGE_BYTES_MAX, ..limits };
        assert_eq!(read(&again, wide, || 5), (whole.0, None));
    }
}
