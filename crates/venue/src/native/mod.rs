//! The native interface without its sockets: what a request says, what it is answered.
//!
//! ```text
//!   path, query, body -> table -> types of the request -> Work: an answer, or commands ..> engine
//!   JSON <- types of the answer <- events, read models <...............................
//!                 |
//!                 +--> the same types describe themselves: /openapi.json
//! ```
//!
//! docs/native-api.md is the page for its users. The words are the engine's own, so that everything
//! the engine knows can be asked for and is told.
//!
//! Architecture Invariant: nothing here reads a clock, opens a socket or draws a random number; times
//! and what the venue knows are passed in. A request gets its answer or a [`Problem`] with a stable
//! code; nothing panics. The account is that of the key that signed, never one that a request names.

/// Defines an answer whose fields behind the `;` are left out where they say nothing.
macro_rules! answer {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        $(; $($(#[$option_doc:meta])* $option:ident: $option_type:ty,)*)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            $($($(#[$option_doc])*
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub $option: Option<$option_type>,)*)?
        }
    };
}

/// Defines a query. What it does not have is refused.
macro_rules! query {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    };
}

/// Defines a request's body, or a part of it. What it does not have is refused.
macro_rules! body {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    };
}

pub mod actions;
pub mod auth;
pub mod call;
pub mod condition;
pub mod json;
pub mod market;
mod openapi;
pub mod order;
pub mod problem;
pub mod questions;
pub mod scalar;
pub mod signals;
pub mod stream;
pub mod table;
pub mod view;

pub use call::{Call, Name, Submit, Work};
pub use openapi::openapi_json;
pub use problem::{Code, Problem};
pub use signals::Signals;
