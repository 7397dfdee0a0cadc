//! The allocator of the process: large tables on huge pages, the rest by the system's allocator or
//! by the one that a cargo feature names.

use tiercel_host::HugePages;

#[cfg(all(feature = "mimalloc", feature = "jemalloc"))]
compile_error!("the features mimalloc and jemalloc exclude each other: there is one allocator");

#[cfg(feature = "mimalloc")]
use mimalloc::MiMalloc as Small;
#[cfg(not(any(feature = "mimalloc", feature = "jemalloc")))]
use std::alloc::System as Small;
#[cfg(all(feature = "jemalloc", not(feature = "mimalloc")))]
use tikv_jemallocator::Jemalloc as Small;

#[global_allocator]
static ALLOCATOR: HugePages<Small> = HugePages(Small);

/// What serves small allocations in this build.
pub(crate) const NAME: &str = if cfg!(feature = "mimalloc") {
    "mimalloc"
} else if cfg!(feature = "jemalloc") {
    "jemalloc"
} else {
    "system"
};
