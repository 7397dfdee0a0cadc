//! Codecs of the same messages, into the same checksums.

mod binance;
mod fix;
// The judge of our reader in its tests is its peer here.
#[allow(dead_code, reason = "its test asks more of it")]
#[path = "../../../../crates/wire/tests/it/itch_peer.rs"]
mod itch_peer;

use std::sync::Arc;

use tiercel_cli::bench::Options;
use tiercel_cli::bench::contest::{Case, CaseSpec, Figure, Input, Repeated};

/// Adds the codecs that read or write the case's messages.
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
            case.subjects.extend(binance::depth(&lines(bytes), options.operations));
        }
        "binance_trade" => {
            case.subjects.extend(binance::trade(&lines(bytes), options.operations));
        }
        "fix_decode" => case.subjects.push(fix::decode(&lines(bytes), options.operations)),
        "fix_encode" => match fix::encode(&lines(bytes), options.operations) {
            Ok(peer) => case.subjects.push(peer),
            Err(error) => eprintln!("{}: {error}", spec.name),
        },
        _ => {}
    }
}

/// The messages of a case, which stand one in a line.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}
