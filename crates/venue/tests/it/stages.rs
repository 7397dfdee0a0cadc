//! Gateways that are stages: on the core's thread and on their own, by each reactor, awake and asleep.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use tiercel_journal::IoOptions;
use tiercel_net::{Busy as BusyReactor, CloseReason, ConnectionId, Limits, Polling, Tuning, Uring};
use tiercel_sync::wait::WaitKind;
use tiercel_types::{Command, Event, Side, Timestamp};
use tiercel_venue::pipeline::{Delivery, Handle, PipelineOptions, Submission};
use tiercel_venue::run::{RunError, RunOptions, start_with};
use tiercel_venue::stage::{
    BuildStage, Context, Door, Sessions, Sockets, Stage, StagePlan, StageThread,
};
use tiercel_venue::store;

use crate::it::place::{Place, SMALL_PIPELINE, limit, setup, store_options};

/// A message: which command to hand in. Its answer: that number, and how many events came of it.
const ASK: usize = 8;
const ANSWER: usize = 16;
const GOODBYE: &[u8; ANSWER] = b"the venue stops.";

/// Hands commands in by their numbers.
struct ByNumber {
    commands: Vec<Command>,
    /// Who asked, by token.
    asked: Vec<ConnectionId>,
    events: u64,
    answers: Vec<(ConnectionId, [u8; ANSWER])>,
    connections: Vec<ConnectionId>,
    stops: bool,
}

impl Sessions for ByNumber {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool {
        assert!(peer.ip().is_loopback() && now.0 > 0);
        self.connections.push(id);
        true
    }

    fn received(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
        _: &mut Vec<u8>,
    ) -> usize {
        let (asks, _) = bytes.as_chunks::<ASK>();
        for ask in asks {
            let command = self.commands[u64::from_le_bytes(*ask) as usize];
            let token = self.asked.len() as u64;
            context.submitter.submit(Submission { token, commands: &[command] }).unwrap();
            self.asked.push(id);
        }
        asks.len() * ASK
    }

    fn closed(&mut self, id: ConnectionId, _: &CloseReason, _: &mut Context<'_>) {
        self.connections.retain(|other| *other != id);
    }

    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        if delivery.origin.gateway != context.submitter.gateway() {
            return;
        }
        self.events += u64::from(!matches!(delivery.event, Event::Denied(_)));
        if delivery.is_end_of_submission() {
            let mut answer = [0; ANSWER];
            answer[..8].copy_from_slice(&delivery.origin.token.to_le_bytes());
            answer[8..].copy_from_slice(&std::mem::take(&mut self.events).to_le_bytes());
            self.answers.push((self.asked[delivery.origin.token as usize], answer));
        }
    }

    fn tick(&mut self, _: &mut Context<'_>) {}

    fn stop(&mut self, _: &mut Context<'_>) -> bool {
        self.stops = true;
        self.connections.is_empty()
    }

    fn flush(&mut self, sockets: &mut dyn Sockets) {
        for (id, answer) in self.answers.drain(..) {
            if let Some(output) = sockets.output(id) {
                output.extend_from_slice(&answer);
            }
        }
        if std::mem::take(&mut self.stops) {
            for id in &self.connections {
                if let Some(output) = sockets.output(*id) {
                    output.extend_from_slice(GOODBYE);
                }
                sockets.close(*id);
            }
        }
    }
}

/// How a stage's connections are watched.
#[derive(Clone, Copy, Debug)]
enum Watch {
    Busy,
    Uring,
}

const SELLS: usize = 80;

/// The market, many small orders to sell, and one that buys them all.
fn commands() -> Vec<Command> {
    let mut commands = setup();
    let name = |number: usize| format!("s-{number}");
    let sell = |number| Command::from(limit(1, Side::Sell, 10_000, 1, &name(number)));
    commands.extend((0..SELLS).map(sell));
    commands.push(limit(2, Side::Buy, 10_000, SELLS as u64, "all").into());
    commands
}

fn build(listener: TcpListener, watch: Watch) -> BuildStage {
    let sessions = ByNumber {
        commands: commands(),
        asked: Vec::new(),
        events: 0,
        answers: Vec::new(),
        connections: Vec::new(),
        stops: false,
    };
    Box::new(move |handle: Handle, _| {
        let (tuning, limits) = (Tuning::default(), Limits::default());
        let stage: Box<dyn Stage> = match watch {
            Watch::Busy => Box::new(Door::new(
                BusyReactor::new(Some(listener), tuning, limits)?,
                sessions,
                handle,
            )),
            Watch::Uring => {
                let reactor = Uring::new(Some(listener), tuning, limits, Polling::Own)?;
                Box::new(Door::new(reactor, sessions, handle))
            }
        };
        Ok(stage)
    })
}

fn ask(stream: &mut TcpStream, number: usize) {
    stream.write_all(&(number as u64).to_le_bytes()).unwrap();
}

fn answer(stream: &mut TcpStream) -> (u64, u64) {
    let mut answer = [0; ANSWER];
    stream.read_exact(&mut answer).unwrap();
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    (number(&answer[..8]), number(&answer[8..]))
}

#[test]
fn a_stage_answers_wherever_it_runs_and_says_goodbye() {
    let own = |wait| StageThread::Own { cpu: None, wait };
    let threads = [StageThread::Fused, own(WaitKind::SpinPark), own(WaitKind::SpinYield)];
    for (thread, watch) in
        threads.into_iter().flat_map(|thread| [(thread, Watch::Busy), (thread, Watch::Uring)])
    {
        let place = Place::new("stages");
        let opened = store::open(place.path(), IoOptions::default(), &store_options(None)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let plan = StagePlan { name: "tiercel-test", thread, build: build(listener, watch) };
        // One command that buys all has more events than the outbox holds.
        let options = PipelineOptions { events: 64, ..SMALL_PIPELINE };
        let (running, _, handles) =
            start_with(opened, &options, RunOptions::default(), 0, vec![plan]).unwrap();
        assert!(handles.is_empty());

        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let count = commands().len();
        for number in 0..count {
            ask(&mut stream, number);
            let (token, events) = answer(&mut stream);
            assert_eq!(token, number as u64, "{thread:?} {watch:?}");
            assert!(events > 0, "command {number} was denied");
            if number + 1 == count {
                assert!(events as usize > SELLS, "a cascade of {events} events");
            }
            if number == 5 {
                // Whoever sleeps is asleep by now.
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // Another client, and two at once.
        let mut other = TcpStream::connect(address).unwrap();
        other.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        ask(&mut other, 0);
        assert_eq!(answer(&mut other), (count as u64, 0), "an asset twice is denied");

        let stopper = std::thread::spawn(move || running.stop());
        for stream in [&mut stream, &mut other] {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, GOODBYE, "{thread:?} {watch:?}");
        }
        let ended = stopper.join().unwrap().unwrap();
        assert_eq!(ended.sequence, count as u64 + 1);
    }
}

#[test]
fn a_stage_that_cannot_be_made_or_pinned_is_named() {
    for (thread, error) in [
        (StageThread::Fused, "gateway tiercel-none: no such port"),
        (
            StageThread::Own { cpu: Some(9_999), wait: WaitKind::SpinPark },
            "no thread of this venue may run on core 9999",
        ),
    ] {
        let place = Place::new("stages-none");
        let opened = store::open(place.path(), IoOptions::default(), &store_options(None)).unwrap();
        let build: BuildStage = Box::new(|_, _| Err(std::io::Error::other("no such port")));
        let plan = StagePlan { name: "tiercel-none", thread, build };
        let started = start_with(opened, &SMALL_PIPELINE, RunOptions::default(), 1, vec![plan]);
        let told: Option<RunError> = started.err();
        assert_eq!(told.map(|told| told.to_string()).as_deref(), Some(error));
    }
}
