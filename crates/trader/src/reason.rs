//! Why a trader's gate lets through what it does.

/// What set the gate's mode last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModeReason {
    /// Nothing yet, or somebody enabled it.
    #[default]
    Free,
    /// Somebody halted it.
    Asked,
    /// A loss of the day, or a fall from its best.
    Loss,
    /// The journal could not be written.
    Journal,
}

impl ModeReason {
    /// Every reason, by number.
    pub const ALL: [Self; 4] = [Self::Free, Self::Asked, Self::Loss, Self::Journal];

    /// In words, behind a colon.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Free => "somebody enabled it",
            Self::Asked => "somebody halted it",
            Self::Loss => "a loss of the day, or a fall from its best",
            Self::Journal => "the journal cannot be written",
        }
    }
}
