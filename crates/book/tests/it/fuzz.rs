//! Short runs of the fuzz bodies, from fixed seeds; `fuzz/fuzz_targets/book.rs` runs them long.

use tiercel_testkit::fuzz_l2::{self, Reached};
use tiercel_testkit::random::Random;

fn sessions(seed: u64, mut run: impl FnMut(&[u8])) {
    let mut random = Random::new(seed);
    for _ in 0..2_000 {
        let size = random.below(600);
        let bytes: Vec<u8> = (0..size).map(|_| random.next_u64() as u8).collect();
        run(&bytes);
    }
}

#[test]
fn any_bytes_are_a_book_that_sorted_maps_agree_with() {
    let mut reached = Reached::default();
    sessions(1, |bytes| fuzz_l2::book(bytes, &mut reached));
    assert!(reached.snapshots > 1_000 && reached.diffs > 2_000, "{reached:?}");
    assert!(reached.levels > 300, "{reached:?}");
    let anomalies = ["crossed", "level_limit", "unordered_snapshot"];
    assert!(reached.anomalies.iter().eq(&anomalies), "{reached:?}");
}

#[test]
fn any_bytes_to_a_synchroniser_show_no_book_with_a_gap() {
    let mut reached = Reached::default();
    sessions(2, |bytes| fuzz_l2::synchroniser(bytes, &mut reached));
    assert!(reached.snapshots > 1_000 && reached.diffs > 1_000, "{reached:?}");
    assert_eq!(reached.anomalies.len(), 6, "{reached:?}");
}
