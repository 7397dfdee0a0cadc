//! What a session has told so far, read from its files.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use tiercel_types::market::OrderAction;
use tiercel_types::{InstrumentId, OrderId, Side};
use tiercel_wire::itch::{MESSAGE_SIZE_MAX, Message};
use tiercel_wire::soup::SessionId;

use super::archive::{ENTRY, HEAD, path};
use super::day::Day;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// An order that was told of and is there, in the words of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ToldOrder {
    pub(super) id: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) price: u32,
    pub(super) shares: u32,
}

/// What a session has told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) day: Day,
    /// By number.
    pub(super) orders: HashMap<u64, ToldOrder>,
    /// Crosses of each instrument.
    pub(super) crosses: BTreeMap<InstrumentId, u64>,
}

impl Told {
    /// Reads so many messages; `None` if that is not what the files have.
    pub(super) fn read(
        folder: &Path,
        id: SessionId,
        day: Day,
        messages: u64,
    ) -> io::Result<Option<Self>> {
        let data = File::open(path(folder, &id, "itch"))?;
        let mut data = BufReader::with_capacity(CHUNK, data);
        let mut index = BufReader::with_capacity(CHUNK, File::open(path(folder, &id, "index"))?);
        index.seek(SeekFrom::Start(HEAD))?;
        let mut told = Self { day, orders: HashMap::new(), crosses: BTreeMap::new() };
        let (mut length, mut entry) = ([0; 2], [0; ENTRY as usize]);
        let mut message = [0; MESSAGE_SIZE_MAX];
        for _ in 0..messages {
            data.read_exact(&mut length)?;
            let size = usize::from(u16::from_be_bytes(length));
            let Some(bytes) = message.get_mut(..size) else { return Ok(None) };
            data.read_exact(bytes)?;
            index.read_exact(&mut entry)?;
            let id = OrderId(u64::from_le_bytes(*entry.last_chunk().unwrap_or(&[0; 8])));
            let Ok(message) = Message::decode(bytes) else { return Ok(None) };
            if !told.take(&message, id) {
                return Ok(None);
            }
        }
        Ok(Some(told))
    }

    /// False: it contradicts what came before.
    fn take(&mut self, message: &Message<'_>, id: OrderId) -> bool {
        let Some(operation) = message.operation() else { return true };
        let instrument = InstrumentId(operation.locate.into());
        match operation.action {
            OrderAction::Add { reference, side, qty: shares, price } => {
                let order = ToldOrder { id, instrument, side, price, shares };
                self.orders.insert(reference, order).is_none()
            }
            OrderAction::Execute { reference, qty, .. }
            | OrderAction::ExecuteAt { reference, qty, .. }
            | OrderAction::Cancel { reference, qty } => {
                let Some(order) = self.orders.get_mut(&reference) else { return false };
                let Some(left) = order.shares.checked_sub(qty) else { return false };
                order.shares = left;
                if left == 0 {
                    self.orders.remove(&reference);
                }
                true
            }
            OrderAction::Delete { reference } => self.orders.remove(&reference).is_some(),
            OrderAction::Replace { reference, new_reference, qty: shares, price } => {
                let Some(old) = self.orders.remove(&reference) else { return false };
                let order = ToldOrder { id, price, shares, ..old };
                self.orders.insert(new_reference, order).is_none()
            }
            OrderAction::Cross { .. } => {
                *self.crosses.entry(instrument).or_default() += 1;
                true
            }
            OrderAction::Trade { .. } | OrderAction::Break { .. } => true,
        }
    }
}
