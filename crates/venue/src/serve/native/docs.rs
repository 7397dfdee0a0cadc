//! `/openapi.json`, and a page that shows it: nothing of it comes from elsewhere.

use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::native::openapi_json;
use crate::serve::json_response;

/// The page: it fetches `/openapi.json` and nothing else.
const PAGE: &str = include_str!("docs.html");
/// What a browser lets the page do.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The description of the interface.
pub(super) async fn openapi() -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    json_response(200, DOCUMENT.get_or_init(openapi_json).clone())
}

/// The reference page.
pub(super) async fn page() -> Response {
    let mut response = PAGE.into_response();
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
