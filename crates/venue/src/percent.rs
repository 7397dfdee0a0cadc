//! Percent-encoding, undone.

use std::borrow::Cow;

/// The text that was encoded; where it is a query's, `+` stands for a blank. `None`: it is none, or
/// not UTF-8.
pub(crate) fn decode(text: &str, plus: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_encoded_is_as_it_was_and_what_is_no_encoding_is_refused() {
        assert!(matches!(decode("BTCUSDT", true), Some(Cow::Borrowed("BTCUSDT"))));
        assert_eq!(decode("a+b%20c%2Bd", true).as_deref(), Some("a b c+d"));
        assert_eq!(decode("a+b%c3%A9", false).as_deref(), Some("a+bé"));
        for bad in ["%", "%4", "%zz", "%+4", "% 4", "%ff", "a%C3"] {
            assert_eq!(decode(bad, true), None, "{bad}");
        }
    }
}
