//! A venue in this process, traded on over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tiercel_journal::{Durability, EventLog, MemoryLog};
use tiercel_matching::{EngineConfig, FullEngine};
use tiercel_telemetry::Registry;
use tiercel_types::{Command, Event, Timestamp};
use tiercel_venue::accounts::Keys;
use tiercel_venue::demo;
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::pipeline::{
    Core, Delivery, Handle, PipelineOptions, Status, Submission, pipeline,
};
use tiercel_venue::serve::{ServeOptions, Server};
use tiercel_venue::stage::{Stage, StagePlan, StageThread};

/// One of the accounts: its key and how it signs.
pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) api_key: String,
    signs: Signs,
}

enum Signs {
    Hmac(String),
    Ed25519(Box<SigningKey>),
    Not,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The code of a refusal.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: i64) -> &str {
        assert_eq!((self.status, self.body["code"].as_i64()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        self.body["msg"].as_str().unwrap()
    }

    #[track_caller]
    pub(super) fn good(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        self.body
    }
}

pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(20)))
        .build();
    config.into()
}

/// Sends a request on a connection of its own.
pub(super) fn send(request: ureq::http::Request<String>) -> Answer {
    let mut response = agent().run(request).unwrap();
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, headers, body }
}

impl Client {
    /// A key that an administrator made.
    pub(super) fn made(venue: &Venue, key: &Value) -> Self {
        Self::at(venue.address, key)
    }

    /// A key, and where it is good.
    pub(super) fn at(address: SocketAddr, key: &Value) -> Self {
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let signs = Signs::Hmac(text("secret"));
        Self { address, api_key: text("api_key"), signs }
    }

    /// What it signs with.
    pub(super) fn secret(&self) -> &str {
        match &self.signs {
            Signs::Hmac(secret) => secret,
            _ => panic!("no secret"),
        }
    }

    pub(super) fn stranger(venue: &Venue) -> Self {
        Self { address: venue.address, api_key: String::new(), signs: Signs::Not }
    }

    pub(super) fn with_key(&self, api_key: &str) -> Self {
        let signs = match &self.signs {
            Signs::Hmac(secret) => Signs::Hmac(secret.clone()),
            Signs::Ed25519(key) => Signs::Ed25519(key.clone()),
            Signs::Not => Signs::Not,
        };
        Self { address: self.address, api_key: api_key.to_owned(), signs }
    }

    pub(super) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// For a query string.
    fn signature(&self, payload: &str) -> String {
        let text = self.plain_signature(payload);
        text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }

    pub(super) fn plain_signature(&self, payload: &str) -> String {
        match &self.signs {
            Signs::Hmac(secret) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
                mac.update(payload.as_bytes());
                let bytes = mac.finalize().into_bytes();
                bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
            }
            Signs::Ed25519(key) => BASE64.encode(key.sign(payload.as_bytes()).to_bytes()),
            Signs::Not => String::new(),
        }
    }

    /// As it is: nothing is added.
    pub(super) fn raw(&self, method: &str, target: &str, body: &str) -> Answer {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", self.address))
            .header("x-mbx-apikey", &self.api_key)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned())
            .unwrap();
        send(request)
    }

    pub(super) fn public(&self, path: &str) -> Answer {
        self.raw("GET", &format!("/api/v3/{path}"), "")
    }

    /// Signed, at a time of the client's own choice. A path that begins with a slash is whole.
    pub(super) fn signed_at(&self, method: &str, path: &str, query: &str, at_ms: u64) -> Answer {
        let query = format!("{query}&timestamp={at_ms}");
        let signature = self.signature(&query);
        let base = if path.starts_with('/') { "" } else { "/api/v3/" };
        self.raw(method, &format!("{base}{path}?{query}&signature={signature}"), "")
    }

    pub(super) fn signed(&self, method: &str, path: &str, query: &str) -> Answer {
        self.signed_at(method, path, query, now_ms())
    }

    /// Signed, with all parameters in the body.
    pub(super) fn form(&self, method: &str, path: &str, form: &str) -> Answer {
        let form = format!("{form}&timestamp={}", now_ms());
        let signature = self.signature(&form);
        self.raw(method, &format!("/api/v3/{path}"), &format!("{form}&signature={signature}"))
    }

    /// A signed request as its bytes, for a connection that speaks for itself.
    pub(super) fn request(&self, method: &str, path: &str, query: &str) -> String {
        let query = format!("{query}&timestamp={}", now_ms());
        let signature = self.signature(&query);
        format!(
            "{method} /api/v3/{path}?{query}&signature={signature} HTTP/1.1\r\nHost: x\r\n\
             X-MBX-APIKEY: {}\r\nContent-Length: 0\r\n\r\n",
            self.api_key
        )
    }

    pub(super) fn order(&self, query: &str) -> Answer {
        self.signed("POST", "order", &format!("symbol=BTCUSDT&{query}"))
    }

    pub(super) fn limit(&self, side: &str, price: &str, qty: &str) -> Answer {
        self.order(&format!("side={side}&type=LIMIT&timeInForce=GTC&price={price}&quantity={qty}"))
    }

    /// A connection that speaks for itself.
    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }
}

/// A log, and the digest after its last command.
pub(super) type Logged = (MemoryLog, u128);

/// A venue with the demo market, a client for each of its two accounts, and two Ed25519 keys of the
/// first one: one that may only read, and one that may trade too.
pub(super) struct Venue {
    pub(super) address: SocketAddr,
    status: Status,
    halt: Arc<AtomicBool>,
    logs: Sender<Sender<Logged>>,
    threads: Vec<JoinHandle<()>>,
    operator: Option<Mutex<Handle>>,
    pub(super) one: Client,
    pub(super) two: Client,
    pub(super) reader: Client,
    pub(super) trader: Client,
}

impl Venue {
    pub(super) fn start() -> Self {
        Self::with(ServeOptions::default())
    }

    pub(super) fn with(options: ServeOptions) -> Self {
        Self::custom(options, |server| server)
    }

    /// With what `change` adds to the server. What the calling thread logs to, the venue does too.
    pub(super) fn custom(options: ServeOptions, change: impl FnOnce(Server) -> Server) -> Self {
        Self::with_gateways(options, false, |server, _| (change(server), None))
    }

    /// With a second gateway, for commands of the operator. It is read with each of them, so that it
    /// holds the venue up after as many events as the outbox has.
    pub(super) fn with_operator(options: ServeOptions) -> Self {
        Self::with_gateways(options, true, |server, _| (server, None))
    }

    /// With what `change` adds to the server, and a gateway that is a stage; it is told the API keys of
    /// the two accounts.
    pub(super) fn with_gateways(
        options: ServeOptions,
        has_operator: bool,
        change: impl FnOnce(Server, &[String]) -> (Server, Option<StagePlan>),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let keys = Keys::default();
        let made = demo::keys(&keys).unwrap();
        let signing = SigningKey::from_bytes(&[9; 32]);
        let public = BASE64.encode(signing.verifying_key().to_bytes());
        for (name, permissions) in [("reader", "\"read\""), ("trader", "\"read\", \"trade\"")] {
            let text = format!(
                "[[key]]\napi_key = \"{name}\"\naccount = 1\npermissions = [{permissions}]\n\
                 ed25519_public_key = \"{public}\"\n"
            );
            let parsed = Keys::parse(&text, |_| None).unwrap().get(name).unwrap();
            keys.add(name, Arc::into_inner(parsed).unwrap()).unwrap();
        }
        let names: Vec<_> = made.iter().map(|key| key.api_key.clone()).collect();
        let server = Server::new(listener, options, keys, Registry::new());
        let (server, plan) = change(server, &names);
        let (core, mut handles) = pipeline(
            &PipelineOptions { durability: Durability::Memory, ..PipelineOptions::default() },
            MemoryLog::default(),
            FullEngine::new(EngineConfig::default()),
            1 + u16::from(has_operator) + u16::from(plan.is_some()),
        );
        let mut models = Models::new(ModelLimits::default());
        let stage = plan.map(|plan| {
            let handle = handles.pop().unwrap();
            ((plan.build)(handle, &models).unwrap(), plan.thread)
        });
        let mut handle = handles.remove(0);
        let operator = handles.pop().map(Mutex::new);
        let status = handle.status();
        let halt = Arc::new(AtomicBool::new(false));
        let (logs, asked) = channel();
        let log = tracing::dispatcher::get_default(Clone::clone);
        let mut threads = Vec::new();
        let fused = match stage {
            Some((mut stage, StageThread::Own { .. })) => {
                threads.push(std::thread::spawn(move || run_stage(&mut *stage)));
                None
            }
            Some((stage, StageThread::Fused)) => Some(stage),
            None => None,
        };
        threads.push(run_core(core, Arc::clone(&halt), asked, fused));
        demo::open(&mut handle, &mut models).unwrap();
        let shell = std::thread::spawn(move || {
            tracing::dispatcher::with_default(&log, || server.run(handle, models).unwrap());
        });
        let client = |at: usize| Client {
            address,
            api_key: made[at].api_key.clone(),
            signs: Signs::Hmac(made[at].secret.clone()),
        };
        let (one, two) = (client(0), client(1));
        let signs = Signs::Ed25519(Box::new(signing));
        let reader = Client { address, api_key: "reader".to_owned(), signs };
        let trader = reader.with_key("trader");
        threads.push(shell);
        Self { address, status, halt, logs, threads, operator, one, two, reader, trader }
    }

    /// Does something as the operator; its events.
    pub(super) fn operate(&self, command: impl Into<Command>) -> Vec<Event> {
        let mut handle = self.operator.as_ref().unwrap().lock().unwrap();
        handle.submit(Submission { token: 1, commands: &[command.into()] }).unwrap();
        let (mut events, mut over) = (Vec::new(), false);
        while !over {
            handle.deliveries.wait(Duration::from_secs(1));
            let take = |delivery: &Delivery| {
                if delivery.origin.gateway == 2 {
                    events.push(delivery.event);
                    over = delivery.is_end_of_submission();
                }
            };
            handle.poll(usize::MAX, take).unwrap();
        }
        events
    }

    /// Has the venue stop.
    pub(super) fn stop(&self) {
        self.status.stop();
    }

    /// The log as it is now, and the engine's digest after it.
    pub(super) fn log(&self) -> Logged {
        let (reply, log) = channel();
        self.logs.send(reply).unwrap();
        log.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    /// Holds the core up, as a disk that does not answer would.
    pub(super) fn halt(&self, halted: bool) {
        self.halt.store(halted, Ordering::SeqCst);
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        self.halt(false);
        self.stop();
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("a thread of the venue panicked");
            }
        }
    }
}

/// A stage on a thread of its own, until it is over.
fn run_stage(stage: &mut dyn Stage) {
    loop {
        let now = Timestamp(now_ms() * 1_000_000);
        let received = stage.receive(now).unwrap();
        match stage.deliver(now) {
            Ok(delivered) if received + delivered > 0 => {}
            Ok(_) => stage.wait(Duration::from_millis(5)).unwrap(),
            Err(_over) => return,
        }
    }
}

fn run_core(
    mut core: Core<MemoryLog>,
    halt: Arc<AtomicBool>,
    asked: Receiver<Sender<Logged>>,
    mut fused: Option<Box<dyn Stage>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        loop {
            let now = Timestamp(now_ms() * 1_000_000);
            let mut work = 0;
            if let Some(stage) = &mut fused {
                work += stage.receive(now).unwrap() + stage.deliver(now).unwrap_or(0);
            }
            for reply in asked.try_iter() {
                let mut log = core.log().clone();
                // What is acknowledged in memory alone can be read too.
                log.wait_durable(u64::MAX).unwrap();
                reply.send((log, core.engine().digest())).unwrap();
            }
            if halt.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            if core.is_drained() {
                break;
            }
            work += core.poll(now).unwrap();
            if work == 0 && fused.is_some() {
                // A sleeping core hears no socket.
                std::thread::sleep(Duration::from_micros(100));
            } else if work == 0 {
                core.idle(now, Duration::from_millis(5)).unwrap();
            }
        }
        core.finish();
        if let Some(stage) = &mut fused {
            run_stage(&mut **stage);
        }
    })
}

/// Sends bytes, closes the sending side, and reads what comes.
pub(super) fn exchange(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A connection that the venue cuts off may end in a reset: what came before it counts.
    let _reset = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
