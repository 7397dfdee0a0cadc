//! A link that breaks again and again: what every session over a stream is put through.

use tiercel_testkit::random::Random;

/// Two sessions and what is between them.
pub(super) trait Link {
    /// They are connected: nothing is on the way.
    fn connect(&mut self);

    /// The connection ends, and what was on the way is lost.
    fn disconnect(&mut self);

    /// Whether one of them wants it to end.
    fn wants_close(&self) -> bool;

    /// The client says something, or is silent.
    fn client_says(&mut self, random: &mut Random);

    /// The server says something.
    fn server_says(&mut self, random: &mut Random);

    /// Time passes, less than silence takes to be noticed.
    fn wait(&mut self, random: &mut Random);

    /// Something of what the client said is spoiled or lost.
    fn spoil(&mut self, _: &mut Random) {}

    /// Some bytes come, in either direction.
    fn carry_some(&mut self, random: &mut Random);
}

/// Breaks a link some hundred times, while both sides speak; in the end it stands.
pub(super) fn break_often(link: &mut impl Link, seed: u64) {
    let mut random = Random::new(seed);
    let mut is_connected = false;
    for _ in 0..300 {
        match random.below(10) {
            0 if is_connected => {
                link.disconnect();
                is_connected = false;
            }
            0..=2 if !is_connected => {
                link.connect();
                is_connected = true;
            }
            3..=4 => link.client_says(&mut random),
            5..=6 => link.server_says(&mut random),
            7 => link.wait(&mut random),
            8 if is_connected => link.spoil(&mut random),
            _ if is_connected => link.carry_some(&mut random),
            _ => {}
        }
        if is_connected && link.wants_close() {
            link.disconnect();
            is_connected = false;
        }
    }
    link.disconnect();
    link.connect();
}
