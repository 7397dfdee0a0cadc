//! Bodies and queries, read strictly into types: what is wrong is told with its place.
//!
//! A body is read into a tree first, and the tree into the request's type; each level on the way back
//! adds its name to the place of a mistake. Unknown and repeated fields are refused by the types
//! themselves (`deny_unknown_fields`).

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess,
    Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::problem::{Code, Problem};
use crate::percent::decode;

/// Reads a body. One that is empty counts as an object without fields.
///
/// # Errors
/// A [`Problem`] with the place of the first mistake.
pub fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return from_tree(&Json::Object(Vec::new()), "");
    }
    let tree: Json = serde_json::from_slice(body)
        .map_err(|error| Problem::new(Code::InvalidJson, error.to_string()))?;
    from_tree(&tree, "/")
}

/// Reads a query string.
///
/// # Errors
/// A [`Problem`] with the name of the parameter at fault.
pub fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs: Option<Vec<(String, Json)>> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name, true)?, decode(value, true)?);
            Some((name.into_owned(), Json::Parameter(value.into_owned())))
        })
        .collect();
    let pairs = pairs.ok_or_else(|| {
        Problem::new(Code::InvalidQuery, "the query is not percent-encoded UTF-8")
    })?;
    from_tree(&Json::Object(pairs), "")
}

fn from_tree<T: DeserializeOwned>(tree: &Json, slash: &str) -> Result<T, Problem> {
    T::deserialize(tree).map_err(|mistake| mistake.problem(slash))
}

/// What is wrong, and where, from the inside out.
#[derive(Debug)]
struct Mistake {
    code: Code,
    detail: Cow<'static, str>,
    place: Vec<String>,
}

impl Mistake {
    fn of(code: Code, detail: impl Into<Cow<'static, str>>, name: Option<&str>) -> Self {
        Self { code, detail: detail.into(), place: name.map(str::to_owned).into_iter().collect() }
    }

    fn within(mut self, name: impl Display) -> Self {
        self.place.push(name.to_string());
        self
    }

    /// In a body places are JSON pointers (RFC 6901), which begin with `slash`; in a query there is
    /// one name.
    fn problem(self, slash: &str) -> Problem {
        let escape = |name: &String| {
            if slash.is_empty() { name.clone() } else { name.replace('~', "~0").replace('/', "~1") }
        };
        let names: Vec<String> = self.place.iter().rev().map(escape).collect();
        let place =
            if names.is_empty() { String::new() } else { slash.to_owned() + &names.join("/") };
        Problem::new(self.code, self.detail).of_field(place)
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: Display>(message: T) -> Self {
        Self::of(Code::InvalidField, message.to_string(), None)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let detail = if expected.is_empty() {
            "no field is expected".to_owned()
        } else {
            format!("the fields are {}", expected.join(", "))
        };
        Self::of(Code::UnknownField, detail, Some(field))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(Code::MissingField, "the field has to be there", Some(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(Code::DuplicateField, "the field is there twice", Some(field))
    }
}

/// A JSON value as it came.
#[derive(Debug)]
enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Json>),
    /// With names that are there twice.
    Object(Vec<(String, Json)>),
    /// A value of a query: a text that may say a number or a truth value.
    Parameter(String),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        let number = serde_json::Number::from_f64(value);
        number.map(Json::Number).ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

/// Numbers and truth values of a query are read from their text.
macro_rules! parameters {
    ($($method:ident => $visit:ident, $expected:literal;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            match self {
                Json::Parameter(text) => match text.parse() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(Mistake::custom($expected)),
                },
                other => other.deserialize_any(visitor),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for &'de Json {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                _ => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::Text(text) | Json::Parameter(text) => visitor.visit_str(text),
            Json::List(values) => visitor.visit_seq(List(values.iter().enumerate())),
            Json::Object(fields) => visitor.visit_map(Fields { rest: fields.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self {
            Json::Object(_) => self.deserialize_any(visitor),
            _ => Err(Mistake::custom("an object is expected")),
        }
    }

    parameters! {
        deserialize_bool => visit_bool, "true or false is expected";
        deserialize_u16 => visit_u16, "a whole number below 65536 is expected";
        deserialize_u32 => visit_u32, "a whole number below 2^32 is expected";
        deserialize_u64 => visit_u64, "a whole number below 2^64 is expected";
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct List<'de>(std::iter::Enumerate<std::slice::Iter<'de, Json>>);

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some((at, value)) = self.0.next() else { return Ok(None) };
        seed.deserialize(value).map(Some).map_err(|mistake| mistake.within(at))
    }
}

struct Fields<'de> {
    rest: std::slice::Iter<'de, (String, Json)>,
    value: Option<&'de (String, Json)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        self.value = self.rest.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(de::value::StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        // A visitor asks for a value after its name alone.
        let (name, value) = self.value.ok_or_else(|| Mistake::custom("no name before a value"))?;
        seed.deserialize(value).map_err(|mistake| mistake.within(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::scalar::{PriceText, SideText};
    use proptest::prelude::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "what is read is not looked at")]
    struct Order {
        side: SideText,
        price: Option<PriceText>,
        limit: Option<u16>,
        legs: Option<Vec<Order>>,
    }

    fn mistake(problem: &Problem) -> (&str, Option<&str>) {
        (problem.code, problem.field.as_deref())
    }

    #[test]
    fn each_mistake_of_a_body_is_told_with_its_place() {
        for (body, code, field) in [
            ("{", "INVALID_JSON", None),
            ("{\"side\":\"buy\"} x", "INVALID_JSON", None),
            ("{\"price\":NaN}", "INVALID_JSON", None),
            ("\u{feff}{}", "INVALID_JSON", None),
            ("[]", "INVALID_FIELD", None),
            ("null", "INVALID_FIELD", None),
            ("{}", "MISSING_FIELD", Some("/side")),
            ("", "MISSING_FIELD", Some("side")),
            (r#"{"side":"up"}"#, "INVALID_FIELD", Some("/side")),
            (r#"{"side":"buy","side":"buy"}"#, "DUPLICATE_FIELD", Some("/side")),
            (r#"{"side":"buy","a/b":1}"#, "UNKNOWN_FIELD", Some("/a~1b")),
            (r#"{"side":"buy","price":60000}"#, "INVALID_FIELD", Some("/price")),
            (r#"{"side":"buy","price":1e400}"#, "INVALID_JSON", None),
            (r#"{"side":"buy","limit":-1}"#, "INVALID_FIELD", Some("/limit")),
            (r#"{"side":"buy","limit":70000}"#, "INVALID_FIELD", Some("/limit")),
            (
                r#"{"side":"buy","legs":[{"side":"buy"},{"side":7}]}"#,
                "INVALID_FIELD",
                Some("/legs/1/side"),
            ),
            (r#"{"side":"buy","legs":{}}"#, "INVALID_FIELD", Some("/legs")),
        ] {
            let problem = read_body::<Order>(body.as_bytes()).unwrap_err();
            assert_eq!(mistake(&problem), (code, field), "{body}: {problem}");
        }
        assert!(read_body::<Order>(b"\xff").is_err());
        assert!(read_body::<Order>(br#"{"side":"buy","price":null}"#).unwrap().price.is_none());
    }

    #[test]
    fn a_query_is_decoded_and_its_numbers_are_read() {
        let order: Order = read_query("side=bu%79&limit=7").unwrap();
        assert_eq!((order.side.0.as_str(), order.limit), ("buy", Some(7)));
        for (query, code, field) in [
            ("side=buy&limit=x", "INVALID_FIELD", Some("limit")),
            ("side=buy&limit", "INVALID_FIELD", Some("limit")),
            ("side=buy&side=buy", "DUPLICATE_FIELD", Some("side")),
            ("side=buy&more=1", "UNKNOWN_FIELD", Some("more")),
            ("side=%f", "INVALID_QUERY", None),
            ("side=%ff", "INVALID_QUERY", None),
        ] {
            let problem = read_query::<Order>(query).unwrap_err();
            assert_eq!(mistake(&problem), (code, field), "{query}: {problem}");
        }
    }

    #[test]
    fn a_body_that_is_too_deep_is_refused() {
        let deep = "[".repeat(100_000);
        assert_eq!(read_body::<Order>(deep.as_bytes()).unwrap_err().code, "INVALID_JSON");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, query: String) {
            let _ = read_body::<Order>(&bytes);
            let _ = read_query::<Order>(&query);
        }
    }
}
