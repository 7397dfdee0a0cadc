//! Pages of other origins: whose scripts may ask. Nobody's, unless the configuration names them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gateway::Shared;

/// What scripts may send and read beyond what browsers let them anyway.
const MAY_SEND: &str = "content-type, x-mbx-apikey";
const MAY_READ: &str = "retry-after, x-mbx-used-weight, x-mbx-used-weight-1m, \
                        x-mbx-order-count-10s, x-mbx-order-count-1d";
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// Seconds that a browser may remember the permission.
const MAX_AGE: &str = "600";

/// Whether that is an origin as browsers write it, or `*`, which stands for all of them.
pub(crate) fn is_origin(text: &str) -> bool {
    let host = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    };
    text == "*"
        || ["http://", "https://"].iter().any(|scheme| text.strip_prefix(scheme).is_some_and(host))
}

/// Tells browsers whether the asking page's scripts may see the answer, and answers when they ask
/// that first.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let headers = request.headers();
    let allowed = headers
        .get(header::ORIGIN)
        .filter(|origin| is_allowed(&shared.options.cors_origins, origin))
        .cloned();
    let asks_first = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_first && allowed.is_some() {
        let mut response = StatusCode::NO_CONTENT.into_response();
        put(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        put(&mut response, header::ACCESS_CONTROL_ALLOW_HEADERS, MAY_SEND);
        put(&mut response, header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    } else {
        next.run(request).await
    };
    put(&mut response, header::VARY, "origin");
    if let Some(origin) = allowed {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        put(&mut response, header::ACCESS_CONTROL_EXPOSE_HEADERS, MAY_READ);
    }
    response
}

fn is_allowed(origins: &[String], origin: &HeaderValue) -> bool {
    origins.iter().any(|known| known == "*" || known.as_bytes() == origin.as_bytes())
}

fn put(response: &mut Response, name: HeaderName, value: &'static str) {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for good in ["*", "http://localhost:3000", "https://desk.example"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["", "desk.example", "https://", "https://desk.example/", "null", "https://a b"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
