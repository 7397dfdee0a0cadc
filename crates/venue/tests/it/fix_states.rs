//! What becomes of orders, by the scenarios of the standard's appendix D ("order state changes"), as
//! `tests/fix/order_states.txt` has them: how to read it stands at its top.

use std::collections::VecDeque;

use tiercel_types::command::{BustTrade, CorrectTrade, MassCancel, SetInstrumentState};
use tiercel_types::order::SideScope;
use tiercel_types::{AccountId, Command, Event, InstrumentId, InstrumentState, TradeId};

use super::fix_client::{FixClient, Told, on_each_thread, operated_venue, time_text};
use super::http::{Venue, now_ms};

on_each_thread!(orders_change_as_the_standards_scenarios_have_it,);

const SCENARIOS: &str = include_str!("../fix/order_states.txt");
/// The first instrument of the demo market.
const BTCUSDT: InstrumentId = InstrumentId(1);
/// What a line tells of an execution report, and of a cancel reject.
const REPORT: [i32; 8] = [150, 39, 11, 41, 38, 14, 151, 32];
const CANCEL_REJECT: [i32; 5] = [39, 11, 41, 434, 102];

/// A desk, and what it was told that no line has asked for yet.
struct Desk {
    client: FixClient,
    told: VecDeque<Told>,
}

impl Desk {
    fn next(&mut self) -> Told {
        self.told.pop_front().unwrap_or_else(|| self.client.next())
    }

    /// Waits for a message; what comes before it is kept for the lines that ask for it.
    fn wait(&mut self, wanted: impl Fn(&Told) -> bool) -> Told {
        loop {
            let told = self.client.next();
            if wanted(&told) {
                return told;
            }
            self.told.push_back(told);
        }
    }

    /// The venue has heard everything that this desk has sent.
    fn sync(&mut self) {
        self.client.send("H", "11=sync|55=BTCUSDT|54=1|");
        self.wait(|told| told.get(11) == "sync");
    }
}

/// A scenario that is being played.
struct Play<'s> {
    title: &'s str,
    /// Gone before the venue stops, which waits for goodbyes.
    desks: [Desk; 2],
    venue: Venue,
    stalled: bool,
    /// Those that desk 1 was told of.
    trades: Vec<TradeId>,
}

fn side(word: &str) -> u8 {
    match word {
        "buy" => 1,
        "sell" => 2,
        _ => panic!("{word}: buy or sell"),
    }
}

fn fields(words: &[&str]) -> String {
    words.iter().flat_map(|word| [*word, "|"]).collect()
}

impl<'s> Play<'s> {
    fn begin(title: &'s str) -> Self {
        let (venue, address) = operated_venue();
        let desk = |name, account| Desk {
            client: FixClient::new(address, name, account).logged_on(),
            told: VecDeque::new(),
        };
        let desks = [desk("ONE", &venue.one), desk("TWO", &venue.two)];
        Self { title, venue, desks, stalled: false, trades: Vec::new() }
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match &words[..] {
            ["1", kind @ ("8" | "9"), values @ ..] => {
                let told = self.desks[0].next();
                self.check(line, kind, values, &told);
                if told.get(150) == "F" {
                    self.trades.push(TradeId(told.get(527).parse().unwrap()));
                }
            }
            ["2", kind @ ("8" | "9"), values @ ..] => loop {
                let told = self.desks[1].next();
                if told.get(150) == values[0] && told.get(11) == values[2] {
                    break self.check(line, kind, values, &told);
                }
            },
            ["1", "rest", method, path, query] => {
                let query = format!("symbol=BTCUSDT&{query}");
                let answer = self.venue.one.signed(method, path, &query);
                assert_eq!(answer.status, 200, "{}: {line}: {answer:?}", self.title);
            }
            [desk @ ("1" | "2"), "again", request @ ..] => self.send(desk, "97=Y|", request),
            [desk @ ("1" | "2"), request @ ..] => self.send(desk, "", request),
            operator => self.operate(operator),
        }
    }

    /// A request of a desk.
    fn send(&mut self, desk: &str, header: &str, request: &[&str]) {
        let desk = &mut self.desks[usize::from(desk == "2")];
        let time = format!("60={}|", time_text(now_ms()));
        let of = |word| format!("55=BTCUSDT|54={}|{time}", side(word));
        let (kind, body) = match request {
            ["order", name, word, qty, "at", price, more @ ..] => {
                let force =
                    if more.iter().any(|field| field.starts_with("59=")) { "" } else { "59=1|" };
                (
                    "D",
                    format!(
                        "11={name}|{}38={qty}|40=2|44={price}|{force}{}",
                        of(word),
                        fields(more)
                    ),
                )
            }
            ["cancel", name, former, word] => {
                ("F", format!("41={former}|11={name}|{}38=1|", of(word)))
            }
            ["replace", name, former, word, qty, "at", price, more @ ..] => {
                let order = format!("38={qty}|40=2|44={price}|{}", fields(more));
                ("G", format!("41={former}|11={name}|{}{order}", of(word)))
            }
            ["status", name, word] => ("H", format!("11={name}|55=BTCUSDT|54={}|", side(word))),
            ["send", kind, more @ ..] => (*kind, format!("{}{time}", fields(more))),
            _ => panic!("{}: {request:?}", self.title),
        };
        desk.client.send_with(kind, header, &body);
        match request {
            // The other's requests come behind it.
            _ if self.stalled && kind != "H" => desk.sync(),
            ["order", name, ..] if header.is_empty() => {
                let told = desk.wait(|told| told.get(11) == *name);
                desk.told.push_back(told);
            }
            _ => {}
        }
    }

    fn operate(&mut self, words: &[&str]) {
        let instrument = BTCUSDT;
        let state = |state| SetInstrumentState { instrument, state, reserved: [0; 3] };
        let trade = |number: &str| self.trades[number.parse::<usize>().unwrap() - 1];
        let command: Command = match words {
            ["stall" | "go"] => {
                self.stalled = words == ["stall"];
                return self.venue.halt(self.stalled);
            }
            ["halt"] => state(InstrumentState::Halted).into(),
            ["close"] => state(InstrumentState::Closed).into(),
            ["open"] => state(InstrumentState::Open).into(),
            ["bust", number] => {
                BustTrade { trade_id: trade(number), instrument, reserved: 0 }.into()
            }
            ["correct", number, qty, "at", price] => {
                let (price, qty) = (price.parse().unwrap(), qty.parse().unwrap());
                let trade_id = trade(number);
                CorrectTrade { trade_id, price, qty, instrument, reserved: 0 }.into()
            }
            ["sweep", account] => {
                let account = AccountId(account.parse().unwrap());
                let sides = SideScope::Both;
                MassCancel { account, instrument, sides, reserved: [0; 7] }.into()
            }
            _ => panic!("{}: {words:?}", self.title),
        };
        let events = self.venue.operate(command);
        let denied = events.iter().any(|event| matches!(event, Event::Denied(_)));
        assert!(!denied, "{}: {words:?}: {events:?}", self.title);
    }

    fn check(&self, line: &str, kind: &str, values: &[&str], told: &Told) {
        let tags = if kind == "8" { &REPORT[..] } else { &CANCEL_REJECT[..] };
        let columns: Vec<_> = tags
            .iter()
            .map(|tag| match told.get(*tag) {
                "" => ".",
                value => value,
            })
            .collect();
        let title = self.title;
        assert_eq!(
            (told.get(35), &columns[..]),
            (kind, &values[..tags.len()]),
            "{title}: {line}\n{told:?}"
        );
        for field in &values[tags.len()..] {
            let (tag, value) = field.split_once('=').unwrap();
            assert_eq!(told.get(tag.parse().unwrap()), value, "{title}: {line}\n{told:?}");
        }
    }

    /// Nothing was told that no line asked for.
    fn end(mut self) {
        let desk = &mut self.desks[0];
        desk.sync();
        assert!(desk.told.is_empty(), "{}: nothing asks for {:?}", self.title, desk.told);
    }
}

fn orders_change_as_the_standards_scenarios_have_it() {
    let mut played = 0;
    for scenario in SCENARIOS.split("\n== ").skip(1) {
        let (title, lines) = scenario.split_once('\n').unwrap();
        let mut play = Play::begin(title);
        for line in lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            play.line(line);
        }
        play.end();
        played += 1;
    }
    assert_eq!(played, SCENARIOS.matches("\n== ").count());
    assert!(played >= 40, "{played} scenarios");
}
