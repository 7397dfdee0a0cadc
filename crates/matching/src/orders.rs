//! Orders: a slab of 64-byte records with intrusive links, and what is rarely needed beside it.

use tiercel_types::{
    AccountId, ClientOrderId, OrderId, OrderKind, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

use crate::masked::Masked;

/// No order. It is the handle of a slot that holds none, so that links to nothing can be written
/// through without asking: unlinking has no branches to mispredict.
pub(crate) const NONE: u32 = 0;

/// What matching needs of a live order: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) tick: i64,
    /// Open and visible, in lots.
    pub(crate) displayed: u64,
    /// Open and hidden, in lots.
    pub(crate) hidden: u64,
    /// Filled and open, in lots.
    pub(crate) total: u64,
    /// Behind it in its level.
    pub(crate) next: u32,
    /// Ahead of it in its level.
    pub(crate) previous: u32,
    pub(crate) account: AccountId,
    /// Which of the engine's books.
    pub(crate) book: u32,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) self_trade_prevention: SelfTradePrevention,
    pub(crate) kind: OrderKind,
    /// What it has that most orders have not: the bits below.
    pub(crate) rare: u8,
}

/// It shows slices; their size is in its extra part.
pub(crate) const ICEBERG: u8 = 1;
/// It has an expire time.
pub(crate) const TIMED: u8 = 2;
/// It has a waiter: it waits, or belongs to a list.
pub(crate) const BEYOND: u8 = 4;
/// It is not in the book.
pub(crate) const ASIDE: u8 = 8;
/// It bettered the market, where that counts.
pub(crate) const TOP: u8 = 16;
/// It rests unseen, or trades and would: it has a waiter.
pub(crate) const UNSEEN_ORDER: u8 = 32;

const _: () = assert!(size_of::<Order>() == 64, "an order is one cache line");

impl Order {
    /// Open lots, hidden ones included.
    #[inline(always)]
    pub(crate) fn open(&self) -> u64 {
        self.displayed + self.hidden
    }

    /// Whether it has an expire time.
    #[inline(always)]
    pub(crate) fn is_timed(&self) -> bool {
        self.rare & TIMED != 0
    }

    /// Whether it is the top order of its side.
    #[inline(always)]
    pub(crate) fn is_top(&self) -> bool {
        self.rare & TOP != 0
    }

    /// Whether it shows slices.
    #[inline(always)]
    pub(crate) fn is_iceberg(&self) -> bool {
        self.rare & ICEBERG != 0
    }

    /// What the slot of [`NONE`] holds.
    const NOTHING: Self = Self {
        id: OrderId::NONE,
        tick: 0,
        displayed: 0,
        hidden: 0,
        total: 0,
        next: NONE,
        previous: NONE,
        account: AccountId(0),
        book: 0,
        side: Side::Buy,
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::None,
        kind: OrderKind::Limit,
        // Nothing trades with it plainly.
        rare: u8::MAX,
    };
}

/// The bits of an order of this slice (zero: none) and time in force.
#[inline(always)]
pub(crate) fn rare_bits(slice: u64, time_in_force: TimeInForce) -> u8 {
    let iceberg = if slice != 0 { ICEBERG } else { 0 };
    let timed = if time_in_force == TimeInForce::Gtd { TIMED } else { 0 };
    iceberg | timed
}

/// Splits `open` lots into what an order of this slice (zero: none) displays and hides.
#[inline(always)]
pub(crate) fn split(open: u64, slice: u64) -> (u64, u64) {
    if slice == 0 || open <= slice { (open, 0) } else { (slice, open - slice) }
}

/// What is rarely needed of a live order. The bare book keeps it of icebergs and good-till-date
/// orders alone.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct OrderExtra {
    pub(crate) client_order_id: ClientOrderId,
    /// Position in the timers' heap.
    pub(crate) timer: u32,
    pub(crate) expire_time: Timestamp,
    /// Iceberg: lots of a slice; else zero.
    pub(crate) slice: u64,
    /// Its neighbours among its account's live orders.
    pub(crate) account_next: u32,
    pub(crate) account_previous: u32,
}

impl OrderExtra {
    /// Nothing but what is given.
    pub(crate) const fn new(
        client_order_id: ClientOrderId,
        expire_time: Timestamp,
        slice: u64,
    ) -> Self {
        Self {
            client_order_id,
            timer: crate::timers::NOWHERE,
            expire_time,
            slice,
            account_next: NONE,
            account_previous: NONE,
        }
    }
}

/// The slab: orders by handle.
#[derive(Clone, Debug)]
pub struct Orders {
    /// As many as a power of two; slot zero is that of [`NONE`].
    slots: Masked<Order>,
    /// Slots that were ever taken, that of [`NONE`] included.
    used: usize,
    extras: Vec<OrderExtra>,
    /// By slot: the session that an order was entered in, with the id of that order, so that
    /// nobody has to clear it. Empty until the first order with one.
    sessions: Vec<(OrderId, u32)>,
    /// First free slot; free slots are linked by `next`.
    free: u32,
    live: usize,
}

impl Orders {
    pub(crate) fn new(capacity: usize) -> Self {
        let slots = Masked::new((capacity + 1).next_power_of_two(), Order::NOTHING);
        Self { slots, used: 1, extras: Vec::new(), sessions: Vec::new(), free: NONE, live: 0 }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// How many slots there are, taken or not.
    #[inline(always)]
    pub(crate) fn room(&self) -> usize {
        self.slots.len()
    }

    /// Takes a slot for a new order; what it holds is to be written.
    #[inline(always)]
    pub(crate) fn allocate(&mut self) -> u32 {
        self.live += 1;
        let handle = self.free;
        if handle == NONE {
            return self.append();
        }
        self.free = self.get(handle).next;
        handle
    }

    #[cold]
    fn append(&mut self) -> u32 {
        let handle = self.used;
        assert!(handle < u32::MAX as usize, "fewer than 2^32 - 1 live orders");
        if handle == self.slots.len() {
            self.slots.double(Order::NOTHING);
        }
        self.used += 1;
        handle as u32
    }

    /// Frees a slot.
    #[inline(always)]
    pub(crate) fn remove(&mut self, handle: u32) {
        self.live -= 1;
        self.get_mut(handle).next = self.free;
        self.free = handle;
    }

    #[inline(always)]
    pub(crate) fn get(&self, handle: u32) -> &Order {
        self.slots.get(handle as usize)
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, handle: u32) -> &mut Order {
        self.slots.get_mut(handle as usize)
    }

    #[inline]
    pub(crate) fn extra(&self, handle: u32) -> &OrderExtra {
        &self.extras[handle as usize]
    }

    #[inline]
    pub(crate) fn extra_mut(&mut self, handle: u32) -> &mut OrderExtra {
        &mut self.extras[handle as usize]
    }

    /// Gives an order its extra part. Room is made for as many as the slab has room for, so that
    /// this allocates only when the slab itself has grown.
    #[inline]
    pub(crate) fn attach(&mut self, handle: u32, extra: OrderExtra) {
        if handle as usize >= self.extras.len() {
            self.grow_extras();
        }
        self.extras[handle as usize] = extra;
    }

    #[cold]
    fn grow_extras(&mut self) {
        let nothing = OrderExtra::new(ClientOrderId::EMPTY, Timestamp(0), 0);
        self.extras.resize(self.slots.len(), nothing);
    }

    /// Notes an order's session.
    #[cold]
    pub(crate) fn set_session(&mut self, handle: u32, session: u32) {
        if handle as usize >= self.sessions.len() {
            self.sessions.resize(self.slots.len(), (OrderId::NONE, 0));
        }
        self.sessions[handle as usize] = (self.get(handle).id, session);
    }

    /// An order's session; zero: none.
    pub(crate) fn session(&self, handle: u32) -> u32 {
        match self.sessions.get(handle as usize) {
            Some(&(id, session)) if id == self.get(handle).id => session,
            _ => 0,
        }
    }

    /// The slots whose sessions were noted, which are those of live orders and of some that ended.
    pub(crate) fn noted_sessions(&self) -> impl Iterator<Item = (u32, OrderId, u32)> + '_ {
        let noted = (0..).zip(&self.sessions).filter(|(_, (id, _))| !id.is_none());
        noted.map(|(handle, &(id, session))| (handle, id, session))
    }

    /// Lots of an iceberg's slice; zero for other orders.
    #[inline(always)]
    pub(crate) fn slice(&self, handle: u32) -> u64 {
        if self.get(handle).is_iceberg() { self.extra(handle).slice } else { 0 }
    }
}
