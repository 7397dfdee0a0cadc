//! Conditions as text: `last > 100 and (bid(ETHUSDT) >= 3000 or volume_24h <= 5)`.

use tiercel_types::command::{
    CONDITION_AND, CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf, StageCondition,
};
use tiercel_types::order::{Comparison, ConditionField};
use tiercel_types::{AccountId, InstrumentId, Price, Qty};

use super::names::Names;
use super::words::LineError;

/// Reads a condition on an account's order in `instrument`.
pub(super) fn read_condition(
    text: &str,
    names: &Names,
    account: AccountId,
    instrument: InstrumentId,
) -> Result<StageCondition, LineError> {
    let mut parser = Parser {
        rest: text,
        names,
        instrument,
        condition: StageCondition {
            leaves: [ConditionLeaf::NONE; CONDITION_LEAVES_MAX],
            program: [CONDITION_END; 2 * CONDITION_LEAVES_MAX],
            account,
            reserved: [0; 4],
        },
        leaves: 0,
        codes: 0,
    };
    parser.either()?;
    match parser.rest.trim_start() {
        "" => Ok(parser.condition),
        rest => Err(error(format!("not understood from here on: `{rest}`"))),
    }
}

fn error(message: impl Into<String>) -> LineError {
    LineError::new("when", message)
}

struct Parser<'a> {
    rest: &'a str,
    names: &'a Names,
    instrument: InstrumentId,
    condition: StageCondition,
    leaves: usize,
    codes: usize,
}

impl Parser<'_> {
    /// Takes `token`, if it is next.
    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(after) = rest.strip_prefix(token) else { return false };
        let word = token.ends_with(char::is_alphanumeric);
        if word && after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = after;
        true
    }

    fn either(&mut self) -> Result<(), LineError> {
        self.both()?;
        while self.takes("or") {
            self.both()?;
            self.code(CONDITION_OR)?;
        }
        Ok(())
    }

    fn both(&mut self) -> Result<(), LineError> {
        self.one()?;
        while self.takes("and") {
            self.one()?;
            self.code(CONDITION_AND)?;
        }
        Ok(())
    }

    fn one(&mut self) -> Result<(), LineError> {
        if self.takes("(") {
            self.either()?;
            return if self.takes(")") { Ok(()) } else { Err(error("a `(` is not closed")) };
        }
        self.leaf()
    }

    fn leaf(&mut self) -> Result<(), LineError> {
        let found = ConditionField::ALL.iter().find(|field| self.takes(field.as_str()));
        let &field = found.ok_or_else(|| {
            error("a field is due: last, bid, ask, mid or volume_24h, with its symbol in brackets")
        })?;
        let mut instrument = self.instrument;
        if self.takes("(") {
            let (symbol, rest) =
                self.rest.split_once(')').ok_or_else(|| error("a `(` is not closed"))?;
            self.rest = rest;
            let unknown = || error(format!("no such symbol: `{symbol}`"));
            instrument = self.names.instrument(symbol.trim()).ok_or_else(unknown)?;
        }
        // The longer of two that begin alike comes first.
        let by_length = [">=", "<=", ">", "<", "="];
        let found = by_length.into_iter().find(|sign| self.takes(sign));
        let comparison = found
            .and_then(Comparison::from_text)
            .ok_or_else(|| error("a comparison is due: >, >=, <, <= or ="))?;
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| c != '.' && c != '-' && !c.is_ascii_digit());
        let (number, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        let wrong = |why: String| error(format!("{why}: `{number}`"));
        let value = if field == ConditionField::Volume24h {
            let qty: Qty = number.parse().map_err(|why| wrong(format!("{why}")))?;
            i64::try_from(qty.units()).map_err(|_| wrong("too large".to_owned()))?
        } else {
            let price: Price = number.parse().map_err(|why| wrong(format!("{why}")))?;
            price.units()
        };
        let leaf = ConditionLeaf { value, instrument, field, comparison, reserved: [0; 2] };
        let place = self.condition.leaves.get_mut(self.leaves);
        *place.ok_or_else(|| error("at most 8 comparisons"))? = leaf;
        self.leaves += 1;
        self.code(self.leaves as u8)
    }

    fn code(&mut self, code: u8) -> Result<(), LineError> {
        let place = self.condition.program.get_mut(self.codes);
        *place.ok_or_else(|| error("at most 8 comparisons"))? = code;
        self.codes += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StageCondition, LineError> {
        read_condition(text, &Names::default(), AccountId(1), InstrumentId(4))
    }

    #[test]
    fn and_binds_closer_than_or() {
        let (and, or) = (CONDITION_AND, CONDITION_OR);
        for (text, program) in [
            ("last > 1", &[1][..]),
            ("last>1 or bid<2 and ask=3", &[1, 2, 3, and, or]),
            ("(last>=1 or bid<=2) and mid=3", &[1, 2, or, 3, and]),
        ] {
            let condition = read(text).unwrap();
            assert_eq!(&condition.program[..program.len()], program, "{text}");
            assert_eq!(condition.program[program.len()], CONDITION_END, "{text}");
        }
        let leaf = read("volume_24h >= 0.5").unwrap().leaves[0];
        assert_eq!((leaf.value, leaf.instrument), (50_000_000, InstrumentId(4)));
        assert_eq!((leaf.field, leaf.comparison), (ConditionField::Volume24h, Comparison::AtLeast));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in ["", "last", "last >", "last > x", "(last > 1", "last(NONE) > 1", "last > 1 x"]
        {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(read(&["last > 1"; 8].join(" and ")).is_ok());
        assert!(read(&["last > 1"; 9].join(" and ")).is_err());
    }
}
