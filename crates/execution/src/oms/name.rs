//! How orders are named: 16 characters, by which they are found again.

use thiserror::Error;
use tiercel_types::ClientOrderId;

/// Characters of a run's name.
const RUN: usize = 7;
/// Characters of a number: 40 bits.
const DIGITS: usize = 8;
/// Numbers are below this.
pub(super) const NUMBERS: u64 = 1 << (5 * DIGITS);
/// What every name begins with.
const MARK: u8 = b'T';
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// What a run of a trader calls itself: seven letters and digits, which no other run of the account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId([u8; RUN]);

/// No name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a run is named by seven letters and digits")]
pub struct RunIdError;

impl RunId {
    /// Takes a name.
    ///
    /// # Errors
    /// [`RunIdError`].
    pub fn new(text: &[u8]) -> Result<Self, RunIdError> {
        let name: [u8; RUN] = text.try_into().map_err(|_| RunIdError)?;
        if name.iter().all(u8::is_ascii_alphanumeric) { Ok(Self(name)) } else { Err(RunIdError) }
    }

    /// The name of a run that began in a second since the epoch, of a trader that no other is numbered as: 30
    /// bits of the one, five of the other.
    pub fn of(second: u64, trader: u8) -> Self {
        let mut name = [0; RUN];
        write(second << 5 | u64::from(trader & 31), &mut name);
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The name of an order.
    pub(super) fn name(self, number: u64) -> ClientOrderId {
        let mut text = [MARK; 1 + RUN + DIGITS];
        text[1..=RUN].copy_from_slice(&self.0);
        write(number, &mut text[1 + RUN..]);
        // Letters and digits, fewer than there may be.
        ClientOrderId::new(&text).unwrap_or_default()
    }

    /// The number of an order of this run.
    pub(super) fn number(self, name: &ClientOrderId) -> Option<u64> {
        let text: &[u8; 1 + RUN + DIGITS] = name.padded().first_chunk()?;
        let (front, digits) = text.split_at(1 + RUN);
        if !is_marked(name) || front[1..] != self.0 {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'v' => digit - b'a' + 10,
                _ => return None,
            };
            Some(number << 5 | u64::from(value))
        })
    }
}

/// Whether an order is one of a trader, of whichever run.
pub(super) fn is_marked(name: &ClientOrderId) -> bool {
    let padded = name.padded();
    padded[0] == MARK && padded[RUN + DIGITS] != 0 && padded[1 + RUN + DIGITS] == 0
}

/// Writes the lowest digits of a number, as many as there is room for.
fn write(mut number: u64, text: &mut [u8]) {
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(number & 31) as usize];
        number >>= 5;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_the_number_it_was_written_for() {
        let run = RunId::of(1_800_000_000, 3);
        for number in [0, 1, 31, 32, 1 << 20, (1 << 40) - 1] {
            let name = run.name(number);
            assert_eq!((name.as_str().len(), run.number(&name)), (16, Some(number)));
            assert_eq!(RunId::of(1_800_000_001, 3).number(&name), None);
            assert!(is_marked(&name));
        }
        assert_eq!(RunId::new(b"abc-123"), Err(RunIdError));
        assert!(!is_marked(&ClientOrderId::new(b"Tsomebody").unwrap()));
        assert_eq!(run.number(&ClientOrderId::EMPTY), None);
    }
}
