//! The recording path allocates nothing.

use tiercel_host::Clock;
use tiercel_telemetry::{Registry, Stage};
use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn counting_recording_and_measuring_allocate_nothing() {
    alone("it::allocation::counting_recording_and_measuring_allocate_nothing", || {
        assert_counts_every_thread();
        let registry = Registry::new();
        let counter = registry.counter("c_total", "", &[]).unwrap();
        let gauge = registry.gauge("g", "", &[]).unwrap();
        let recorder = registry.histogram("r_seconds", "", &[]).unwrap();
        let stage = registry.histogram("s_seconds", "", &[]).unwrap();
        let stage = Stage::new(stage, Clock::new());
        let counted = allocations(|| {
            for latency_ns in (0..200_000_000_000).step_by(20_000_003) {
                counter.increment();
                gauge.set(latency_ns as f64);
                recorder.record(latency_ns);
                let _scope = stage.measure();
            }
        });
        assert_eq!(counted, 0);
        assert_eq!(counter.value(), recorder.histogram().count());
        assert_eq!(stage.recorder().histogram().count(), counter.value());
    });
}
