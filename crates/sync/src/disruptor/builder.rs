//! The graph of consumers, built before anything is published.

use core::marker::PhantomData;

use super::consumer::Consumer;
use super::multi::{Multi, MultiProducer};
use super::sealed::Sequencer;
use super::single::{Single, SingleProducer};
use super::{End, Shared, SharedCursor};
use crate::atomic::{Arc, UnsafeCell};
use crate::layout::Apart;
use crate::wait::{SpinPark, Wait};

/// A ring without consumers yet: from [`single`] or [`multi`].
pub struct Builder<E, S, W> {
    shared: Arc<Shared<E, S, W>>,
}

/// A ring for one producer, with at least `capacity` events (rounded up to a power of two), each made
/// by `event`; all wait as [`SpinPark`] does.
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn single<E: Send + Sync>(
    capacity: usize,
    event: impl FnMut() -> E,
) -> Builder<E, Single, SpinPark> {
    single_with(capacity, event, SpinPark::default())
}

/// As [`single`], with another way to wait.
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn single_with<E: Send + Sync, W: Wait>(
    capacity: usize,
    event: impl FnMut() -> E,
    wait: W,
) -> Builder<E, Single, W> {
    let capacity = crate::spsc::slots(capacity);
    Builder::new(capacity, Single::new(), event, wait)
}

/// A ring for any number of producers, with at least `capacity` events (rounded up to a power of two),
/// each made by `event`; all wait as [`SpinPark`] does.
///
/// ```
/// use tiercel_sync::disruptor;
///
/// let (graph, [mut consumer]) = disruptor::multi(8, || 0_u64).consumers();
/// let mut producer = graph.build();
/// let mut another = producer.clone();
/// producer.publish(|event| *event = 1).unwrap();
/// another.publish_batch(2, |event, sequence| *event = 10 * sequence).unwrap();
/// drop((producer, another));
///
/// let mut seen = Vec::new();
/// let batch = consumer.consume(|event, _, end_of_batch| seen.push((*event, end_of_batch)));
/// assert_eq!((batch, seen), (Ok(3), vec![(1, false), (10, false), (20, true)]));
/// assert!(consumer.consume(|_, _, _| {}).is_err());
/// ```
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn multi<E: Send + Sync>(
    capacity: usize,
    event: impl FnMut() -> E,
) -> Builder<E, Multi, SpinPark> {
    multi_with(capacity, event, SpinPark::default())
}

/// As [`multi`], with another way to wait.
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn multi_with<E: Send + Sync, W: Wait>(
    capacity: usize,
    event: impl FnMut() -> E,
    wait: W,
) -> Builder<E, Multi, W> {
    let capacity = crate::spsc::slots(capacity);
    Builder::new(capacity, Multi::new(capacity), event, wait)
}

impl<E: Send + Sync, S: Sequencer, W: Wait> Builder<E, S, W> {
    fn new(capacity: usize, sequencer: S, mut event: impl FnMut() -> E, wait: W) -> Self {
        let shared = Arc::new(Shared {
            sequencer,
            end: Apart::new(End::default()),
            wait: Apart::new(wait),
            events: (0..capacity).map(|_| UnsafeCell::new(event())).collect(),
        });
        Self { shared }
    }

    /// The first consumers: they follow the producers, independent of each other.
    #[allow(clippy::type_complexity, reason = "the two things that there are from here on")]
    pub fn consumers<const N: usize>(self) -> (Graph<E, S, W>, [Consumer<E, S, W>; N]) {
        const { assert!(N > 0, "a ring needs a consumer") };
        let mut graph = Graph { shared: self.shared, leaves: Vec::new(), built: PhantomData };
        let consumers = graph.consumers();
        (graph, consumers)
    }
}

/// A ring with consumers, and without a producer yet.
pub struct Graph<E, S, W> {
    shared: Arc<Shared<E, S, W>>,
    /// The consumers that nobody follows: the producer stays behind these, thereby behind all.
    leaves: Vec<SharedCursor>,
    built: PhantomData<fn() -> E>,
}

impl<E: Send + Sync, S: Sequencer, W: Wait> Graph<E, S, W> {
    /// More consumers that follow the producers.
    pub fn consumers<const N: usize>(&mut self) -> [Consumer<E, S, W>; N] {
        core::array::from_fn(|_| self.add(Box::default()))
    }

    /// Consumers that follow `before`: they get an event when all of those are done with it.
    ///
    /// # Panics
    /// When `before` is empty, or has a consumer of another ring.
    pub fn after<const N: usize>(
        &mut self,
        before: &[&Consumer<E, S, W>],
    ) -> [Consumer<E, S, W>; N] {
        assert!(!before.is_empty(), "after whom?");
        for consumer in before {
            assert!(consumer.is_of(&self.shared), "a consumer of another ring");
            self.leaves.retain(|leaf| !Arc::ptr_eq(leaf, consumer.cursor()));
        }
        core::array::from_fn(|_| {
            let gates = before.iter().map(|consumer| Arc::clone(consumer.cursor())).collect();
            self.add(gates)
        })
    }

    fn add(&mut self, gates: Box<[SharedCursor]>) -> Consumer<E, S, W> {
        let cursor = SharedCursor::default();
        self.leaves.push(Arc::clone(&cursor));
        Consumer::new(Arc::clone(&self.shared), cursor, gates)
    }
}

impl<E: Send + Sync, W: Wait> Graph<E, Single, W> {
    /// The producer; the graph is as it is from here on.
    pub fn build(self) -> SingleProducer<E, W> {
        SingleProducer::new(self.shared, self.leaves.into())
    }
}

impl<E: Send + Sync, W: Wait> Graph<E, Multi, W> {
    /// The first producer, to be cloned; the graph is as it is from here on.
    pub fn build(self) -> MultiProducer<E, W> {
        MultiProducer::new(self.shared, self.leaves.into())
    }
}
