//! What an arena gives out never overlaps, is aligned, and stays as it was written.

use proptest::prelude::*;
use tiercel_sync::arena::Arena;

/// What may be asked of an arena.
#[derive(Clone, Debug)]
enum Ask {
    Word(u64),
    Byte(u8),
    Bytes(Vec<u8>),
    Room(usize),
    Wide(u128),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        any::<u64>().prop_map(Ask::Word),
        any::<u8>().prop_map(Ask::Byte),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Ask::Bytes),
        (0..6_usize).prop_map(Ask::Room),
        any::<u128>().prop_map(Ask::Wide),
    ]
}

/// Does it, and returns the bytes' place and what they should be.
fn give(arena: &Arena, ask: &Ask) -> Option<(usize, Vec<u8>, usize)> {
    fn place<T: ?Sized>(value: &mut T) -> usize {
        (&raw mut *value).cast::<u8>() as usize
    }
    match ask {
        Ask::Word(word) => arena.alloc(*word).map(|it| (place(it), word.to_ne_bytes().into(), 8)),
        Ask::Byte(byte) => arena.alloc(*byte).map(|it| (place(it), vec![*byte], 1)),
        Ask::Bytes(bytes) => arena.alloc_slice(bytes).map(|it| (place(it), bytes.clone(), 1)),
        Ask::Room(words) => arena.alloc_room::<u32>(*words).map(|room| {
            room.fill(0x0101_0101);
            (place(room), vec![1; words * 4], 4)
        }),
        Ask::Wide(wide) => arena.alloc(*wide).map(|it| (place(it), wide.to_ne_bytes().into(), 16)),
    }
}

proptest! {
    #[test]
    fn nothing_overlaps_and_all_stays(
        capacity in 0_usize..300,
        batches in prop::collection::vec(prop::collection::vec(ask(), 0..40), 1..4),
    ) {
        let mut arena = Arena::with_capacity(capacity);
        prop_assert!(arena.capacity_bytes() >= capacity.max(1));
        for batch in batches {
            arena.reset();
            let mut used = 0;
            let mut given: Vec<(usize, Vec<u8>)> = Vec::new();
            for ask in &batch {
                let before = arena.used_bytes();
                let Some((place, bytes, align)) = give(&arena, ask) else {
                    prop_assert_eq!(arena.used_bytes(), before, "a refusal changed something");
                    continue;
                };
                prop_assert!(place.is_multiple_of(align));
                for (other, its) in &given {
                    let apart = place + bytes.len() <= *other || *other + its.len() <= place;
                    prop_assert!(apart || bytes.is_empty() || its.is_empty(), "overlap");
                }
                used = usize::next_multiple_of(used, align) + bytes.len();
                prop_assert_eq!(arena.used_bytes(), used);
                given.push((place, bytes));
            }
            prop_assert!(used <= arena.capacity_bytes());
            for (place, bytes) in given {
                // SAFETY: the arena gave out these bytes, and was not reset since.
                let now = unsafe { std::slice::from_raw_parts(place as *const u8, bytes.len()) };
                prop_assert_eq!(now, &bytes[..]);
            }
        }
    }
}

#[test]
fn sizes_beyond_all_bounds_are_refused() {
    let arena = Arena::with_capacity(64);
    assert!(arena.alloc_room::<u64>(usize::MAX / 4).is_none());
    assert!(arena.alloc(1_u8).is_some());
    assert!(arena.alloc_room::<u8>(usize::MAX).is_none());
    assert_eq!(arena.used_bytes(), 1);
    assert_eq!(arena.alloc_room::<u8>(63).map(|room| room.len()), Some(63));
    assert!(arena.alloc(1_u8).is_none());
    assert!(arena.alloc_slice::<u64>(&[]).is_some(), "nothing always fits");
}

#[test]
fn room_is_zero_at_first_and_an_arena_may_move_to_another_thread() {
    let mut arena = Arena::with_capacity(128);
    assert!(arena.alloc_room::<u8>(128).unwrap().iter().all(|&byte| byte == 0));
    arena.reset();
    arena.alloc_slice(&[7_u8; 100]).unwrap();
    let mut arena = std::thread::spawn(move || arena).join().unwrap();
    arena.reset();
    assert_eq!(arena.alloc_room::<u8>(100).unwrap(), [7; 100]);
}
