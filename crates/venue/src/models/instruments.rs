//! What trades here, in which assets, and in which state.

use std::collections::BTreeMap;

use tiercel_types::{AssetCode, AssetId, Event, EventHeader, InstrumentId, InstrumentSpec, Symbol};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};

/// An asset and its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AssetView {
    /// Its number.
    pub asset: AssetId,
    /// Its code.
    pub code: AssetCode,
}

/// Instruments and assets. Bounded by the numbers that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instruments {
    specs: BTreeMap<InstrumentId, InstrumentSpec>,
    symbols: BTreeMap<Symbol, InstrumentId>,
    assets: BTreeMap<AssetId, AssetView>,
}

impl Instruments {
    pub(crate) fn apply(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::AssetAdded(added) => {
                let view = AssetView { asset: added.asset, code: added.code };
                self.assets.insert(added.asset, view);
            }
            Event::InstrumentAdded(added) => self.insert(added.spec),
            Event::InstrumentUpdated(updated) => self.insert(updated.spec),
            Event::InstrumentStateChanged(changed) => {
                if let Some(spec) = self.specs.get_mut(&header.instrument) {
                    spec.state = changed.new;
                }
            }
            _ => {}
        }
    }

    fn insert(&mut self, spec: InstrumentSpec) {
        if let Some(old) = self.specs.insert(spec.instrument, spec) {
            self.symbols.remove(&old.symbol);
        }
        self.symbols.insert(spec.symbol, spec.instrument);
    }

    /// An instrument's terms, with its state as it is now.
    pub fn get(&self, instrument: InstrumentId) -> Option<&InstrumentSpec> {
        self.specs.get(&instrument)
    }

    /// The instrument of that symbol.
    pub fn by_symbol(&self, symbol: &Symbol) -> Option<&InstrumentSpec> {
        self.get(*self.symbols.get(symbol)?)
    }

    /// All instruments, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &InstrumentSpec> {
        self.specs.values()
    }

    /// An asset's code.
    pub fn asset(&self, asset: AssetId) -> Option<AssetCode> {
        self.assets.get(&asset).map(|view| view.code)
    }

    /// All assets, by number.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = &AssetView> {
        self.assets.values()
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        image::put(out, self.assets());
        image::put(out, self.iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>) -> Result<Self, ImageError> {
        let mut loaded = Self::default();
        reader.take("assets", |view: AssetView| {
            loaded.assets.insert(view.asset, view);
        })?;
        reader.take("instruments", |spec| loaded.insert(spec))?;
        Ok(loaded)
    }
}
