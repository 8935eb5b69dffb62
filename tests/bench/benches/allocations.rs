//! Allocations of one decision, counted: `cargo bench -p tidegate-bench --bench allocations`.

#[path = "../src/decision.rs"]
mod decision;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

struct CountingAllocator;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; this one only counts")]
// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

fn main() -> anyhow::Result<()> {
    for (name, case) in [
        ("simple", decision::simple()),
        ("three rollouts", decision::three_rollouts()),
        ("five predicates", decision::five_predicates()),
        ("a ladder of five rules", decision::five_rules()),
    ] {
        let case = case?;
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        black_box(black_box(&case).decide().reason);
        println!("{name}: {} allocations a decision", ALLOCATIONS.load(Ordering::Relaxed) - before);
    }
    Ok(())
}
