//! The signatures of the interface's own documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::SigningKey;
use serde_json::Value;
use tiercel_testkit::data;
use tiercel_venue::binance::Params;
use tiercel_venue::binance::signature::{Verifier, check_signature, sorted_payload};

#[test]
fn documented_signatures_are_verified_and_others_are_not() {
    let Some(path) = data::path("vectors/binance_signatures.json") else { return };
    let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |vector: &Value, field: &str| vector[field].as_str().unwrap().to_owned();
    let (mut hmac, mut ed25519) = (0, 0);
    for vector in &vectors {
        let signature = text(vector, "sig");
        if vector["alg"] == "HMAC-SHA256" {
            let key = Verifier::Hmac(text(vector, "key").into_bytes());
            check_hmac(&key, &text(vector, "id"), &text(vector, "payload"), &signature);
            hmac += 1;
        } else {
            let seed: [u8; 32] =
                BASE64.decode(text(vector, "pem")).unwrap()[16..].try_into().unwrap();
            let public = SigningKey::from_bytes(&seed).verifying_key();
            let key = Verifier::ed25519(&BASE64.encode(public.to_bytes())).unwrap();
            let fields = vector["payload_soh_joined"].as_array().unwrap();
            let fields: Vec<&str> = fields.iter().map(|field| field.as_str().unwrap()).collect();
            let payload = fields.join("\u{1}");
            assert!(key.verifies(&[payload.as_bytes()], &signature));
            assert!(!key.verifies(&[payload.to_lowercase().as_bytes()], &signature));
            ed25519 += 1;
        }
    }
    assert!(hmac >= 4 && ed25519 >= 1, "{hmac} {ed25519}");
}

fn check_hmac(key: &Verifier, id: &str, payload: &str, signature: &str) {
    assert!(key.verifies(&[payload.as_bytes()], signature), "{id}");
    assert!(!key.verifies(&[&payload.as_bytes()[1..]], signature), "{id}");
    if id.starts_with("ws") {
        let mut pairs: Vec<_> =
            payload.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        pairs.reverse();
        pairs.push(("signature", signature));
        assert_eq!(sorted_payload(&mut pairs), payload, "{id}");
        return;
    }
    // As a request: behind the others in the query, or split between query and body.
    let query = format!("{payload}&signature={signature}");
    let signed = |query: &str, body: &str| {
        check_signature(key, query, body, &Params::parse(query, body).unwrap())
    };
    assert_eq!(signed(&query, ""), Ok(()), "{id}");
    assert_eq!(signed("", &query), Ok(()), "{id}");
    let moved = payload.replacen('&', "", 1);
    assert!(signed(&format!("{moved}&signature={signature}"), "").is_err(), "{id}");
}
