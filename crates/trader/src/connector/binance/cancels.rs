//! Cancels that may not leave yet: what the venue allows is used up, or it wants to be left alone.

use std::collections::VecDeque;

use tiercel_execution::venue::OrderName;

/// Cancels that wait, at most: as many orders as a trader may have.
const WAITING_MAX: usize = 1_024;

/// Cancels in the order in which they leave, each once.
#[derive(Debug)]
pub(super) struct Cancels {
    names: VecDeque<OrderName>,
}

impl Cancels {
    pub(super) fn new() -> Self {
        Self { names: VecDeque::with_capacity(WAITING_MAX) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// One waits. False: there is no room for it.
    pub(super) fn put(&mut self, name: &OrderName) -> bool {
        if self.names.iter().any(|there| there.client_order_id == name.client_order_id) {
            return true;
        }
        if self.names.len() == WAITING_MAX {
            return false;
        }
        self.names.push_back(*name);
        true
    }

    pub(super) fn first(&self) -> Option<OrderName> {
        self.names.front().copied()
    }

    pub(super) fn take(&mut self) -> Option<OrderName> {
        self.names.pop_front()
    }
}
