//! The durable events of a submission, by what happened.

use tiercel_types::event::EventBody;
use tiercel_types::{Event, EventHeader};

/// The durable events of a submission that its account may see, in their order.
pub type Events = [(EventHeader, Event)];

/// All that are of one kind.
pub fn all<B: EventBody + 'static>(events: &Events) -> impl Iterator<Item = (&EventHeader, &B)> {
    events.iter().filter_map(|(header, event)| Some((header, B::of(event)?)))
}

/// The first that is of one kind.
pub fn first<B: EventBody + 'static>(events: &Events) -> Option<&B> {
    all(events).next().map(|(_, body)| body)
}
