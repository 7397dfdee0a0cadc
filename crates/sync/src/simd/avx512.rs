//! Eight prices at a time.

use core::arch::x86_64::{
    __m512i, __mmask8, _mm512_cmpeq_epi64_mask, _mm512_cmple_epu64_mask, _mm512_loadu_si512,
    _mm512_mask_max_epi64, _mm512_maskz_loadu_epi64, _mm512_max_epi64, _mm512_mullo_epi64,
    _mm512_reduce_max_epi64, _mm512_rorv_epi64, _mm512_set1_epi64, _mm512_sub_epi64,
    _mm512_test_epi64_mask, _mm512_xor_si512,
};

use super::check::Division;
use super::{Best, rank};

const LANES: usize = 8;
/// Independent maxima, so that the next eight need not wait for the last.
const CHAINS: usize = 4;

/// The lanes that hold the `count` values from a place on, all of them at most.
const fn lanes(count: usize) -> __mmask8 {
    if count >= LANES { 0xff } else { (1 << count) - 1 }
}

/// Eight prices from `at` on by rank, and which of them count.
///
/// # Safety
/// `at` is less than the length of `prices`, and of `quantities` if `LIVE`.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
unsafe fn eight<const LOWEST: bool, const LIVE: bool>(
    prices: &[i64],
    quantities: &[u64],
    at: usize,
) -> (__m512i, __mmask8) {
    let there = lanes(prices.len() - at);
    // SAFETY: masked lanes are not read, and the others lie within `prices`.
    let ranks = unsafe { _mm512_maskz_loadu_epi64(there, prices.as_ptr().add(at)) };
    let ranks = if LOWEST { _mm512_xor_si512(ranks, _mm512_set1_epi64(-1)) } else { ranks };
    if !LIVE {
        return (ranks, there);
    }
    // SAFETY: as above; the lengths are equal. Lanes not there are 0 and do not count.
    let quantities = unsafe { _mm512_maskz_loadu_epi64(there, quantities.as_ptr().add(at).cast()) };
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
    let mut chains = [_mm512_set1_epi64(i64::MIN); CHAINS];
    let mut any: __mmask8 = 0;
    let mut at = 0;
    while at + LANES * CHAINS <= prices.len() {
        for (chain, best) in chains.iter_mut().enumerate() {
            // SAFETY: the block lies within the slices.
            let (ranks, counts) =
                unsafe { eight::<LOWEST, LIVE>(prices, quantities, at + chain * LANES) };
            *best = _mm512_mask_max_epi64(*best, counts, *best, ranks);
            any |= counts;
        }
        at += LANES * CHAINS;
    }
    while at < prices.len() {
        // SAFETY: `at` lies within the slices.
        let (ranks, counts) = unsafe { eight::<LOWEST, LIVE>(prices, quantities, at) };
        chains[0] = _mm512_mask_max_epi64(chains[0], counts, chains[0], ranks);
        any |= counts;
        at += LANES;
    }
    if any == 0 {
        return None;
    }
    let [a, b, c, d] = chains;
    let best = _mm512_max_epi64(_mm512_max_epi64(a, b), _mm512_max_epi64(c, d));
    let best = _mm512_reduce_max_epi64(best);
    let wanted = _mm512_set1_epi64(best);
    let mut at = 0;
    loop {
        // SAFETY: the best rank is one of those that count, so the loop ends within the slices.
        let (ranks, counts) = unsafe { eight::<LOWEST, LIVE>(prices, quantities, at) };
        let found = counts & _mm512_cmpeq_epi64_mask(ranks, wanted);
        if found != 0 {
            let index = at + found.trailing_zeros() as usize;
            return Some(Best { index, price: rank::<LOWEST>(best) });
        }
        at += LANES;
    }
}

/// A word of bits for each 64 prices, set for those that pass; `words` has one for each.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn masks(prices: &[i64], division: &Division, words: &mut [u64]) {
    let (blocks, rest) = prices.as_chunks::<64>();
    for (block, word) in blocks.iter().zip(&mut *words) {
        let mut bits = 0;
        for (at, eight) in block.as_chunks::<LANES>().0.iter().enumerate() {
            // SAFETY: eight prices.
            let prices = unsafe { _mm512_loadu_si512(eight.as_ptr().cast()) };
            bits |= u64::from(accepted(prices, division)) << (at * LANES);
        }
        *word = bits;
    }
    if let (false, Some(word)) = (rest.is_empty(), words.last_mut()) {
        let mut bits = 0;
        for (at, eight) in rest.chunks(LANES).enumerate() {
            let there = lanes(eight.len());
            // SAFETY: masked lanes are not read, and the others are `eight`.
            let prices = unsafe { _mm512_maskz_loadu_epi64(there, eight.as_ptr()) };
            bits |= u64::from(accepted(prices, division) & there) << (at * LANES);
        }
        *word = bits;
    }
}

/// [`Division::accepts`] for eight.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn accepted(prices: __m512i, division: &Division) -> __mmask8 {
    let offsets = _mm512_sub_epi64(prices, _mm512_set1_epi64(division.base));
    let products = _mm512_mullo_epi64(offsets, _mm512_set1_epi64(division.inverse as i64));
    let quotients = _mm512_rorv_epi64(products, _mm512_set1_epi64(i64::from(division.shift)));
    _mm512_cmple_epu64_mask(quotients, _mm512_set1_epi64(division.quotient_max as i64))
}
