//! What a trader serves over HTTP, and when it ends.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tiercel_sync::snapshot::{self, Publisher};
use tiercel_telemetry::Registry;
use tiercel_trader::hot::Control;
use tiercel_trader::serve::{ServeOptions, Server};
use tiercel_trader::state::TraderState;
use tiercel_trader::tell::Names;

/// A server of a trader with nothing to show.
fn serve() -> (Server, Publisher<TraderState>, Receiver<Control>) {
    let (publisher, state) = snapshot::cell(TraderState::default(), 1);
    let (control, controlled) = channel();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = ServeOptions { listener, token: None, kill_file: None };
    let server = Server::start(options, Registry::new(), Names::default(), state, control).unwrap();
    (server, publisher, controlled)
}

/// Its health: whether it is well, and what it tells.
fn health(server: &Server) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(&format!("http://{}/health", server.address())).call().unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
}

#[test]
fn a_trader_whose_state_is_old_is_not_well_and_tells_how_old_it_is() {
    let (server, mut publisher, _controlled) = serve();
    let (code, told) = health(&server);
    assert_eq!((code, &told["age_ms"]), (503, &Value::Null), "{told}");
    let now_ns = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    // The next second belongs to it: a machine that is busy is no reason to fail.
    publisher.publish(|state| state.time_ns = now_ns() + 30_000_000_000);
    let (code, told) = health(&server);
    assert_eq!((code, &told["acts"]), (503, &false.into()), "its strategy does not act: {told}");
    publisher.publish(|state| {
        (state.time_ns, state.acts) = (now_ns() + 30_000_000_000, true);
    });
    let (code, told) = health(&server);
    assert_eq!((code, &told["status"], &told["age_ms"]), (200, &"ready".into(), &0.into()));
    publisher.publish(|state| state.time_ns = now_ns() - 1_001_000_000);
    let (code, told) = health(&server);
    assert_eq!((code, &told["status"]), (503, &"degraded".into()), "{told}");
    assert!(told["age_ms"].as_u64() >= Some(1_001), "{told}");
}

#[test]
fn it_ends_though_half_a_request_is_never_finished() {
    let (server, _publisher, _controlled) = serve();
    let mut half = TcpStream::connect(server.address()).unwrap();
    half.write_all(b"GET /he").unwrap();
    // Whoever came before has been taken by now.
    health(&server);
    let (ended, heard) = channel();
    std::thread::spawn(move || {
        drop(server);
        ended.send(()).unwrap();
    });
    assert!(heard.recv_timeout(Duration::from_secs(10)).is_ok(), "it does not end");
}
