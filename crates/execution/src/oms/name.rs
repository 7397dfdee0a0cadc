//! How orders are named: 16 characters, by which they are found again.

use thiserror::Error;
use tiercel_types::ClientOrderId;

/// Characters of a mark and a run's name.
const RUN: usize = 8;
/// Characters of a number: 40 bits.
const DIGITS: usize = 8;
/// Numbers are below this.
pub(super) const NUMBERS: u64 = 1 << (5 * DIGITS);
/// What every name begins with.
const MARK: u8 = b'T';
/// One in each byte.
const ONES: u64 = u64::MAX / 0xff;
/// How far behind the place of a digit above nine its letter is.
const TO_LETTER: u64 = b'a' as u64 - 10 - b'0' as u64;

/// What a run of a trader calls itself: seven letters and digits, which no other run of the account has.
///
/// It has the mark in front.
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
        let name: [u8; RUN - 1] = text.try_into().map_err(|_| RunIdError)?;
        if !name.iter().all(u8::is_ascii_alphanumeric) {
            return Err(RunIdError);
        }
        let mut run = [MARK; RUN];
        run[1..].copy_from_slice(&name);
        Ok(Self(run))
    }

    /// The name of a run that began in a second since the epoch, of a trader that no other is numbered as: 30
    /// bits of the one, five of the other.
    pub fn of(second: u64, trader: u8) -> Self {
        let mut run = digits(second << 5 | u64::from(trader & 31));
        run[0] = MARK;
        Self(run)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0[1..]).unwrap_or_default()
    }

    /// The name of an order.
    pub(super) fn name(self, number: u64) -> ClientOrderId {
        let mut text = [0; ClientOrderId::LIMIT];
        text[..RUN].copy_from_slice(&self.0);
        text[RUN..RUN + DIGITS].copy_from_slice(&digits(number));
        // Letters and digits, fewer than there may be.
        zerocopy::transmute!(text)
    }

    /// The name of an order that is one of this trader's, of whichever run, as it was entered: behind a dash it may be
    /// told of changes.
    pub fn own(self, name: &ClientOrderId) -> Option<ClientOrderId> {
        let (own, rest) = name.as_bytes().split_at_checked(RUN + DIGITS)?;
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'v');
        // The last digit of a run is its trader.
        let is_own = own[0] == MARK && own[RUN - 1] == self.0[RUN - 1];
        let is_whole = rest.is_empty() || rest[0] == b'-';
        let digits = own[1..].iter().enumerate();
        let mut others = digits.filter(|(at, byte)| *at != RUN - 2 && !is_digit(byte));
        (is_own && is_whole && others.next().is_none()).then(|| ClientOrderId::new(own).ok())?
    }

    /// The number of an order, if its name begins as those of this run: it is one of them if it is the
    /// [name](Self::name) of the number.
    pub(super) fn number(self, name: &ClientOrderId) -> Option<u64> {
        let (run, rest) = name.padded().split_first_chunk()?;
        let text = rest.first_chunk()?;
        (*run == self.0).then(|| number(*text))
    }
}

/// The lowest eight digits of a number: `0` to `9` and `a` to `v`, five bits each.
const fn digits(number: u64) -> [u8; DIGITS] {
    // The upper half of the digits, of each half, of each quarter is moved to where its bytes are.
    let halves = number & 0xf_ffff | (number & 0xff_fff0_0000) << 12;
    let quarters = halves & 0x3ff_0000_03ff | (halves & 0xf_fc00_000f_fc00) << 6;
    let bytes = quarters & 0x1f_001f_001f_001f | (quarters & 0x3e0_03e0_03e0_03e0) << 3;
    // Ten and more reach the highest bit.
    let letters = (bytes + ONES * (128 - 10)) >> 7 & ONES;
    (bytes + ONES * b'0' as u64 + letters * TO_LETTER).to_be_bytes()
}

/// The number of such digits, and of others any.
const fn number(digits: [u8; DIGITS]) -> u64 {
    let text = u64::from_be_bytes(digits);
    let letters = text >> 6 & ONES;
    // The low bits of `0` are zero, those of `a` one.
    let bytes = (text & ((ONES * 0xf) | (letters << 4))) + letters * 9;
    let quarters = bytes & 0x1f_001f_001f_001f | bytes >> 3 & 0x3e0_03e0_03e0_03e0;
    let halves = quarters & 0x3ff_0000_03ff | quarters >> 6 & 0xf_fc00_000f_fc00;
    halves & 0xf_ffff | halves >> 12 & 0xff_fff0_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_the_number_it_was_written_for() {
        let run = RunId::of(1_800_000_000, 3);
        assert_eq!((run.as_str(), run.name(0x1b_7a29).as_str()), ("lkjkg03", "Tlkjkg030001muh9"));
        for number in (0..40).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, 0xa5_d7c6_9b31 >> bit])
        {
            let name = run.name(number);
            assert!(name.is_well_formed());
            assert_eq!((name.as_str().len(), run.number(&name)), (16, Some(number)));
            let digit = |digit: &u8| b"0123456789abcdefghijklmnopqrstuv".contains(digit);
            assert!(name.as_bytes()[1..].iter().all(digit));
            assert_eq!(RunId::of(1_800_000_001, 3).number(&name), None);
            assert_eq!(run.own(&name), Some(name));
            assert_eq!(RunId::of(7, 3).own(&name), Some(name), "of another run");
            assert_eq!(RunId::of(1_800_000_000, 4).own(&name), None, "of another trader");
            let changed = [name.as_bytes(), b"-17"].concat();
            assert_eq!(run.own(&ClientOrderId::new(&changed).unwrap()), Some(name));
            let longer = [name.as_bytes(), b"7"].concat();
            assert_eq!(run.own(&ClientOrderId::new(&longer).unwrap()), None);
        }
        assert_eq!(RunId::new(b"abc-123"), Err(RunIdError));
        for others in ["Tsomebody", "Tlkjkg030001mUh9", "web_lkjkg0300001", ""] {
            assert_eq!(run.own(&ClientOrderId::new(others.as_bytes()).unwrap()), None, "{others}");
        }
        assert_eq!(run.number(&ClientOrderId::EMPTY), None);
    }
}
