//! What administrators show.

use std::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::config::TokenSource;
use crate::secret::{self, SecretError};

/// The fewest and the most characters of a token.
const LENGTH: std::ops::RangeInclusive<usize> = 32..=512;

/// A token. Only its hash is kept: the comparison takes as long wherever two differ, and nothing
/// can show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

/// Never shows anything.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file cannot be read, or others may see it.
    #[error("the administrator's token in {0}")]
    File(#[from] SecretError),
    /// The environment does not have it.
    #[error("the administrator's token: the environment has no variable {0}")]
    Environment(String),
    /// It is too short, too long, or cannot stand in a header.
    #[error("the administrator's token has 32 to 512 printable characters, none of them blank")]
    Form,
}

impl Token {
    /// Reads it from where it is.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn read(source: &TokenSource) -> Result<Self, TokenError> {
        let text = match source {
            TokenSource::File(path) => secret::read(path)?,
            TokenSource::Environment(name) => {
                std::env::var(name).map_err(|_| TokenError::Environment(name.clone()))?
            }
        };
        Self::new(text.trim_end())
    }

    /// The token of that text.
    ///
    /// # Errors
    /// [`TokenError::Form`].
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !LENGTH.contains(&text.len()) || !printable {
            return Err(TokenError::Form);
        }
        Ok(Self(Sha256::digest(text.as_bytes()).into()))
    }

    /// Whether the value of a header `Authorization` shows it.
    pub fn is_shown(&self, authorization: &[u8]) -> bool {
        let shown = authorization.strip_prefix(b"Bearer ");
        shown.is_some_and(|shown| {
            let hash: [u8; 32] = Sha256::digest(shown).into();
            hash == self.0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_taken() {
        let text = "0123456789abcdef0123456789abcdef";
        let token = Token::new(text).unwrap();
        assert!(token.is_shown(format!("Bearer {text}").as_bytes()));
        for wrong in [
            String::new(),
            text.to_owned(),
            "Bearer ".to_owned(),
            format!("bearer {text}"),
            format!("Bearer {}", &text[1..]),
            format!("Bearer {text} "),
            format!("Basic {text}"),
        ] {
            assert!(!token.is_shown(wrong.as_bytes()), "{wrong}");
        }
        assert!(matches!(Token::new("short"), Err(TokenError::Form)));
        assert!(Token::new(&format!("{text} {text}")).is_err());
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
