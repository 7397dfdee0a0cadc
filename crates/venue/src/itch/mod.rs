//! Market data as ITCH 5.0: what each event of the venue is told as. No socket, no clock.
//!
//! ```text
//!   durable events --> Feed::apply --> messages of a day, numbered from 1 --> Archive (files)
//!                        |                                                      |
//!                        +--> Feed::picture (GLIMPSE)                MoldUDP64, SoupBinTCP
//! ```
//!
//! docs/itch.md has what is told, in which units, and what an instrument has to be to be told of.
//!
//! Architecture Invariant: the messages are a function of the event log alone. Message N of a session
//! has the same bytes whenever it is asked for, across restarts.

mod archive;
mod day;
mod feed;
mod messages;
mod recover;
mod shown;
mod told;
mod units;

pub use archive::{Archive, Session};
pub use day::Day;
pub use feed::Feed;
pub use messages::Sink;
pub use recover::open;
pub use shown::{Shown, match_number, reference};
pub use units::{Misfit, Units};
