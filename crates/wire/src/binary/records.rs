//! Every record: what is made from the one table of their fields, which stands in `table`.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::Part;

/// What is told of a field: where it lies, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its name.
    pub name: &'static str,
    /// Where it begins, from the start of the record.
    pub offset: u8,
    /// Its bytes.
    pub size: u8,
    /// Its type, by its name here.
    pub type_name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// A record's body: 48 bytes behind the header.
pub trait BodyRecord: TryFromBytes + IntoBytes + Immutable + KnownLayout + Copy + Sealed {
    /// Which record it is.
    const KIND: Kind;
}

/// The kinds are those of [`Body`].
pub trait Sealed {}

macro_rules! records {
    ($(
        $(#[doc = $doc:literal])+
        $code:literal $name:ident $text:literal {
            $($(#[doc = $fdoc:literal])+ $field:ident: $type:ty,)+
        }
    )+) => {
        /// Which record it is: its first byte.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            TryFromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(u8)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl Kind {
            /// Every kind, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind of this code.
            #[inline]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// What it is for.
            pub fn doc(self) -> String {
                let lines: &[&str] = match self {
                    $(Self::$name => &[$($doc),+],)+
                };
                lines.concat().trim().to_owned()
            }

            /// The fields of its body, in order.
            pub const fn fields(self) -> &'static [FieldInfo] {
                match self {
                    $(Self::$name => {
                        const FIELDS: &[FieldInfo] = &[$(FieldInfo {
                            name: stringify!($field),
                            offset: (HEADER_SIZE + offset_of!($name, $field)) as u8,
                            size: size_of::<$type>() as u8,
                            type_name: stringify!($type),
                            doc: concat!($($fdoc),+),
                        }),+];
                        FIELDS
                    })+
                }
            }
        }

        $($(#[doc = $doc])+
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(C)]
        pub struct $name {
            $($(#[doc = $fdoc])+ pub $field: $type,)+
        }

        const _: () = assert!(size_of::<$name>() == BODY_SIZE && align_of::<$name>() <= 8);

        impl Sealed for $name {}

        impl BodyRecord for $name {
            const KIND: Kind = Kind::$name;
        }

        impl From<$name> for Body {
            #[inline(always)]
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        }

        impl $name {
            #[inline(always)]
            fn read(bytes: &[u8; BODY_SIZE]) -> Option<Self> {
                let body = Self::try_read_from_bytes(bytes).ok()?;
                (true $(& body.$field.is_well_formed())+).then_some(body)
            }

            /// The first field, by its order, that holds what it cannot.
            fn bad_field(bytes: &[u8; BODY_SIZE]) -> usize {
                let mut at = 0;
                $({
                    let range = offset_of!($name, $field)..offset_of!($name, $field) + size_of::<$type>();
                    match <$type>::try_read_from_bytes(&bytes[range]) {
                        Ok(value) if value.is_well_formed() => at += 1,
                        _ => return at,
                    }
                })+
                at
            }
        })+

        /// A record's body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Body {
            $($(#[doc = $doc])+ $name($name),)+
        }

        impl Body {
            /// Which record it is of.
            #[inline]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name,)+
                }
            }

            /// Its bytes.
            pub fn as_bytes(&self) -> &[u8] {
                match self {
                    $(Self::$name(body) => body.as_bytes(),)+
                }
            }

            /// Shows each field that is worth looking at, in order, with its name.
            pub fn show(&self, mut take: impl FnMut(&'static str, FieldValue<'_>)) {
                match self {
                    $(Self::$name(body) => {
                        $(if let Some(value) = body.$field.show() {
                            take(stringify!($field), value);
                        })+
                    })+
                }
            }
        }

        /// Reads a record: its header, and its body, every field of both checked.
        ///
        /// # Errors
        /// [`Fault`] names what is wrong.
        // Inlined, so that the consumer's own match on the kind merges with this one.
        #[inline(always)]
        pub fn decode(record: &[u8; RECORD_SIZE]) -> Result<(Header, Body), Fault> {
            let (header, body) = Header::split(record);
            if header.is_well_formed() {
                match header.kind {
                    $($code => if let Some(body) = $name::read(body) {
                        return Ok((header, Body::$name(body)));
                    },)+
                    _ => {}
                }
            }
            Err(fault(record))
        }

        /// Says why a record was refused.
        #[cold]
        #[inline(never)]
        fn fault(record: &[u8; RECORD_SIZE]) -> Fault {
            let (header, body) = Header::split(record);
            let Some(kind) = Kind::from_code(header.kind) else {
                return Fault::UnknownKind { kind: header.kind };
            };
            if !header.is_well_formed() {
                return Fault::Header { kind };
            }
            let at = match kind {
                $(Kind::$name => $name::bad_field(body),)+
            };
            Fault::Field { kind, field: kind.fields().get(at).map_or(0, |field| field.offset) }
        }
    };
}

// Market data have a table of the same sort.
pub(crate) use records;

// Behind the macro that it is written in.
mod table;

pub use table::*;

impl Kind {
    /// What a record of this kind is part of.
    #[inline]
    pub const fn part(self) -> Part {
        match self as u8 {
            ..0x10 => Part::Session,
            0x10..0x40 => Part::Request,
            0x40..0x80 => Part::Answer,
            0x80.. => Part::Extension,
        }
    }
}
