//! Eight prices at a time.

use core::arch::x86_64::{
    __m512i, __mmask8, _mm512_cmpeq_epi64_mask, _mm512_cmple_epu64_mask, _mm512_loadu_si512,
    _mm512_mask_max_epi64, _mm512_mask_mov_epi64, _mm512_maskz_loadu_epi64, _mm512_max_epi64,
    _mm512_mullo_epi64, _mm512_reduce_max_epi64, _mm512_rorv_epi64, _mm512_set1_epi64,
    _mm512_sub_epi64, _mm512_test_epi64_mask, _mm512_xor_si512,
};

use super::check::Division;
use super::{Best, rank, scalar};

const LANES: usize = 8;
/// Independent maxima, so that the next eight need not wait for the last.
const CHAINS: usize = 4;

/// Prices of a block.
const BLOCK: usize = LANES * CHAINS;

/// The first `count` bits of a block, all of them at most.
const fn bits(count: usize) -> u32 {
    if count >= BLOCK { u32::MAX } else { (1 << count) - 1 }
}

/// The lanes that hold the `count` values from a place on, all of them at most.
const fn lanes(count: usize) -> __mmask8 {
    bits(count) as __mmask8
}

/// The eight prices from `at` on by rank, those `there`, and which of them count.
///
/// # Safety
/// What is `there` lies within `prices`, and within `quantities` if `LIVE`.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
unsafe fn eight<const LOWEST: bool, const LIVE: bool>(
    prices: &[i64],
    quantities: &[u64],
    at: usize,
    there: __mmask8,
) -> (__m512i, __mmask8) {
    // Wrapping: with nothing there it may point anywhere.
    // SAFETY: masked lanes are not read, and the others lie within `prices`.
    let ranks = unsafe { _mm512_maskz_loadu_epi64(there, prices.as_ptr().wrapping_add(at)) };
    let ranks = if LOWEST { _mm512_xor_si512(ranks, _mm512_set1_epi64(-1)) } else { ranks };
    if !LIVE {
        return (ranks, there);
    }
    let quantities = quantities.as_ptr().wrapping_add(at).cast();
    // SAFETY: as above; the lengths are equal. Lanes not there are 0 and do not count.
    let quantities = unsafe { _mm512_maskz_loadu_epi64(there, quantities) };
    (ranks, _mm512_test_epi64_mask(quantities, quantities))
}

/// See [`Width::best`](super::Width): first the best rank, then where it stands first.
///
/// # Safety
/// If `LIVE`, `quantities` is as long as `prices`.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) unsafe fn best<const LOWEST: bool, const LIVE: bool>(
    prices: &[i64],
    quantities: &[u64],
) -> Option<Best> {
    let lowest_rank = _mm512_set1_epi64(i64::MIN);
    if prices.len() <= LANES {
        // SAFETY: what is there are the slices.
        let (ranks, counts) =
            unsafe { eight::<LOWEST, LIVE>(prices, quantities, 0, lanes(prices.len())) };
        if counts == 0 {
            return None;
        }
        let best = _mm512_reduce_max_epi64(_mm512_mask_mov_epi64(lowest_rank, counts, ranks));
        let found = counts & _mm512_cmpeq_epi64_mask(ranks, _mm512_set1_epi64(best));
        return Some(Best { index: found.trailing_zeros() as usize, price: rank::<LOWEST>(best) });
    }
    // The last block may be short: it is looked at as a whole, and masked, since a loop over what
    // is left of it took longer than the block.
    let mut chains = [lowest_rank; CHAINS];
    let mut any: __mmask8 = 0;
    for at in (0..prices.len()).step_by(BLOCK) {
        let there = bits(prices.len() - at);
        for (chain, best) in chains.iter_mut().enumerate() {
            let (at, there) = (at + chain * LANES, (there >> (chain * LANES)) as __mmask8);
            // SAFETY: what is there lies within the slices.
            let (ranks, counts) = unsafe { eight::<LOWEST, LIVE>(prices, quantities, at, there) };
            *best = _mm512_mask_max_epi64(*best, counts, *best, ranks);
            any |= counts;
        }
    }
    if any == 0 {
        return None;
    }
    let [a, b, c, d] = chains;
    let best = _mm512_max_epi64(_mm512_max_epi64(a, b), _mm512_max_epi64(c, d));
    let best = _mm512_reduce_max_epi64(best);
    let wanted = _mm512_set1_epi64(best);
    for at in (0..prices.len()).step_by(BLOCK) {
        let there = bits(prices.len() - at);
        let mut found = 0;
        for chain in 0..CHAINS {
            let shift = chain * LANES;
            // SAFETY: what is there lies within the slices.
            let (ranks, counts) = unsafe {
                eight::<LOWEST, LIVE>(prices, quantities, at + shift, (there >> shift) as __mmask8)
            };
            found |= u32::from(counts & _mm512_cmpeq_epi64_mask(ranks, wanted)) << shift;
        }
        if found != 0 {
            let index = at + found.trailing_zeros() as usize;
            return Some(Best { index, price: rank::<LOWEST>(best) });
        }
    }
    // The best rank is one of those that count.
    None
}

/// A word of bits for each 64 prices, set for those that pass; `words` has one for each.
///
/// Whole words are left to the compiler, which may use the same instructions here and makes better use of
/// them. What remains is taken eight at a time, the last eight once more where they are not full: with
/// a masked load that took twice as long.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn masks(prices: &[i64], division: &Division, words: &mut [u64]) {
    let (blocks, rest) = prices.as_chunks::<64>();
    for (block, word) in blocks.iter().zip(&mut *words) {
        *word = scalar::mask(block, division);
    }
    if let (false, Some(word)) = (rest.is_empty(), words.last_mut()) {
        let (eights, left) = rest.as_chunks::<LANES>();
        let mut mask = 0;
        for (at, eight) in eights.iter().enumerate() {
            mask |= u64::from(accepted(eight, division)) << (at * LANES);
        }
        if !left.is_empty() {
            let from = rest.len() - left.len();
            let bits = match prices.last_chunk() {
                Some(last) => u64::from(accepted(last, division)) >> (LANES - left.len()),
                None => scalar::mask(left, division),
            };
            mask |= bits << from;
        }
        *word = mask;
    }
}

/// [`Division::accepts`] for eight.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn accepted(prices: &[i64; LANES], division: &Division) -> __mmask8 {
    // SAFETY: eight prices.
    let prices = unsafe { _mm512_loadu_si512(prices.as_ptr().cast()) };
    let offsets = _mm512_sub_epi64(prices, _mm512_set1_epi64(division.base));
    let products = _mm512_mullo_epi64(offsets, _mm512_set1_epi64(division.inverse as i64));
    let quotients = _mm512_rorv_epi64(products, _mm512_set1_epi64(i64::from(division.shift)));
    _mm512_cmple_epu64_mask(quotients, _mm512_set1_epi64(division.quotient_max as i64))
}
