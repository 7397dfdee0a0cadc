//! A line of a session as words, which the verbs take one after the other.

use core::fmt;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineError {
    /// Which of the line's fields.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) message: String,
}

impl LineError {
    /// An error of a field.
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    /// `Some` of a `key=value`.
    key: Option<String>,
    text: String,
}

/// The words of a line that were not taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    words: Vec<Word>,
}

impl Words {
    /// Splits a line. Commas and blanks separate words; double quotes keep them in, and a quote
    /// within quotes is written twice. A `#` that no digit follows starts a comment.
    pub(super) fn split(line: &str) -> Result<Self, LineError> {
        let mut words = Vec::new();
        let mut chars = line.chars().peekable();
        loop {
            while chars.next_if(|&c| c == ',' || c.is_whitespace()).is_some() {}
            let Some(&first) = chars.peek() else { break };
            if first == '#' && !chars.clone().nth(1).is_some_and(|c| c.is_ascii_digit()) {
                break;
            }
            words.push(Word::read(&mut chars)?);
        }
        Ok(Self { words })
    }

    /// Takes the first word: the verb.
    pub(super) fn verb(&mut self) -> Result<Option<String>, LineError> {
        if self.words.is_empty() {
            return Ok(None);
        }
        let word = self.words.remove(0);
        match word.key {
            None => Ok(Some(word.text)),
            Some(key) => Err(LineError::new("verb", format!("`{key}=` where a verb is due"))),
        }
    }

    /// Takes the value of `key`, if it is given.
    pub(super) fn value(&mut self, key: &str) -> Option<String> {
        let at = self.words.iter().position(|word| word.key.as_deref() == Some(key))?;
        Some(self.words.remove(at).text)
    }

    /// Takes the value of `key` as whatever `parse` makes of it.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, LineError> {
        let Some(text) = self.value(key) else { return Ok(None) };
        parse(&text).map(Some).map_err(|error| LineError::new(key, format!("{error}: `{text}`")))
    }

    /// Takes the first word without a key.
    pub(super) fn bare(&mut self) -> Option<String> {
        self.bare_that(|_| Some(())).map(|(text, ())| text)
    }

    /// Takes the first word without a key that `parse` makes something of.
    pub(super) fn bare_that<T>(
        &mut self,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<(String, T)> {
        let found = self.words.iter().enumerate().find_map(|(at, word)| {
            if word.key.is_some() {
                return None;
            }
            parse(&word.text).map(|value| (at, value))
        });
        let (at, value) = found?;
        Some((self.words.remove(at).text, value))
    }

    /// Checks that every word was taken.
    pub(super) fn finish(self) -> Result<(), LineError> {
        match self.words.into_iter().next() {
            None => Ok(()),
            Some(Word { key: Some(key), text }) => {
                Err(LineError::new(key, format!("no such field here, or given twice: `{text}`")))
            }
            Some(Word { key: None, text }) => {
                Err(LineError::new(text.as_str(), "not understood here, or given twice"))
            }
        }
    }
}

impl Word {
    fn read(chars: &mut core::iter::Peekable<core::str::Chars<'_>>) -> Result<Self, LineError> {
        let mut key = None;
        let mut text = String::new();
        let mut quoted = false;
        while let Some(&next) = chars.peek() {
            match next {
                '"' if quoted => {
                    chars.next();
                    if chars.next_if_eq(&'"').is_some() {
                        text.push('"');
                    } else {
                        quoted = false;
                    }
                    continue;
                }
                '"' => quoted = true,
                _ if quoted => text.push(next),
                ',' => break,
                _ if next.is_whitespace() => break,
                '=' if key.is_none() && is_key(&text) => key = Some(core::mem::take(&mut text)),
                _ => text.push(next),
            }
            chars.next();
        }
        if quoted {
            return Err(LineError::new("quotes", "a double quote is not closed"));
        }
        Ok(Self { key, text })
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(words: &mut Words) -> Vec<String> {
        core::iter::from_fn(|| words.bare()).collect()
    }

    #[test]
    fn commas_and_blanks_separate_and_quotes_keep() {
        let mut words = Words::split(r#"new, alice buy,5@1 id="a ""b"", c" #7 # the end"#).unwrap();
        assert_eq!(words.verb().unwrap().as_deref(), Some("new"));
        assert_eq!(words.value("id").as_deref(), Some("a \"b\", c"));
        assert_eq!(bare(&mut words), ["alice", "buy", "5@1", "#7"]);
        assert_eq!(words.finish(), Ok(()));
        for empty in ["", "  ,", "# all of it", "#"] {
            assert_eq!(Words::split(empty).unwrap().verb(), Ok(None), "{empty:?}");
        }
    }

    #[test]
    fn what_nobody_takes_is_an_error() {
        let mut words = Words::split("new x=1 x=2").unwrap();
        assert_eq!(words.verb().unwrap().as_deref(), Some("new"));
        assert_eq!(words.value("x").as_deref(), Some("1"));
        assert_eq!(words.finish().unwrap_err().field, "x");
        assert!(Words::split("new id=\"open").is_err());
        assert!(Words::split("id=1").unwrap().verb().is_err());
    }
}
