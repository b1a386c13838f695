//! No allocation after construction: a counting allocator around rate coefficients (KROME's expressions among them), right-hand sides and Jacobians.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::cell::Cell;

use chem_network::{
    Environment, Format, Kinetics, LaneKinetics, Network, RateOptions, Workspace, embedded,
    parse_network_as,
};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting per thread.
struct Counting;
// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { Heap.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { Heap.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { Heap.realloc(pointer, layout, size) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

/// Expressions with variables, shortcuts, functions, powers, comparisons of temperature and three reactants.
const KROME: &str = "\
@common: user_boost
@var: hot = 1d-3*Tgas
@var: soft = exp(-hot)*sqrt(invTe)
@format:idx,R,R,R,P,P,Tmin,Tmax,rate
1,H,E,,H+,E,>10.,<=1d4,1.2d-10*soft*(T32)**(-0.5)*user_boost
2,H+,E,,H,,NONE,NONE,max(2.753d-14*(315614d0*invT)**1.5d0,1d-20)
3,H,H,H,H2,H,NONE,NONE,1.3d-32*Tgas**(-0.38d0)*log10(1d1+hot)
";

/// Allocations of everything that a solver calls, at changing conditions.
fn after_construction(network: &Network, options: RateOptions) -> usize {
    let at = |temperature: f64, field: f64| {
        Environment::new(temperature, 1e-16)
            .with_visual_extinction(1.0)
            .with_radiation_field(field)
            .with_density(1e4)
    };
    let mut kinetics = Kinetics::with_options(network, &at(20.0, 1.0), options).unwrap();
    let mut lanes = LaneKinetics::<4>::new(&kinetics);
    let mut workspace = Workspace::new();
    let (dim, nnz) = (kinetics.dim(), kinetics.sparsity().1.len());
    let n: Vec<f64> = (0..dim).map(|i| 1.0 + i as f64).collect();
    let wide: Vec<[f64; 4]> = n.iter().map(|&x| [x; 4]).collect();
    let (mut f, mut values) = (vec![0.0; dim], vec![0.0; nnz]);
    let (mut wide_f, mut wide_values) = (vec![[0.0; 4]; dim], vec![[0.0; 4]; nnz]);
    let mut sum = 0.0;
    let count = allocations(|| {
        for i in 0..20 {
            let environment = at(20.0 + 30.0 * f64::from(i), 1.0 + f64::from(i % 3));
            kinetics.set_environment(&environment).unwrap();
            lanes.set_lane(i as usize % 4, &kinetics).unwrap();
            kinetics.rhs(&n, &mut f);
            kinetics.jacobian(&n, &mut values);
            kinetics.rhs_lanes_dispatched(&wide, &mut wide_f, &mut workspace);
            kinetics.jacobian_lanes_dispatched(&wide, &mut wide_values, &mut workspace);
            lanes.rhs_dispatched(&wide, &mut wide_f, &mut workspace);
            sum += f[0] + values[0] + wide_f[0][0] + wide_values[0][0];
        }
    });
    assert!(sum.is_finite());
    count
}

#[test]
fn rate_expressions_of_krome_allocate_nothing() {
    let network = parse_network_as(KROME, "network.krome", Format::Krome).unwrap();
    let options = RateOptions::default().with_variable("user_boost", 2.0);
    assert_eq!(after_construction(&network, options), 0);
}

#[test]
fn a_network_of_rate_laws_allocates_nothing() {
    let network = embedded("osu224").unwrap();
    assert_eq!(after_construction(&network, RateOptions::default()), 0);
}

#[test]
fn an_allocation_would_be_counted() {
    assert!(allocations(|| drop(std::hint::black_box(vec![0u8; 8]))) > 0);
}
