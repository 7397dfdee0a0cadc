//! What holds for every request of the `WebSocket` interfaces, of the native interface and of
//! administration. Shared with the fuzz target.

use serde_json::Value;
use tiercel_matching::{EngineConfig, FullEngine};
use tiercel_types::record::RECORD_SIZE_MAX;
use tiercel_types::{AccountId, Command, EventBuffer, Timestamp};
use tiercel_venue::accounts::{Key, Keys};
use tiercel_venue::admin::Act;
use tiercel_venue::binance::signature::{Verifier, check_sorted_signature};
use tiercel_venue::binance::stream::StreamRequest;
use tiercel_venue::binance::ws_request::WsRequest;
use tiercel_venue::binance::{ApiError, Params, questions};
use tiercel_venue::demo;
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::native::auth::Signed;
use tiercel_venue::native::stream::StreamRequest as NativeRequest;
use tiercel_venue::native::table::{ENDPOINTS, find};
use tiercel_venue::native::{Call, Signals, Work};
use tiercel_venue::problem::Problem;

/// The demo market.
pub(crate) fn models() -> Models {
    let mut engine = FullEngine::new(EngineConfig::default());
    let (mut models, mut events) =
        (Models::new(ModelLimits::default()), EventBuffer::with_capacity(64));
    for (command, sequence) in demo::commands().iter().zip(1..) {
        engine.apply_all(sequence, Timestamp(1), command, &mut events, |header, event| {
            models.apply(&header, &event);
        });
    }
    models
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// A command that a log holds.
fn in_a_log(command: &Command) {
    let mut bytes = [0; RECORD_SIZE_MAX];
    let size = command.encode(1, Timestamp(1), &mut bytes).unwrap();
    assert_eq!(Command::decode(&bytes[..size]).unwrap().1, *command);
}

/// A refusal is the client's own fault, and its body is JSON whatever it quotes.
fn refused(problem: &Problem) {
    assert!((400..500).contains(&problem.status), "{problem:?}");
    let told: Value = serde_json::from_str(&problem.to_json()).unwrap();
    assert_eq!(told["code"], problem.code);
}

fn refused_by_code(error: &ApiError) {
    assert!((400..500).contains(&error.status), "{error}");
    assert!(is_json(&error.to_json()), "{error}");
}

/// A text on `/ws-api/v3`: what a request says, up to the parameters of its call.
pub(crate) fn ws_api(text: &str, models: &Models) {
    let request = match WsRequest::read(text) {
        Ok(request) => request,
        Err((id, error)) => {
            assert!(is_json(id), "{id}");
            return refused_by_code(&error);
        }
    };
    assert!(is_json(request.id), "{}", request.id);
    let params = match Params::of(request.params) {
        Ok(params) => params,
        Err(error) => return refused_by_code(&error),
    };
    let key = Verifier::Hmac(b"key".to_vec());
    let _signed = check_sorted_signature(&key, &params).inspect_err(refused_by_code);
    let answer = questions::depth(models, &params).inspect_err(refused_by_code);
    assert!(answer.map_or(true, |json| is_json(&json)));
}

/// A text on `/ws` or `/stream`.
pub(crate) fn stream(text: &str) {
    let _read =
        StreamRequest::read(text).inspect_err(|answer| assert!(is_json(answer), "{answer}"));
}

/// A text on `/api/v1/stream`, up to its channels and its signature.
pub(crate) fn native_stream(text: &str, models: &Models) {
    let request = match NativeRequest::read(text) {
        Ok(request) => request,
        Err(problem) => return refused(&problem),
    };
    let keys = Keys::default();
    let key = Key::new(AccountId(1), Verifier::Hmac(b"secret".to_vec()), true, true);
    keys.add("key", key).unwrap();
    let signed = Signed { method: "GET", target: "/api/v1/stream", body: b"" };
    let _signer =
        request.credentials().check(&keys, signed, 1_700_000_000_000).inspect_err(refused);
    for account in [None, Some(AccountId(1))] {
        for name in request.channels().inspect_err(refused).unwrap_or_default() {
            let _known = name.resolve(models, account, "/channels/0").inspect_err(refused);
        }
    }
}

/// A query or a body, or both, of every native request. `line` is the query, or the path and the query.
pub(crate) fn native(line: &str, body: &[u8], models: &Models, signals: &Signals) {
    let (path, query) = line.split_once('?').unwrap_or(("", line));
    for endpoint in ENDPOINTS {
        let found = find(endpoint.method, path).inspect_err(|(problem, _)| refused(problem));
        let usual = ["BTCUSDT", "1"].map(str::to_owned).to_vec();
        let (endpoint, places) = found.unwrap_or((endpoint, usual));
        let account = AccountId(1);
        let now = Timestamp(1_700_000_000_000_000_000);
        let call = Call { models, signals, account, may_trade: true, now, places: &places };
        match (endpoint.begin)(&call, query, body) {
            Ok(Work::Done(answer)) => assert!(is_json(&answer), "{answer}"),
            Ok(Work::Submit(submit)) => submit.commands.iter().for_each(in_a_log),
            Err(problem) => refused(&problem),
        }
    }
}

/// A request of an administrator.
pub(crate) fn admin(method: &str, path: &str, body: &[u8], models: &Models) {
    match Act::read(method, path, body, models) {
        Ok(Act::Command(command, _)) => in_a_log(&command),
        Ok(_) => {}
        Err(problem) => refused(&problem),
    }
}

/// Any bytes as everything: the first line is a path and a query, or a text of a `WebSocket`; what is
/// behind it is a body.
pub(crate) fn check(bytes: &[u8], models: &Models, signals: &Signals) {
    let text = String::from_utf8_lossy(bytes);
    let (line, body) = text.split_once('\n').unwrap_or((&text, &text));
    ws_api(&text, models);
    stream(&text);
    native_stream(&text, models);
    native(line, body.as_bytes(), models, signals);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        admin(method, line, body.as_bytes(), models);
    }
}
