//! How the tests speak the native interface.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::http::{Answer, Client, now_ms, send};

/// A timestamp that no request before had: the same signed bytes are taken once.
pub(super) fn fresh_ms() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = now_ms();
    let last =
        LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)));
    now.max(last.unwrap() + 1)
}

impl Client {
    /// As it is: nothing is added.
    pub(super) fn v1_raw(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request.body(body.to_owned()).unwrap())
    }

    /// Signed at a time of the client's own choice.
    pub(super) fn v1_at(&self, method: &str, path: &str, body: &str, at_ms: u64) -> Answer {
        let target = format!("/api/v1/{path}");
        let timestamp = at_ms.to_string();
        let signature = self.plain_signature(&format!("{timestamp}\n\n{method}\n{target}\n{body}"));
        let headers = [
            ("tiercel-key", self.api_key.as_str()),
            ("tiercel-timestamp", timestamp.as_str()),
            ("tiercel-signature", signature.as_str()),
            ("content-type", "application/json"),
        ];
        self.v1_raw(method, &target, &headers, body)
    }

    /// Signed, with a body as a text.
    pub(super) fn v1_text(&self, method: &str, path: &str, body: &str) -> Answer {
        self.v1_at(method, path, body, fresh_ms())
    }

    /// Signed.
    pub(super) fn v1(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.v1_text(method, path, &body)
    }

    /// A signed question.
    pub(super) fn v1_get(&self, path: &str) -> Answer {
        self.v1("GET", path, &Value::Null)
    }

    /// A question that needs no key.
    pub(super) fn v1_public(&self, path: &str) -> Answer {
        self.v1_raw("GET", &format!("/api/v1/{path}"), &[], "")
    }

    /// An order of this account.
    pub(super) fn v1_order(&self, order: &Value) -> Answer {
        self.v1("POST", "orders", order)
    }
}

impl Answer {
    /// The field of a refusal of the native interface.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, code: &str) -> Option<&str> {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        assert_eq!(self.body["type"], format!("urn:tiercel:problem:{code}"));
        assert!(self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        self.body["field"].as_str()
    }
}

/// An order with some fields more, or other ones.
pub(super) fn with(order: &Value, more: &Value) -> Value {
    let mut order = order.clone();
    for (name, value) in more.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}
