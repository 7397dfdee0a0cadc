//! What a venue calls an order: the name that it was entered by, or that of the last replace that was taken.

use tiercel_types::ClientOrderId;
use tiercel_wire::fix::value;

/// What stands between an order's name and the number of a request about it.
const DASH: u8 = b'-';
/// Orders with other names, at most. Beyond, the oldest is forgotten: the next status tells its name again.
const RENAMED_MAX: usize = 4_096;

/// An order that has another name than it was entered by, or will have.
#[derive(Clone, Copy, Debug)]
struct Renamed {
    order: ClientOrderId,
    /// The number behind its name; zero: none.
    current: u64,
    /// The number of a replace on its way; zero: there is none.
    pending: u64,
}

/// Which orders have which names.
#[derive(Debug)]
pub(super) struct Names {
    renamed: Vec<Renamed>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { renamed: Vec::with_capacity(RENAMED_MAX) }
    }

    fn find(&mut self, order: &ClientOrderId) -> Option<&mut Renamed> {
        self.renamed.iter_mut().find(|renamed| renamed.order == *order)
    }

    fn put(&mut self, order: &ClientOrderId) -> &mut Renamed {
        let at = self.renamed.iter().position(|renamed| renamed.order == *order);
        let at = at.unwrap_or_else(|| {
            if self.renamed.len() == RENAMED_MAX {
                self.renamed.remove(0);
            }
            self.renamed.push(Renamed { order: *order, current: 0, pending: 0 });
            self.renamed.len() - 1
        });
        &mut self.renamed[at]
    }

    /// The number behind the name that the order has when all before was done; zero: none.
    pub(super) fn newest(&self, order: &ClientOrderId) -> u64 {
        let renamed = self.renamed.iter().find(|renamed| renamed.order == *order);
        renamed.map_or(0, |renamed| renamed.pending.max(renamed.current))
    }

    /// A replace leaves.
    pub(super) fn replacing(&mut self, order: &ClientOrderId, number: u64) {
        self.put(order).pending = number;
    }

    /// A replace was not done.
    pub(super) fn not_replaced(&mut self, order: &ClientOrderId, number: u64) {
        if let Some(renamed) = self.find(order)
            && renamed.pending == number
        {
            renamed.pending = 0;
        }
    }

    /// The venue calls the order so.
    pub(super) fn is_called(&mut self, order: &ClientOrderId, number: u64) {
        if number == 0 && self.find(order).is_none() {
            return;
        }
        let renamed = self.put(order);
        renamed.current = number;
        if renamed.pending <= number {
            renamed.pending = 0;
        }
    }

    /// The order has ended.
    pub(super) fn forget(&mut self, order: &ClientOrderId) {
        self.renamed.retain(|renamed| renamed.order != *order);
    }

    /// Whether requests on their way were taken is not known any more.
    pub(super) fn forget_pending(&mut self) {
        for renamed in &mut self.renamed {
            renamed.pending = 0;
        }
    }
}

/// A name with a number behind it.
pub(super) fn with_number<'t>(
    text: &'t mut [u8; super::NAME_BYTES],
    order: &ClientOrderId,
    number: u64,
) -> &'t [u8] {
    let name = order.as_bytes();
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let digits = &digits[at..];
    // A trader's names leave room for every number that a session comes to.
    let length = name.len().min(text.len() - 1 - digits.len());
    text[..length].copy_from_slice(&name[..length]);
    text[length] = DASH;
    let end = length + 1 + digits.len();
    text[length + 1..end].copy_from_slice(digits);
    &text[..end]
}

/// An order's own name, and the number behind it; zero: none.
pub(super) fn split(text: &[u8]) -> (ClientOrderId, u64) {
    let dash = text.iter().position(|byte| *byte == DASH);
    let number = dash.and_then(|at| value::unsigned(&text[at + 1..]));
    let name = match (dash, number) {
        (Some(at), Some(_)) => &text[..at],
        // Somebody else's.
        _ => text,
    };
    (ClientOrderId::new(name).unwrap_or_default(), number.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> ClientOrderId {
        ClientOrderId::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let name = order("Tlkjkg030001muh9");
        for number in [1, 10, 4_096, 1_234_567_890_123_456_789] {
            let mut text = [0; super::super::NAME_BYTES];
            assert_eq!(split(with_number(&mut text, &name, number)), (name, number));
        }
        assert_eq!(split(name.as_bytes()), (name, 0));
        assert_eq!(split(b"web-a1"), (order("web-a1"), 0));
    }

    #[test]
    fn an_order_is_called_by_the_last_replace_that_was_taken() {
        let (mut names, one) = (Names::new(), order("T1"));
        assert_eq!(names.newest(&one), 0);
        names.replacing(&one, 5);
        assert_eq!(names.newest(&one), 5);
        // What happens meanwhile has the name before.
        names.is_called(&one, 0);
        assert_eq!(names.newest(&one), 5);
        names.not_replaced(&one, 5);
        assert_eq!(names.newest(&one), 0);
        names.replacing(&one, 7);
        names.is_called(&one, 7);
        names.replacing(&one, 9);
        names.not_replaced(&one, 8);
        assert_eq!(names.newest(&one), 9);
        names.forget_pending();
        assert_eq!(names.newest(&one), 7);
        names.forget(&one);
        assert_eq!(names.newest(&one), 0);
    }
}
