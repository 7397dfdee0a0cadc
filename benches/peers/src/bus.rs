//! iceoryx2's zero-copy publish-subscribe between two processes.

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{BackpressureStrategy, LogLevel, Node, NodeBuilder, ipc, set_log_level};
use tiercel_cli::bench::bus::{LINE_WORDS, MESSAGES, PAYLOAD_WORDS, ROUND_TRIPS};
use tiercel_cli::bench::contest::{Case, CaseSpec, Subject};
use tiercel_cli::bench::pair::{self, Ends, Pair, Transport, Work, wrong};
use tiercel_cli::bench::{BenchError, Options};

const NAME: &str = "iceoryx2";
/// Messages that may wait for the subscriber. More made it no faster.
const BUFFER: usize = 1024;

/// Adds the peers of the bus.
pub fn add(spec: &CaseSpec, case: &mut Case, options: &Options) {
    let subject = match spec.name {
        "latency_64" => pair::<LINE_WORDS>(Work::Latency, ROUND_TRIPS, options),
        "latency_payload_64" => pair::<PAYLOAD_WORDS>(Work::Latency, ROUND_TRIPS, options),
        "throughput_64" => pair::<LINE_WORDS>(Work::Throughput, MESSAGES, options),
        "throughput_payload_64" => pair::<PAYLOAD_WORDS>(Work::Throughput, MESSAGES, options),
        _ => return,
    };
    match subject {
        Ok(subject) => case.subjects.push(subject),
        Err(error) => eprintln!("{NAME} is left out: {error}"),
    }
}

fn pair<const WORDS: usize>(
    work: Work,
    messages: u64,
    options: &Options,
) -> Result<Box<dyn Subject>, BenchError> {
    set_log_level(LogLevel::Error);
    let cpu = options.second_cpu()?;
    Ok(Box::new(Pair::start(Iceoryx::<WORDS>::new()?, work, messages, cpu)?))
}

/// Is the partner, when this process was started as that. True when it was.
pub fn serve(role: &str) -> Result<bool, BenchError> {
    set_log_level(LogLevel::Error);
    match role {
        Iceoryx::<LINE_WORDS>::ROLE => pair::serve(Iceoryx::<LINE_WORDS>::new()?)?,
        Iceoryx::<PAYLOAD_WORDS>::ROLE => pair::serve(Iceoryx::<PAYLOAD_WORDS>::new()?)?,
        _ => return Ok(false),
    }
    Ok(true)
}

struct Iceoryx<const WORDS: usize> {
    node: Node<ipc::Service>,
    opened: u32,
}

struct IceoryxEnds<const WORDS: usize> {
    publisher: Publisher<ipc::Service, [u64; WORDS], ()>,
    subscriber: Subscriber<ipc::Service, [u64; WORDS], ()>,
}

impl<const WORDS: usize> Iceoryx<WORDS> {
    fn new() -> Result<Self, BenchError> {
        let node = NodeBuilder::new().create::<ipc::Service>().map_err(failed)?;
        Ok(Self { node, opened: 0 })
    }

    /// The ends of the services `there` and `back`.
    fn ends(&self, there: &str, back: &str) -> Result<IceoryxEnds<WORDS>, BenchError> {
        let service = |name: &str| {
            self.node
                .service_builder(&name.try_into().map_err(failed)?)
                .publish_subscribe::<[u64; WORDS]>()
                .enable_safe_overflow(false)
                .history_size(0)
                .subscriber_max_buffer_size(BUFFER)
                .max_publishers(1)
                .max_subscribers(1)
                .open_or_create()
                .map_err(failed)
        };
        let publisher = service(there)?
            .publisher_builder()
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .map_err(failed)?;
        let subscriber =
            service(back)?.subscriber_builder().buffer_size(BUFFER).create().map_err(failed)?;
        Ok(IceoryxEnds { publisher, subscriber })
    }
}

impl<const WORDS: usize> Ends for IceoryxEnds<WORDS> {
    #[inline]
    fn send(&mut self, number: u64) -> Result<(), BenchError> {
        let sample = self.publisher.loan_uninit().map_err(failed)?;
        sample.write_payload([number; WORDS]).send().map_err(failed)?;
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<Option<u64>, BenchError> {
        let sample = self.subscriber.receive().map_err(failed)?;
        Ok(sample.map(|sample| sample.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word))))
    }
}

impl<const WORDS: usize> Transport for Iceoryx<WORDS> {
    type Ends = IceoryxEnds<WORDS>;

    const NAME: &'static str = NAME;

    const ROLE: &'static str = if WORDS == LINE_WORDS { "iceoryx2-56" } else { "iceoryx2-64" };

    fn open(&mut self, _: u64) -> Result<(IceoryxEnds<WORDS>, String), BenchError> {
        self.opened += 1;
        let name = format!("tiercel-bench/{}/{}", std::process::id(), self.opened);
        Ok((self.ends(&format!("{name}/there"), &format!("{name}/back"))?, name))
    }

    fn join(&mut self, name: &str) -> Result<IceoryxEnds<WORDS>, BenchError> {
        self.ends(&format!("{name}/back"), &format!("{name}/there"))
    }
}

fn failed(error: impl std::fmt::Debug) -> BenchError {
    wrong(NAME, &format_args!("{error:?}"))
}
