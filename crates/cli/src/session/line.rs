//! One line of output, in text and in JSON at once.

use core::fmt::{Display, Write as _};

use serde_json::Value;

/// A line that grows field by field: `event word word key=value ...`, or one JSON object with
/// the same fields.
#[derive(Clone, Debug)]
pub(super) struct Line {
    text: String,
    json: String,
}

impl Line {
    /// A line that begins with what it tells of: `kind` is the JSON key, `name` the value.
    pub(super) fn new(kind: &str, name: &str) -> Self {
        Self { text: name.to_owned(), json: format!("{{\"{kind}\":\"{name}\"") }
    }

    /// A field that the text shows without its key.
    pub(super) fn word(&mut self, key: &str, value: impl Display) -> &mut Self {
        let value = value.to_string();
        self.show(&quoted(&value));
        self.text_value(key, &value)
    }

    /// A field that the text shows as `key=value`.
    pub(super) fn pair(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.named(key, key, value)
    }

    /// A field that the text shows as `short=value`, and the JSON under its full name.
    pub(super) fn named(&mut self, short: &str, key: &str, value: impl Display) -> &mut Self {
        let value = value.to_string();
        self.show(&format!("{short}={}", quoted(&value)));
        self.text_value(key, &value)
    }

    /// A number that the text shows as `key=value`.
    pub(super) fn number(&mut self, key: &str, value: impl Into<Value> + Display) -> &mut Self {
        self.named_number(key, key, value)
    }

    /// A number that the text shows as `short=value`, and the JSON under its full name.
    pub(super) fn named_number(
        &mut self,
        short: &str,
        key: &str,
        value: impl Into<Value> + Display,
    ) -> &mut Self {
        self.show(&format!("{short}={value}"));
        self.value(key, value)
    }

    /// Words that stand in the text alone.
    pub(super) fn show(&mut self, text: &str) -> &mut Self {
        self.text.push(' ');
        self.text.push_str(text);
        self
    }

    /// A field that stands in the JSON alone.
    pub(super) fn value(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        let value: Value = value.into();
        // Writing to a string cannot fail.
        let _ = write!(self.json, ",\"{key}\":{value}");
        self
    }

    fn text_value(&mut self, key: &str, value: &str) -> &mut Self {
        self.value(key, value)
    }

    /// The line as text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The line as a JSON object.
    pub(super) fn json(&self) -> String {
        format!("{}}}", self.json)
    }
}

/// A text as a session would write it: in quotes when it holds what separates words.
fn quoted(text: &str) -> String {
    if text.contains([' ', ',', '"']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_same_fields() {
        let mut line = Line::new("event", "trade");
        line.word("instrument", "ABC").pair("id", "a \"b\"").number("level", 5).value("x", true);
        assert_eq!(line.text(), "trade ABC id=\"a \"\"b\"\"\" level=5");
        let json: Value = serde_json::from_str(&line.json()).unwrap();
        assert_eq!(json["id"], "a \"b\"");
        assert_eq!((&json["level"], &json["x"]), (&Value::from(5), &Value::from(true)));
    }
}
