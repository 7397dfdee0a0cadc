//! What becomes of orders over FIX, by the groups of scenarios of the standard's appendix D: each line
//! is `ExecType OrdStatus ClOrdID OrigClOrdID CumQty LeavesQty` of a report, or a reject.

use super::fix_client::{FixClient, on_each_thread, time_text, venue};
use super::http::now_ms;

on_each_thread!(
    a_replace_to_what_is_filled_ends_the_order_filled,
    replaces_are_chained_without_waiting_for_answers,
    what_happens_while_a_cancel_is_on_its_way_says_so,
    orders_end_by_their_own_terms,
    orders_are_cancelled_unasked_and_all_at_once,
    lists_are_taken_whole_or_not_at_all,
    books_and_trades_are_told_as_they_change,
);

fn order(name: &str, side: u8, rest: &str) -> String {
    format!("11={name}|55=BTCUSDT|54={side}|60={}|{rest}", time_text(now_ms()))
}

fn a_replace_to_what_is_filled_ends_the_order_filled() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    one.limit("a", 1, "2", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 2");
    two.limit("b", 2, "1.5", "59000");
    assert_eq!(one.report(&[]), "F 1 a  1.5 0.5");
    one.replace("c", "a", 1, "1", "59000");
    assert_eq!(one.report(&[38]), "5 2 c a 1.5 0 1.5");
    one.cancel("d", "a", 1);
    assert_eq!(one.next().say(&[35, 39, 434, 102]), "9 2 1 0");
}

fn replaces_are_chained_without_waiting_for_answers() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    venue.halt(true);
    one.limit("a", 1, "2", "59000");
    one.replace("b", "a", 1, "3", "59000");
    one.replace("c", "b", 1, "4", "58000");
    one.send("H", "11=a|55=BTCUSDT|54=1|");
    // Nothing of it is durable: it is on its way.
    assert_eq!(one.report(&[37]), "I E a  0 2 NONE");
    one.cancel("d", "c", 1);
    one.send("H", "11=a|55=BTCUSDT|54=1|");
    assert_eq!(one.report(&[37]), "I 6 a  0 2 NONE");
    venue.halt(false);
    // The cancel is on its way by the names that the replaces before it give.
    assert_eq!(one.report(&[38]), "0 6 a  0 2 2");
    assert_eq!(one.report(&[38]), "5 6 b a 0 3 3");
    assert_eq!(one.report(&[38, 44]), "5 6 c b 0 4 4 58000");
    assert_eq!(one.report(&[]), "4 4 d c 0 0");
    // Fields that a replace does not change.
    one.limit("e", 1, "2", "59000");
    one.report(&[]);
    let body = order("f", 1, "41=e|40=2|44=59000|38=2|59=3|");
    one.send("G", &body);
    let told = one.next();
    assert_eq!(told.say(&[35, 434, 102]), "9 2 2");
    assert!(told.get(58).contains("TimeInForce"), "{told:?}");
}

fn what_happens_while_a_cancel_is_on_its_way_says_so() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    one.limit("a", 1, "2", "59000");
    one.report(&[]);
    venue.halt(true);
    two.limit("b", 2, "0.5", "59000");
    // The venue has taken it when it answers what came behind it.
    two.send("H", "11=b|55=BTCUSDT|54=2|");
    assert_eq!(two.report(&[]), "I A b  0 0.5");
    one.replace("c", "a", 1, "3", "59000");
    one.send("H", "11=a|55=BTCUSDT|54=1|");
    assert_eq!(one.report(&[]), "I E a  0 2");
    one.cancel("d", "a", 1);
    one.send("H", "11=a|55=BTCUSDT|54=1|");
    assert_eq!(one.report(&[]), "I 6 a  0 2");
    venue.halt(false);
    assert_eq!(one.report(&[]), "F 6 a  0.5 1.5");
    assert_eq!(one.report(&[]), "5 6 c a 0.5 2.5");
    // The cancel named the name that the order had before.
    assert_eq!(one.next().say(&[35, 39, 11, 41, 102]), "9 1 d a 1");
    one.send("H", "11=c|55=BTCUSDT|54=1|");
    assert_eq!(one.report(&[]), "I 1 c  0.5 2.5");
    one.send("H", "11=nobody|55=BTCUSDT|54=1|");
    assert_eq!(one.report(&[103, 37]), "I 8 nobody  0 0 5 NONE");
}

fn orders_end_by_their_own_terms() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    two.limit("rest", 2, "1", "60000");
    two.report(&[]);
    // Immediate or cancel; fill or kill; a market order beyond what there is.
    one.send("D", &order("ioc", 1, "38=0.4|40=2|44=59000|59=3|"));
    assert_eq!(one.report(&[59]), "0 0 ioc  0 0.4 3");
    assert_eq!(one.report(&[58]), "C C ioc  0 0 immediate_or_cancel");
    one.send("D", &order("fok", 1, "38=2|40=2|44=60000|59=4|"));
    one.report(&[]);
    assert_eq!(one.report(&[58]), "C C fok  0 0 fill_or_kill");
    one.send("D", &order("market", 1, "38=1.5|40=1|"));
    assert_eq!(one.report(&[40, 59]), "0 0 market  0 1.5 1 3");
    assert_eq!(one.report(&[31]), "F 1 market  1 0.5 60000");
    assert_eq!(one.report(&[]), "C C market  1 0");
    // Good till a moment that comes soon, as the standard writes it.
    let soon = time_text(now_ms() + 1_500);
    one.send("D", &order("gtd", 1, &format!("38=1|40=2|44=58000|59=6|126={soon}|")));
    assert_eq!(one.report(&[126]), format!("0 0 gtd  0 1 {soon}"));
    assert_eq!(one.report(&[58]), "C C gtd  0 0 expired");
    // Post-only that would trade; an iceberg; a stop that is triggered.
    two.limit("again", 2, "1", "60000");
    while two.report(&[]) != "0 0 again  0 1" {}
    one.send("D", &order("passive", 1, "38=1|40=2|44=60000|18=6|"));
    assert_eq!(one.report(&[58, 18]), "8 8 passive  0 0 WOULD_MATCH 6");
    one.send("D", &order("ice", 1, "38=1|40=2|44=59000|59=1|111=0.25|"));
    assert_eq!(one.report(&[111]), "0 0 ice  0 1 0.25");
    one.send("D", &order("stop", 1, "38=0.1|40=3|99=60001|"));
    assert_eq!(one.report(&[40, 99]), "0 0 stop  0 0.1 3 60001");
    one.send("D", &order("touch", 1, "38=0.1|40=J|99=58000|59=1|"));
    assert_eq!(one.report(&[40, 99]), "0 0 touch  0 0.1 J 58000");
}

fn orders_are_cancelled_unasked_and_all_at_once() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    for (name, price) in [("a", "59000"), ("b", "58999"), ("c", "58998")] {
        one.limit(name, 1, "0.1", price);
        one.report(&[]);
    }
    // Over another interface of the same account.
    let gone = venue.one.signed("DELETE", "order", "symbol=BTCUSDT&origClientOrderId=a");
    assert_eq!(gone.status, 200);
    assert_eq!(one.report(&[]), "4 4 a  0 0");
    let placed = venue.one.limit("BUY", "57000", "0.2");
    assert_eq!(placed.status, 200);
    assert_eq!(one.next().say(&[150, 39, 38]), "0 0 0.2");
    let time = time_text(now_ms());
    one.send("q", &format!("11=m1|530=1|55=ETHUSDT|60={time}|"));
    assert_eq!(one.next().say(&[35, 11, 530, 531, 533]), "r m1 1 1 0");
    one.send("q", &format!("11=m2|530=7|60={time}|"));
    let ended: Vec<String> = (0..3).map(|_| one.next().say(&[150, 39, 58])).collect();
    assert_eq!(ended, ["4 4 mass_cancelled"; 3]);
    assert_eq!(one.next().say(&[35, 11, 530, 531, 533]), "r m2 7 7 3");
    one.send("q", &format!("11=m3|530=1|55=NOPE|60={time}|"));
    assert_eq!(one.next().say(&[35, 531, 532]), "r 0 1");
}

fn lists_are_taken_whole_or_not_at_all() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    let time = time_text(now_ms());
    let leg = |name: &str, at: u8, side: u8, rest: &str| {
        format!("11={name}|67={at}|55=BTCUSDT|54={side}|60={time}|{rest}")
    };
    let list = |name: &str, kind: u8, legs: &[String]| {
        let count = legs.len();
        format!("66={name}|394=3|68={count}|1385={kind}|73={count}|{}", legs.concat())
    };
    let pair = [
        leg("up", 1, 2, "38=0.1|40=2|44=70000|59=1|"),
        leg("down", 2, 2, "38=0.1|40=4|44=49990|99=50000|59=1|"),
    ];
    one.send("E", &list("oco", 1, &pair));
    assert_eq!(one.report(&[66]), "0 0 up  0 0.1 oco");
    assert_eq!(one.report(&[66, 99]), "0 0 down  0 0.1 oco 50000");
    let told = one.next();
    assert_eq!(told.say(&[35, 66, 429, 431, 73]), "N oco 2 3 2");
    assert_eq!(told.all(11).collect::<Vec<_>>(), ["up", "down"]);
    one.cancel("x", "up", 2);
    let mut ends = [one.report(&[]), one.report(&[])];
    ends.sort();
    assert_eq!(ends, ["4 4 down  0 0", "4 4 x up 0 0"]);
    // An entry and its two exits, which wait for it.
    let bracket = [
        leg("entry", 1, 1, "38=0.1|40=2|44=60000|59=1|"),
        leg("profit", 2, 2, "38=0.1|40=2|44=70000|59=1|"),
        leg("loss", 3, 2, "38=0.1|40=3|99=50000|59=1|"),
    ];
    one.send("E", &list("bracket", 2, &bracket));
    for name in ["entry", "profit", "loss"] {
        assert_eq!(one.report(&[]), format!("0 0 {name}  0 0.1"));
    }
    assert_eq!(one.next().say(&[35, 66, 431]), "N bracket 3");
    two.limit("sell", 2, "0.1", "60000");
    assert_eq!(one.report(&[]), "F 2 entry  0.1 0");
    assert_eq!(one.report(&[]), "D 0 profit  0 0.1");
    // One order that cannot be: none is.
    let bad = [
        leg("one", 1, 2, "38=0.1|40=2|44=70000|59=1|"),
        leg("two", 2, 2, "38=0.1|40=2|44=70000.001|59=1|"),
    ];
    one.send("E", &list("bad", 1, &bad));
    assert_eq!(one.report(&[66]), "8 8 one  0 0 bad");
    assert_eq!(one.report(&[66]), "8 8 two  0 0 bad");
    assert_eq!(one.next().say(&[35, 66, 431]), "N bad 7");
}

fn books_and_trades_are_told_as_they_change() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    two.limit("a", 1, "1", "59000");
    two.report(&[]);
    let asks = "267=3|269=0|269=1|269=2|146=1|55=BTCUSDT|";
    one.send("V", &format!("262=full|263=1|264=0|265=1|{asks}"));
    let book = one.next();
    assert_eq!(book.say(&[35, 262, 55, 268, 269, 270, 271]), "W full BTCUSDT 1 0 59000 1");
    one.send("V", &format!("262=top|263=1|264=1|{asks}"));
    assert_eq!(one.next().say(&[35, 262, 268]), "W top 1");
    two.limit("b", 2, "2", "60000");
    two.report(&[]);
    assert_eq!(one.next().say(&[35, 262, 268, 279, 269, 270, 271]), "X full 1 0 1 60000 2");
    let top = one.next();
    assert_eq!(top.say(&[35, 262, 268]), "W top 2");
    // A trade, which takes a level away.
    two.send("D", &order("c", 2, "38=1|40=2|44=59000|59=3|5001=0|"));
    let mut told = one.next();
    assert_eq!(told.say(&[35, 262, 268]), "X full 2");
    assert_eq!(told.all(279).collect::<Vec<_>>(), ["0", "2"]);
    assert_eq!(told.all(269).collect::<Vec<_>>(), ["2", "0"]);
    assert_eq!(told.say(&[278, 270, 271]), "1 59000 1");
    assert_eq!(one.next().say(&[35, 262, 268, 269]), "W top 1 1");
    told = one.next();
    assert_eq!(told.say(&[35, 262, 269]), "X top 2");
    one.send("V", &format!("262=full|263=2|264=0|{asks}"));
    one.send("V", &format!("262=top|263=2|264=1|{asks}"));
    for (request, reason) in [
        ("262=r|263=1|264=0|267=1|269=0|146=1|55=NOPE|", "0"),
        ("262=r|263=1|264=0|265=0|267=1|269=0|146=1|55=BTCUSDT|", "6"),
        ("262=r|263=0|264=9999|267=1|269=0|146=1|55=BTCUSDT|", "5"),
        ("262=r|263=0|264=0|267=1|269=4|146=1|55=BTCUSDT|", "8"),
    ] {
        one.send("V", request);
        assert_eq!(one.next().say(&[35, 262, 281]), format!("Y r {reason}"));
    }
    one.send("e", "324=s|55=BTCUSDT|263=0|");
    assert_eq!(one.next().say(&[35, 324, 55, 326]), "f s BTCUSDT 17");
}
