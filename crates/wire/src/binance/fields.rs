//! Objects whose fields are read in any order.

use super::error::DecodeError;
use super::json::Cursor;

/// The longest key that is looked at; longer ones with escapes are unknown.
pub(super) const KEY_LIMIT: usize = 32;

/// A key as errors name it.
pub(super) const fn key_name(key: &'static [u8]) -> &'static str {
    match core::str::from_utf8(key) {
        Ok(name) => name,
        Err(_) => "*",
    }
}

/// Defines an object: for each field its key and what reads its value. Those behind `?` may be left
/// out. Each comes once at most; others are skipped.
macro_rules! fields {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $key:literal $read:expr,)*
            $(? $($(#[$more_doc:meta])* $more:ident: $more_type:ty = $more_key:literal $more_read:expr,)*)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'m> {
            $($(#[$field_doc])* pub $field: $type,)*
            $($($(#[$more_doc])* pub $more: Option<$more_type>,)*)?
        }

        impl<'m> $name<'m> {

            pub(in $crate::binance) fn read(
                cursor: &mut $crate::binance::json::Cursor<'m>,
                ns: u64,
            ) -> core::result::Result<Self, $crate::binance::DecodeError> {
                use $crate::binance::fields::{KEY_LIMIT, Read as _, key_name};
                use $crate::binance::value::Slot;
                // What kind of event it is stands in it once at most, too.
                let mut event = Slot::new("e");
                $(let mut $field = Slot::new(key_name($key));)*
                $($(let mut $more = Slot::new(key_name($more_key));)*)?
                cursor.object(|key, cursor| {
                    let mut scratch = [0; KEY_LIMIT];
                    match key.resolve(&mut scratch) {
                        Some(b"e") => event.fill(cursor, |cursor| cursor.skip_value()),
                        $(Some($key) => $field.fill(cursor, |cursor| $read.read(cursor, ns)),)*
                        $($(Some($more_key) => {
                            $more.fill(cursor, |cursor| $more_read.read(cursor, ns))
                        })*)?
                        _ => cursor.skip_value(),
                    }
                })?;
                Ok(Self {
                    $($field: $field.take(cursor)?,)*
                    $($($more: $more.value.and_then(Into::into),)*)?
                })
            }
        }
    };
}
pub(super) use fields;

/// What reads a value. `ns` is how many nanoseconds a unit of time has.
pub(super) trait Read<'m, T, Marker> {
    fn read(self, cursor: &mut Cursor<'m>, ns: u64) -> Result<T, DecodeError>;
}

/// Reads what has no time in it.
pub(super) struct Timeless;

impl<'m, T, F> Read<'m, T, Timeless> for F
where
    F: FnOnce(&mut Cursor<'m>) -> Result<T, DecodeError>,
{
    #[inline]
    fn read(self, cursor: &mut Cursor<'m>, _ns: u64) -> Result<T, DecodeError> {
        self(cursor)
    }
}

/// Reads what has times in it.
pub(super) struct Timed;

impl<'m, T, F> Read<'m, T, Timed> for F
where
    F: FnOnce(&mut Cursor<'m>, u64) -> Result<T, DecodeError>,
{
    #[inline]
    fn read(self, cursor: &mut Cursor<'m>, ns: u64) -> Result<T, DecodeError> {
        self(cursor, ns)
    }
}
