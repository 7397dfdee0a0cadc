//! Four prices at a time.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_andnot_si256, _mm256_blendv_epi8,
    _mm256_castsi256_pd, _mm256_cmpeq_epi64, _mm256_cmpgt_epi64, _mm256_loadu_si256,
    _mm256_maskload_epi64, _mm256_movemask_pd, _mm256_mul_epu32, _mm256_or_si256,
    _mm256_set_epi64x, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64,
    _mm256_sllv_epi64, _mm256_srli_epi64, _mm256_srlv_epi64, _mm256_storeu_si256, _mm256_sub_epi64,
    _mm256_xor_si256,
};

use super::check::Division;
use super::{Best, rank};

const LANES: usize = 4;
/// Independent maxima, so that the next four need not wait for the last.
const CHAINS: usize = 4;

/// All ones in the lanes that hold the `count` values from a place on, all of them at most.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes(count: usize) -> __m256i {
    let count = _mm256_set1_epi64x(count.min(LANES) as i64);
    _mm256_cmpgt_epi64(count, _mm256_set_epi64x(3, 2, 1, 0))
}

/// The first bit of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn bits(lanes: __m256i) -> u64 {
    _mm256_movemask_pd(_mm256_castsi256_pd(lanes)) as u64
}

#[inline]
#[target_feature(enable = "avx2")]
fn max(a: __m256i, b: __m256i) -> __m256i {
    _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(b, a))
}

/// Four prices from `at` on by rank, and all ones for those of them that count.
///
/// # Safety
/// `at` is less than the length of `prices`, and of `quantities` if `LIVE`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four<const LOWEST: bool, const LIVE: bool>(
    prices: &[i64],
    quantities: &[u64],
    at: usize,
) -> (__m256i, __m256i) {
    let there = lanes(prices.len() - at);
    // SAFETY: masked lanes are not read, and the others lie within `prices`.
    let ranks = unsafe { _mm256_maskload_epi64(prices.as_ptr().add(at), there) };
    let ranks = if LOWEST { _mm256_xor_si256(ranks, _mm256_set1_epi64x(-1)) } else { ranks };
    if !LIVE {
        return (ranks, there);
    }
    // SAFETY: as above; the lengths are equal.
    let quantities = unsafe { _mm256_maskload_epi64(quantities.as_ptr().add(at).cast(), there) };
    // Lanes not there are 0 and do not count.
    let none = _mm256_cmpeq_epi64(quantities, _mm256_setzero_si256());
    (ranks, _mm256_andnot_si256(none, _mm256_set1_epi64x(-1)))
}

/// See [`Width::best`](super::Width): first the best rank, then where it stands first.
///
/// # Safety
/// If `LIVE`, `quantities` is as long as `prices`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn best<const LOWEST: bool, const LIVE: bool>(
    prices: &[i64],
    quantities: &[u64],
) -> Option<Best> {
    let lowest_rank = _mm256_set1_epi64x(i64::MIN);
    let mut chains = [lowest_rank; CHAINS];
    let mut any = _mm256_setzero_si256();
    let mut at = 0;
    while at + LANES * CHAINS <= prices.len() {
        for (chain, best) in chains.iter_mut().enumerate() {
            // SAFETY: the block lies within the slices.
            let (ranks, counts) =
                unsafe { four::<LOWEST, LIVE>(prices, quantities, at + chain * LANES) };
            *best = max(*best, _mm256_blendv_epi8(lowest_rank, ranks, counts));
            any = _mm256_or_si256(any, counts);
        }
        at += LANES * CHAINS;
    }
    while at < prices.len() {
        // SAFETY: `at` lies within the slices.
        let (ranks, counts) = unsafe { four::<LOWEST, LIVE>(prices, quantities, at) };
        chains[0] = max(chains[0], _mm256_blendv_epi8(lowest_rank, ranks, counts));
        any = _mm256_or_si256(any, counts);
        at += LANES;
    }
    if bits(any) == 0 {
        return None;
    }
    let [a, b, c, d] = chains;
    let best = highest_lane(max(max(a, b), max(c, d)));
    let wanted = _mm256_set1_epi64x(best);
    let mut at = 0;
    loop {
        // SAFETY: the best rank is one of those that count, so the loop ends within the slices.
        let (ranks, counts) = unsafe { four::<LOWEST, LIVE>(prices, quantities, at) };
        let found = bits(_mm256_and_si256(counts, _mm256_cmpeq_epi64(ranks, wanted)));
        if found != 0 {
            let index = at + found.trailing_zeros() as usize;
            return Some(Best { index, price: rank::<LOWEST>(best) });
        }
        at += LANES;
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn highest_lane(four: __m256i) -> i64 {
    let mut lanes = [0; LANES];
    // SAFETY: there is room for four.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), four) };
    lanes[0].max(lanes[1]).max(lanes[2].max(lanes[3]))
}

/// A word of bits for each 64 prices, set for those that pass; `words` has one for each.
#[target_feature(enable = "avx2")]
pub(super) fn masks(prices: &[i64], division: &Division, words: &mut [u64]) {
    let (blocks, rest) = prices.as_chunks::<64>();
    for (block, word) in blocks.iter().zip(&mut *words) {
        let mut mask = 0;
        for (at, four) in block.as_chunks::<LANES>().0.iter().enumerate() {
            // SAFETY: four prices.
            let prices = unsafe { _mm256_loadu_si256(four.as_ptr().cast()) };
            mask |= bits(accepted(prices, division)) << (at * LANES);
        }
        *word = mask;
    }
    if let (false, Some(word)) = (rest.is_empty(), words.last_mut()) {
        let mut mask = 0;
        for (at, four) in rest.chunks(LANES).enumerate() {
            let there = lanes(four.len());
            // SAFETY: masked lanes are not read, and the others are `four`.
            let prices = unsafe { _mm256_maskload_epi64(four.as_ptr(), there) };
            let passed = _mm256_and_si256(accepted(prices, division), there);
            mask |= bits(passed) << (at * LANES);
        }
        *word = mask;
    }
}

/// [`Division::accepts`] for four: all ones in those that pass.
#[inline]
#[target_feature(enable = "avx2")]
fn accepted(prices: __m256i, division: &Division) -> __m256i {
    let offsets = _mm256_sub_epi64(prices, _mm256_set1_epi64x(division.base));
    let products = product(offsets, _mm256_set1_epi64x(division.inverse as i64));
    // A rotation by 0 shifts by 64 to the other side, which gives 0 here.
    let down = _mm256_set1_epi64x(i64::from(division.shift));
    let up = _mm256_set1_epi64x(i64::from(u64::BITS - division.shift));
    let quotients =
        _mm256_or_si256(_mm256_srlv_epi64(products, down), _mm256_sllv_epi64(products, up));
    // There is no comparison of unsigned numbers: both are moved down by half the range.
    let half = _mm256_set1_epi64x(i64::MIN);
    let quotient_max = _mm256_set1_epi64x(division.quotient_max as i64);
    let above =
        _mm256_cmpgt_epi64(_mm256_xor_si256(quotients, half), _mm256_xor_si256(quotient_max, half));
    _mm256_andnot_si256(above, _mm256_set1_epi64x(-1))
}

/// The low 64 bits of the products, from three products of halves.
#[inline]
#[target_feature(enable = "avx2")]
fn product(a: __m256i, b: __m256i) -> __m256i {
    let low = _mm256_mul_epu32(a, b);
    let crossed = _mm256_add_epi64(
        _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), b),
        _mm256_mul_epu32(a, _mm256_srli_epi64::<32>(b)),
    );
    _mm256_add_epi64(low, _mm256_slli_epi64::<32>(crossed))
}
