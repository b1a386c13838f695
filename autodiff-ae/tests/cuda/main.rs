//! The CUDA device against the CPU: on a GPU where there is one, on a CUDA device of fibers on the host everywhere
//! (`tests/host_cuda`), and every kernel through NVRTC where that is installed.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod dense;
mod ensemble;
mod host;
mod problem;
mod regression;

use autodiff_ae::Error;
use autodiff_ae::cuda::dense::{CudaDense, DensePenalty};
use autodiff_ae::cuda::{CudaDevice, compile, kernel_sources, nvrtc_version};
use problem::{Problem, problems};

/// Compute capabilities that every kernel is compiled for, and the shared memory of a block there [bytes].
const TARGETS: [((i32, i32), usize); 4] = [
    ((7, 0), 96 << 10),
    ((8, 0), 163 << 10),
    ((8, 9), 99 << 10),
    ((9, 0), 227 << 10),
];

#[test]
fn every_kernel_compiles_under_nvrtc() {
    let version = match nvrtc_version() {
        Ok(version) => version,
        Err(e) => {
            eprintln!(
                "SKIPPED: no kernel was compiled by NVRTC ({e}); pip's nvidia-cuda-nvrtc-cu12 on LD_LIBRARY_PATH is enough"
            );
            return;
        }
    };
    eprintln!("NVRTC {}.{}", version.0, version.1);
    let mut compiled = 0;
    for (p, problem) in problems().into_iter().enumerate() {
        for (capability, shared) in TARGETS {
            // The first problem in single precision for every target; the others for the last, in alternating precision.
            let last = capability == (9, 0);
            if p > 0 && !last {
                continue;
            }
            let (model, dynamics) = (&problem.model, &problem.dynamics);
            let mut sources = Vec::new();
            if p % 2 == 0 {
                sources.extend(kernel_sources::<f32>(model, dynamics, shared).unwrap());
            }
            if p % 2 == 1 || last {
                sources.extend(kernel_sources::<f64>(model, dynamics, shared).unwrap());
            }
            for (name, source) in &sources {
                let code = compile(name, source, capability, None).unwrap();
                assert!(code.image.len() > 1000 && !code.cached, "{name}");
                compiled += 1;
            }
        }
    }
    // Of the dense networks the widest, with as much in shared memory as fits; for the last target also in double precision, two in one
    // source, and a regression.
    let wide = &dense::networks()[1].1;
    for (capability, shared) in TARGETS {
        let mut sources = vec![("dense_pass", CudaDense::<f32>::source(wide, shared))];
        if capability == (9, 0) {
            sources.push(("dense_pass", CudaDense::<f64>::source(wide, shared)));
            sources.push(("two_in_one", dense::two_in_one::<f32>()));
            let residual = &dense::networks()[0].1;
            let regression = regression::regression::<f32>(residual, DensePenalty::Absolute);
            sources.push(("regression", regression.source(shared)));
        }
        for (name, source) in sources {
            let code = compile(name, &source, capability, None).unwrap();
            assert!(code.image.len() > 1000 && !code.cached, "{name}");
            compiled += 1;
        }
    }
    eprintln!("{compiled} kernels compiled");
}

#[test]
fn what_does_not_compile_is_an_error_with_the_compilers_words() {
    if nvrtc_version().is_err() {
        eprintln!("SKIPPED: NVRTC is not installed");
        return;
    }
    let source = "extern \"C\" __global__ void k() { undeclared = 1; }";
    match compile("broken", source, (8, 0), None) {
        Err(Error::Kernel { log, .. }) => assert!(log.contains("undeclared"), "{log}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_gpu_opening_one_is_a_typed_error() {
    match CudaDevice::open(0) {
        Ok(device) => eprintln!("a GPU is here: {}", device.name()),
        Err(Error::NoCudaDevice { reason }) => assert!(!reason.is_empty()),
        Err(other) => panic!("{other}"),
    }
    assert!(matches!(
        CudaDevice::open(1000),
        Err(Error::NoCudaDevice { .. })
    ));
}

#[test]
fn the_gpu_agrees_with_the_cpu() {
    match CudaDevice::open(0) {
        Ok(device) => {
            eprintln!("on {}", device.name());
            checks::all(&device);
        }
        Err(e) => eprintln!("SKIPPED: nothing was run on a GPU ({e})"),
    }
}

/// The same checks on the host's device, in processes of their own, since libraries are found when a process starts: under
/// three orders of the threads (whose results must be the same bits), and on devices with less shared memory.
#[test]
fn the_device_on_the_host_agrees_with_the_cpu() {
    let Some(libraries) = host::Libraries::build() else {
        eprintln!("SKIPPED: no C++ compiler to build the CUDA device on the host");
        return;
    };
    let full = libraries.run("all", 1, None);
    assert!(full.lines().count() >= 10, "{full}");
    let of = |what: &str| {
        let lines = full.lines().filter(|l| l.starts_with(what));
        lines.fold(String::new(), |all, line| all + line + "\n")
    };
    for seed in [2, 3] {
        assert_eq!(
            libraries.run("training", seed, None),
            of("training"),
            "the result depends on the order of the threads"
        );
    }
    // Dense networks with everything in global memory, and with some of it, under other orders of the threads.
    for (seed, bytes) in [(2, 1 << 10), (3, 30 << 10)] {
        let dense = libraries.run("dense", seed, Some(bytes));
        let expected = of("dense") + &of("regression");
        assert_eq!(dense, expected, "{bytes} bytes of shared memory");
        assert_eq!(dense.lines().count(), 10);
    }
    // So little shared memory that ensembles go the wide way.
    libraries.run("ensemble", 1, Some(1 << 10));
    // Devices with ever less shared memory: first the moments, then the gradient lie in global memory; sixteen samples at a time
    // with everything, without moments, without the gradient; the parameters alone in shared memory.
    for kilobytes in [118, 105, 103, 77, 63, 48] {
        libraries.run("small", 1, Some(kilobytes << 10));
    }
}

/// What the test above starts; alone it does nothing.
#[test]
#[ignore = "started by the_device_on_the_host_agrees_with_the_cpu"]
fn in_a_process_of_its_own() {
    let Ok(which) = std::env::var(host::WHICH) else {
        return;
    };
    let device = CudaDevice::open(0).unwrap();
    assert_eq!(device.name(), "CUDA on the host");
    match which.as_str() {
        "training" => checks::training(&device),
        "ensemble" => ensemble::all(&device),
        "dense" => {
            dense::all(&device);
            regression::all(&device);
        }
        "small" => checks::small(&device),
        _ => checks::all(&device),
    }
}

/// Problems' names are distinct: a report names its problem.
#[test]
fn problems_are_distinct() {
    let names: std::collections::HashSet<_> = problems().iter().map(|p: &Problem| p.name).collect();
    assert_eq!(names.len(), problems().len());
}
