//! What gateways hand in, and the ring that it crosses to the core.

use thiserror::Error;
use tiercel_types::Command;
use tiercel_types::command::AdvanceTime;

use super::probe::Moment;

/// Most commands of a submission: three legs, each with a condition, and their list.
pub const PARTS_MAX: usize = 7;

/// Commands that stand next to each other in the log, and are answered together.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// The gateway's name for it, which comes back with each of its events. The venue does not look
    /// at it.
    pub token: u64,
    /// 1 to [`PARTS_MAX`] commands: the parts of one request, in order.
    pub commands: &'a [Command],
}

/// Which submission a command came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Which gateway, from 1; zero: the venue itself, which lets time pass.
    pub gateway: u16,
    /// Which command of the submission, from 0.
    pub part: u8,
    /// How many it has.
    pub parts: u8,
    /// When it was handed in.
    pub(crate) handed_in: Moment,
    /// The submission's token.
    pub token: u64,
}

impl Origin {
    /// The venue itself.
    pub(crate) fn venue() -> Self {
        Self { parts: 1, ..Self::default() }
    }

    /// Whether this is the submission's last command.
    pub const fn is_last_part(&self) -> bool {
        self.part + 1 >= self.parts
    }
}

/// Why a submission was not taken. None of its commands will ever be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Busy {
    /// There is no room now: of the command ring, the last part is kept for what only takes orders
    /// away. Try again later.
    #[error("the venue is busy")]
    Full,
    /// The venue stops, or has failed (see [`Health`](super::Health)): it takes nothing more.
    #[error("the venue takes no commands any more")]
    Stopped,
    /// No command, or more than [`PARTS_MAX`].
    #[error("a submission has 1 to {PARTS_MAX} commands")]
    Parts,
}

/// A command on its way to the core.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) origin: Origin,
    pub(crate) command: Command,
}

impl Default for Entry {
    fn default() -> Self {
        Self { origin: Origin::default(), command: AdvanceTime::default().into() }
    }
}

/// Whether a command only takes orders away, or asks: such commands have room of their own.
pub(crate) const fn only_takes_away(command: &Command) -> bool {
    matches!(
        command,
        Command::CancelOrder(_)
            | Command::MassCancel(_)
            | Command::CancelOnDisconnect(_)
            | Command::CountdownCancel(_)
            | Command::SetKillSwitch(_)
    )
}
