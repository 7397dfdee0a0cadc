//! Decoders of the same bytes, into the same checksums.

mod binance;
// The judge of our reader in its tests is its peer here.
#[allow(dead_code, reason = "its test asks more of it")]
#[path = "../../../../crates/wire/tests/it/itch_peer.rs"]
mod itch_peer;

use std::sync::Arc;

use tiercel_cli::bench::Options;
use tiercel_cli::bench::contest::{Case, CaseSpec, Figure, Input, Repeated};

/// Adds the decoders that read the case's messages.
pub fn add(spec: &CaseSpec, case: &mut Case, options: &Options) {
    let Input::Bytes(bytes) = &case.input else { return };
    match spec.name {
        "itch_decode" => {
            let bytes = Arc::clone(bytes);
            case.subjects.push(Box::new(Repeated {
                name: "itchy",
                figure: Figure::ItemsPerSecond,
                items_per_call: options.operations as u64,
                calls: 3,
                // Every field into the checksum, by the reader that judges our own in its tests.
                work: move || Ok(itch_peer::checksum(&bytes).value()),
            }));
        }
        "binance_depth" | "binance_depth_lengths" => {
            let messages: Vec<Vec<u8>> =
                bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            case.subjects.extend(binance::depth(&messages, options.operations));
        }
        "binance_trade" => {
            let messages: Vec<Vec<u8>> =
                bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            case.subjects.extend(binance::trade(&messages, options.operations));
        }
        _ => {}
    }
}
