//! Fuzz bodies for the Binance decoder: called by `cargo fuzz` targets and by short fixed-seed
//! tests.

use tiercel_wire::binance::{DecodeError, Decoded, Decoder};

use crate::binance_oracle;

/// Decodes arbitrary bytes.
///
/// # Panics
/// When the paths of the decoder disagree, or it accepts what `serde_json` refuses or reads
/// otherwise.
pub fn decode(bytes: &[u8]) {
    // Refused by its shortness alone would be a bound that is not tested.
    let mut decoder = Decoder::new(64, tiercel_wire::binance::TimeUnit::Millisecond);
    let mut judge = decoder.clone();
    let decoded = decoder.decode(bytes);
    let expected = judge.decode_general(bytes);
    assert_eq!(decoded, expected, "the two paths disagree");
    check(&decoded, bytes);
    let expected = expected.ok();
    let mut other = decoder.clone();
    for decoded in [decoder.decode_at_once(bytes), other.decode_one_by_one(bytes)] {
        assert!(
            decoded.is_none() || decoded == expected,
            "{decoded:?} where {expected:?} is right"
        );
    }
}

/// An error stands inside the message; a result is what `serde_json` reads.
fn check(decoded: &Result<Decoded<'_>, DecodeError>, bytes: &[u8]) {
    match decoded {
        Ok(decoded) => binance_oracle::verify(decoded, bytes),
        Err(error) => assert!(error.offset <= bytes.len(), "{error} is outside the message"),
    }
}
