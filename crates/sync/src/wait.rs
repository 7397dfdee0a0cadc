//! What a thread does while there is nothing for it to do.
//!
//! ```text
//!              burns a core   latency when it comes   publishing pays
//!   BusySpin   always         least                   nothing
//!   SpinYield  if unshared    least, or a time slice  nothing
//!   SpinPark   a moment       least, or a wake-up     a fence and a load
//! ```
//!
//! The strategy is a type, so that where nobody can ever sleep, nobody looks for sleepers: [`Wait::notify`] of the first two is empty. [`AnyWait`] leaves the choice to a configuration and costs
//! a branch. [`SpinPark`] is the default: where cores are few, a thread that spins for ever takes
//! the core from the one that it waits for.

use core::fmt;
use core::str::FromStr;

use crate::atomic::{AtomicU32, Ordering, fence, spin_loop, yield_now};
use crate::futex::{self, Scope};

/// How to wait, and how to end it. One value is shared by all who wait for the same thing and all
/// who may make it ready.
pub trait Wait: Send + Sync {
    /// Calls `poll` until it gives something.
    fn wait<R>(&self, poll: impl FnMut() -> Option<R>) -> R;

    /// To be called after anything became ready that a `poll` may look at.
    fn notify(&self);
}

/// Looks again at once, for ever. For threads with a core of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusySpin;

impl Wait for BusySpin {
    #[inline]
    fn wait<R>(&self, mut poll: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Some(ready) = poll() {
                return ready;
            }
            spin_loop();
        }
    }

    #[inline(always)]
    fn notify(&self) {}
}

/// Looks `spins` times, then lets others run between looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpinYield {
    /// Looks before the core is first offered to others.
    pub spins: u32,
}

impl Default for SpinYield {
    fn default() -> Self {
        Self { spins: SPINS }
    }
}

impl Wait for SpinYield {
    #[inline]
    fn wait<R>(&self, mut poll: impl FnMut() -> Option<R>) -> R {
        if let Some(ready) = spin(self.spins, &mut poll) {
            return ready;
        }
        loop {
            if let Some(ready) = poll() {
                return ready;
            }
            yield_now();
        }
    }

    #[inline(always)]
    fn notify(&self) {}
}

/// Spins for about as long as a wake-up takes (some 15 us): then waiting never costs more than
/// twice what the better of spinning and sleeping would have cost.
const SPINS: u32 = 400;
/// Offers the core a few times before sleeping: on a shared core that is often all it takes.
const YIELDS: u32 = 4;

fn spin<R>(spins: u32, poll: &mut impl FnMut() -> Option<R>) -> Option<R> {
    for _ in 0..spins {
        if let Some(ready) = poll() {
            return Some(ready);
        }
        spin_loop();
    }
    None
}

/// Looks `spins` times, offers the core `yields` times, then sleeps on a futex until it is woken.
///
/// ```text
///   waits                                      publishes
///   [w1] announced |= 1                        [p1] make it ready
///   [w2] fence(SeqCst)  <-- one of the two --> [p2] fence(SeqCst)
///   [w3] poll: ready? then go                  [p3] announced & 1? else done
///   [w4] sleep while announced is unchanged    [p4] announced += 1, wake all
/// ```
///
/// The two fences stand in one order. If `w2` is first, `p3` sees `w1`, and `p4` changes the word,
/// so that `w4` does not fall asleep, or is woken. If `p2` is first, `w3` sees `p1`.
#[derive(Debug)]
pub struct SpinPark {
    spins: u32,
    yields: u32,
    /// Bit 0: somebody may sleep or be about to. The bits above count wake-ups: a sleeper whose
    /// announcement was answered before it slept sees another number. (After 2^31 answers in that
    /// moment it would not.)
    announced: AtomicU32,
}

impl Default for SpinPark {
    fn default() -> Self {
        Self::new(SPINS, YIELDS)
    }
}

impl SpinPark {
    /// Looks `spins` times and offers the core `yields` times before it sleeps; both may be zero.
    pub fn new(spins: u32, yields: u32) -> Self {
        Self { spins, yields, announced: AtomicU32::new(0) }
    }

    #[cold]
    fn park<R>(&self, mut poll: impl FnMut() -> Option<R>) -> R {
        for _ in 0..self.yields {
            if let Some(ready) = poll() {
                return ready;
            }
            yield_now();
        }
        loop {
            // [w1] Relaxed: the fence orders it.
            let word = self.announced.fetch_or(1, Ordering::Relaxed) | 1;
            // [w2] With [p2] in `notify`.
            fence(Ordering::SeqCst);
            if let Some(ready) = poll() {
                // The bit stays: the next publisher answers it for nothing, once.
                return ready;
            }
            // [w4] Whatever ended it, look again.
            futex::wait(&self.announced, word, None, Scope::Private);
        }
    }

    #[cold]
    fn wake(&self, word: u32) {
        // [p4] The carry clears the bit. Relaxed: what sleepers look at is ordered by [p1] itself
        // and by the system's lock. If the exchange fails, somebody else has just answered the
        // same announcement.
        let answered = self.announced.compare_exchange(
            word,
            word.wrapping_add(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if answered.is_ok() {
            futex::wake(&self.announced, u32::MAX, Scope::Private);
        }
    }
}

impl Wait for SpinPark {
    #[inline]
    fn wait<R>(&self, mut poll: impl FnMut() -> Option<R>) -> R {
        match spin(self.spins, &mut poll) {
            Some(ready) => ready,
            None => self.park(poll),
        }
    }

    #[inline]
    fn notify(&self) {
        // [p2] With [w2] in `park`. A release store and this load alone may pass each other.
        fence(Ordering::SeqCst);
        // [p3]
        let word = self.announced.load(Ordering::Relaxed);
        if word & 1 != 0 {
            self.wake(word);
        }
    }
}

/// The names of the strategies, for configurations.
///
/// ```
/// use tiercel_sync::wait::WaitKind;
///
/// assert_eq!("busy-spin".parse(), Ok(WaitKind::BusySpin));
/// assert_eq!(WaitKind::default().to_string(), "spin-park");
/// assert!("sleep".parse::<WaitKind>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitKind {
    /// `busy-spin`: [`BusySpin`].
    BusySpin,
    /// `spin-yield`: [`SpinYield`].
    SpinYield,
    /// `spin-park`: [`SpinPark`].
    #[default]
    SpinPark,
}

impl WaitKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BusySpin, Self::SpinYield, Self::SpinPark];

    /// Its name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BusySpin => "busy-spin",
            Self::SpinYield => "spin-yield",
            Self::SpinPark => "spin-park",
        }
    }
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No strategy has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such way to wait; there are: busy-spin, spin-yield, spin-park")]
pub struct UnknownWait;

impl FromStr for WaitKind {
    type Err = UnknownWait;

    fn from_str(name: &str) -> Result<Self, UnknownWait> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownWait)
    }
}

/// A strategy that is chosen when the program runs.
///
/// ```
/// use tiercel_sync::wait::{AnyWait, Wait, WaitKind};
///
/// let wait = AnyWait::from(WaitKind::SpinYield);
/// let mut looks = 0;
/// let ready = wait.wait(|| {
///     looks += 1;
///     (looks == 3).then_some("there")
/// });
/// assert_eq!(ready, "there");
/// ```
#[derive(Debug)]
pub enum AnyWait {
    /// See [`BusySpin`].
    BusySpin(BusySpin),
    /// See [`SpinYield`].
    SpinYield(SpinYield),
    /// See [`SpinPark`].
    SpinPark(SpinPark),
}

impl From<WaitKind> for AnyWait {
    fn from(kind: WaitKind) -> Self {
        match kind {
            WaitKind::BusySpin => Self::BusySpin(BusySpin),
            WaitKind::SpinYield => Self::SpinYield(SpinYield::default()),
            WaitKind::SpinPark => Self::SpinPark(SpinPark::default()),
        }
    }
}

impl Default for AnyWait {
    fn default() -> Self {
        WaitKind::default().into()
    }
}

impl Wait for AnyWait {
    #[inline]
    fn wait<R>(&self, poll: impl FnMut() -> Option<R>) -> R {
        match self {
            Self::BusySpin(wait) => wait.wait(poll),
            Self::SpinYield(wait) => wait.wait(poll),
            Self::SpinPark(wait) => wait.wait(poll),
        }
    }

    #[inline]
    fn notify(&self) {
        if let Self::SpinPark(wait) = self {
            wait.notify();
        }
    }
}
