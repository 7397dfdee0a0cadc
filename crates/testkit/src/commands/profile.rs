//! What kind of market the generator makes.

use crate::model::Mode;

/// How often each command is drawn, relative to the others.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// New orders.
    pub new_order: u64,
    /// Cancels.
    pub cancel: u64,
    /// Replacements.
    pub replace: u64,
    /// Amendments.
    pub amend: u64,
    /// Mass cancels.
    pub mass_cancel: u64,
    /// Queries.
    pub query: u64,
    /// Busts.
    pub bust: u64,
    /// Corrections.
    pub correct: u64,
    /// New assets and instruments.
    pub list: u64,
    /// Changed terms.
    pub update: u64,
    /// Changed instrument states.
    pub state: u64,
    /// Changed accounts.
    pub account: u64,
    /// Deposits, withdrawals, transfers.
    pub funds: u64,
    /// Time that passes.
    pub time: u64,
    /// Orders that wait.
    pub advanced: u64,
    /// Order lists.
    pub order_list: u64,
    /// How instruments share out their levels.
    pub rules: u64,
    /// Orders with special terms.
    pub special: u64,
    /// Calls that begin and end.
    pub call: u64,
    /// Orders for auctions.
    pub auction_order: u64,
    /// How auctions find their price.
    pub auction_rules: u64,
    /// Kill switches, disconnects and countdowns.
    pub switch: u64,
    /// Phases by schedule.
    pub schedule: u64,
    /// Price bands.
    pub protections: u64,
}

/// A kind of market. Shares are per thousand of new orders, unless they say otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// For which build.
    pub mode: Mode,
    /// Which commands.
    pub weights: Weights,
    /// About so many orders live at a time.
    pub live_orders: usize,
    /// Prices lie so many ticks from the middle, at most.
    pub spread_ticks: u64,
    /// Limit orders priced to trade.
    pub crossing: u64,
    /// Market orders.
    pub market: u64,
    /// Icebergs.
    pub iceberg: u64,
    /// IOC and FOK among limit orders.
    pub immediate: u64,
    /// Post-only orders.
    pub post_only: u64,
    /// Orders that ask for self-trade prevention.
    pub self_trade_prevention: u64,
    /// Orders with special terms among those that wait or belong to a list.
    pub special: u64,
    /// Commands (per thousand) with a field spoilt.
    pub invalid: u64,
    /// Prices far apart, up to the limits of their type, and negative ones; bare only.
    pub wide_prices: bool,
}

const TRADING: Weights = Weights {
    new_order: 600,
    cancel: 120,
    replace: 40,
    amend: 90,
    mass_cancel: 1,
    query: 15,
    bust: 6,
    correct: 8,
    list: 1,
    update: 3,
    state: 2,
    account: 4,
    funds: 25,
    time: 10,
    advanced: 0,
    order_list: 0,
    rules: 0,
    special: 0,
    call: 0,
    auction_order: 0,
    auction_rules: 0,
    switch: 0,
    schedule: 0,
    protections: 0,
};

impl Profile {
    /// A book that grows deep and trades little.
    pub const CALM: Self = Self {
        name: "calm",
        mode: Mode::Full,
        weights: TRADING,
        live_orders: 400,
        spread_ticks: 25,
        crossing: 150,
        market: 30,
        iceberg: 60,
        immediate: 60,
        post_only: 150,
        self_trade_prevention: 200,
        special: 0,
        invalid: 30,
        wide_prices: false,
    };
    /// Sweeps and trades all the time.
    pub const CROSSING: Self = Self {
        name: "crossing",
        live_orders: 120,
        spread_ticks: 8,
        crossing: 500,
        market: 180,
        iceberg: 100,
        immediate: 250,
        post_only: 30,
        ..Self::CALM
    };
    /// Hidden quantity everywhere.
    pub const ICEBERG_HEAVY: Self = Self {
        name: "iceberg_heavy",
        live_orders: 80,
        spread_ticks: 4,
        crossing: 350,
        iceberg: 700,
        ..Self::CALM
    };
    /// Few prices, and every order asks for self-trade prevention.
    pub const STP_HEAVY: Self = Self {
        name: "stp_heavy",
        live_orders: 60,
        spread_ticks: 3,
        crossing: 450,
        iceberg: 250,
        market: 120,
        immediate: 250,
        self_trade_prevention: 1000,
        ..Self::CALM
    };
    /// Terms, states, accounts, busts and corrections change all the time.
    pub const ADMIN_HEAVY: Self = Self {
        name: "admin_heavy",
        weights: Weights {
            new_order: 400,
            mass_cancel: 20,
            bust: 60,
            correct: 80,
            list: 25,
            update: 60,
            state: 40,
            account: 50,
            funds: 100,
            time: 30,
            ..TRADING
        },
        live_orders: 40,
        crossing: 400,
        spread_ticks: 6,
        invalid: 150,
        ..Self::CALM
    };
    /// Funds move until funding ids are forgotten.
    pub const FUNDING_HEAVY: Self = Self {
        name: "funding_heavy",
        weights: Weights { new_order: 60, funds: 2_000, ..TRADING },
        live_orders: 30,
        ..Self::CALM
    };
    /// The book alone.
    pub const BARE: Self = Self { name: "bare", mode: Mode::Bare, crossing: 300, ..Self::CALM };
    /// The book alone, with terms and states that change all the time.
    pub const BARE_ADMIN: Self = Self { name: "bare_admin", mode: Mode::Bare, ..Self::ADMIN_HEAVY };
    /// The book alone, at its edges: prices up to the limits of their type, and below zero.
    pub const WIDE_PRICES: Self = Self {
        name: "wide_prices",
        mode: Mode::Bare,
        crossing: 350,
        live_orders: 150,
        spread_ticks: 3,
        iceberg: 150,
        market: 80,
        wide_prices: true,
        ..Self::CALM
    };
    /// Stops, take profits, trailing stops and conditions of all kinds.
    pub const WAITING: Self = Self {
        name: "waiting",
        weights: Weights { new_order: 400, advanced: 250, query: 40, mass_cancel: 3, ..TRADING },
        live_orders: 200,
        spread_ticks: 10,
        crossing: 350,
        market: 100,
        ..Self::CALM
    };
    /// Stops close to each other: one trade sets off many.
    pub const CASCADES: Self = Self {
        name: "cascades",
        weights: Weights { new_order: 300, advanced: 450, ..TRADING },
        live_orders: 250,
        spread_ticks: 5,
        crossing: 300,
        market: 300,
        self_trade_prevention: 100,
        invalid: 10,
        ..Self::CALM
    };
    /// Pairs and brackets.
    pub const LISTS: Self = Self {
        name: "lists",
        weights: Weights { new_order: 450, order_list: 120, advanced: 30, query: 40, ..TRADING },
        live_orders: 150,
        spread_ticks: 8,
        crossing: 350,
        market: 100,
        ..Self::CALM
    };
    /// Lists that meet orders of their own account and group, and icebergs.
    pub const LISTS_STP: Self = Self {
        name: "lists_stp",
        weights: Weights { new_order: 350, order_list: 200, mass_cancel: 5, ..TRADING },
        live_orders: 80,
        spread_ticks: 3,
        crossing: 400,
        iceberg: 250,
        self_trade_prevention: 700,
        ..Self::CALM
    };
    /// Instruments halt, close and open while orders wait; many commands are spoilt.
    pub const WAITING_HALTS: Self = Self {
        name: "waiting_halts",
        weights: Weights {
            new_order: 350,
            advanced: 200,
            order_list: 80,
            state: 40,
            update: 20,
            account: 20,
            mass_cancel: 15,
            time: 30,
            ..TRADING
        },
        live_orders: 80,
        spread_ticks: 6,
        crossing: 350,
        market: 100,
        invalid: 120,
        ..Self::CALM
    };
    /// Orders that wait and lists in the book alone.
    pub const BARE_WAITING: Self = Self {
        name: "bare_waiting",
        mode: Mode::Bare,
        weights: Weights { order_list: 100, ..Self::WAITING.weights },
        invalid: 80,
        ..Self::WAITING
    };
    /// Orders that wait and lists at the edges of the book.
    pub const WIDE_WAITING: Self = Self {
        name: "wide_waiting",
        weights: Weights { advanced: 200, order_list: 80, ..TRADING },
        ..Self::WIDE_PRICES
    };

    /// Levels shared out by all schemes, with icebergs, lists and self-trades among them.
    pub const SHARED: Self = Self {
        name: "shared",
        weights: Weights { rules: 12, order_list: 40, advanced: 40, ..TRADING },
        live_orders: 200,
        spread_ticks: 3,
        crossing: 350,
        market: 100,
        iceberg: 200,
        self_trade_prevention: 400,
        ..Self::CALM
    };
    /// The same in the book alone.
    pub const BARE_SHARED: Self = Self { name: "bare_shared", mode: Mode::Bare, ..Self::SHARED };

    /// Unseen orders of all kinds, minimum quantities and market-to-limit, with all else.
    pub const SPECIAL: Self = Self {
        name: "special",
        weights: Weights {
            new_order: 350,
            special: 300,
            advanced: 60,
            order_list: 30,
            query: 40,
            mass_cancel: 4,
            ..TRADING
        },
        live_orders: 150,
        spread_ticks: 6,
        crossing: 350,
        market: 100,
        iceberg: 150,
        special: 250,
        ..Self::CALM
    };
    /// The same with few prices, between orders of one account and one group.
    pub const SPECIAL_STP: Self = Self {
        name: "special_stp",
        live_orders: 70,
        spread_ticks: 3,
        iceberg: 250,
        self_trade_prevention: 700,
        ..Self::SPECIAL
    };
    /// The same while instruments halt, close and open, levels are shared out for a time, and many
    /// commands are spoilt.
    pub const SPECIAL_HALTS: Self = Self {
        name: "special_halts",
        weights: Weights {
            state: 40,
            update: 20,
            account: 20,
            rules: 20,
            mass_cancel: 15,
            time: 30,
            ..Self::SPECIAL.weights
        },
        live_orders: 60,
        invalid: 120,
        ..Self::SPECIAL
    };
    /// The same in the book alone.
    pub const BARE_SPECIAL: Self = Self {
        name: "bare_special",
        mode: Mode::Bare,
        weights: Weights { rules: 6, ..Self::SPECIAL.weights },
        ..Self::SPECIAL
    };
    /// The same at the edges of the book.
    pub const WIDE_SPECIAL: Self =
        Self { name: "wide_special", wide_prices: true, spread_ticks: 3, ..Self::BARE_SPECIAL };
    /// Calls of each kind, of books that cross, by all flavours of the ladder.
    pub const AUCTIONS: Self = Self {
        name: "auctions",
        weights: Weights {
            new_order: 400,
            call: 30,
            auction_order: 120,
            auction_rules: 6,
            query: 20,
            mass_cancel: 3,
            ..TRADING
        },
        live_orders: 150,
        spread_ticks: 8,
        crossing: 450,
        market: 60,
        iceberg: 150,
        immediate: 40,
        ..Self::CALM
    };
    /// The same with orders that wait, lists, and levels shared out.
    pub const AUCTION_LISTS: Self = Self {
        name: "auction_lists",
        weights: Weights {
            advanced: 80,
            order_list: 100,
            rules: 6,
            auction_order: 60,
            state: 10,
            ..Self::AUCTIONS.weights
        },
        spread_ticks: 4,
        self_trade_prevention: 400,
        ..Self::AUCTIONS
    };
    /// Bands that are breached all the time: interruptions, limit states, pauses.
    pub const BANDS: Self = Self {
        name: "bands",
        weights: Weights {
            protections: 25,
            call: 3,
            auction_order: 20,
            auction_rules: 2,
            advanced: 30,
            order_list: 30,
            ..TRADING
        },
        live_orders: 120,
        spread_ticks: 8,
        crossing: 450,
        market: 120,
        immediate: 150,
        ..Self::CALM
    };
    /// Kill switches, disconnects, countdowns, schedules, and everything else with them.
    pub const SESSIONS: Self = Self {
        name: "sessions",
        weights: Weights {
            switch: 30,
            schedule: 15,
            protections: 10,
            call: 10,
            auction_order: 60,
            auction_rules: 3,
            advanced: 60,
            order_list: 50,
            rules: 4,
            special: 80,
            update: 10,
            account: 10,
            state: 10,
            time: 30,
            ..TRADING
        },
        live_orders: 100,
        spread_ticks: 6,
        crossing: 400,
        market: 100,
        iceberg: 120,
        self_trade_prevention: 300,
        special: 150,
        invalid: 80,
        ..Self::CALM
    };
    /// Auctions and bands in the book alone.
    pub const BARE_SESSIONS: Self =
        Self { name: "bare_sessions", mode: Mode::Bare, ..Self::SESSIONS };
    /// Auctions at the edges of the book.
    pub const WIDE_AUCTIONS: Self = Self {
        name: "wide_auctions",
        weights: Weights { call: 30, auction_order: 100, auction_rules: 6, ..TRADING },
        ..Self::WIDE_PRICES
    };

    /// Unseen orders and market-to-limit where calls begin and end all the time: hidden ones take
    /// part in auctions, the others rest through them.
    pub const SPECIAL_AUCTIONS: Self = Self {
        name: "special_auctions",
        weights: Weights {
            special: 250,
            advanced: 40,
            order_list: 30,
            state: 8,
            ..Self::AUCTIONS.weights
        },
        live_orders: 90,
        spread_ticks: 4,
        special: 250,
        self_trade_prevention: 300,
        ..Self::AUCTIONS
    };
    /// The same in the book alone, with levels shared out for a time.
    pub const BARE_SPECIAL_AUCTIONS: Self = Self {
        name: "bare_special_auctions",
        mode: Mode::Bare,
        weights: Weights { rules: 6, ..Self::SPECIAL_AUCTIONS.weights },
        ..Self::SPECIAL_AUCTIONS
    };
    /// The same at the edges of the book.
    pub const WIDE_SPECIAL_AUCTIONS: Self = Self {
        name: "wide_special_auctions",
        wide_prices: true,
        spread_ticks: 3,
        ..Self::BARE_SPECIAL_AUCTIONS
    };
    /// Unseen orders between bands: where they may not trade, and where they interrupt.
    pub const SPECIAL_BANDS: Self = Self {
        name: "special_bands",
        weights: Weights { special: 250, ..Self::BANDS.weights },
        live_orders: 80,
        spread_ticks: 5,
        special: 250,
        self_trade_prevention: 300,
        ..Self::BANDS
    };

    /// Every profile.
    pub const ALL: [Self; 33] = [
        Self::CALM,
        Self::CROSSING,
        Self::ICEBERG_HEAVY,
        Self::STP_HEAVY,
        Self::ADMIN_HEAVY,
        Self::FUNDING_HEAVY,
        Self::BARE,
        Self::BARE_ADMIN,
        Self::WIDE_PRICES,
        Self::WAITING,
        Self::CASCADES,
        Self::LISTS,
        Self::LISTS_STP,
        Self::WAITING_HALTS,
        Self::BARE_WAITING,
        Self::WIDE_WAITING,
        Self::SHARED,
        Self::BARE_SHARED,
        Self::AUCTIONS,
        Self::AUCTION_LISTS,
        Self::BANDS,
        Self::SESSIONS,
        Self::BARE_SESSIONS,
        Self::WIDE_AUCTIONS,
        Self::SPECIAL,
        Self::SPECIAL_STP,
        Self::SPECIAL_HALTS,
        Self::BARE_SPECIAL,
        Self::WIDE_SPECIAL,
        Self::SPECIAL_AUCTIONS,
        Self::BARE_SPECIAL_AUCTIONS,
        Self::WIDE_SPECIAL_AUCTIONS,
        Self::SPECIAL_BANDS,
    ];
}
