//! The device against the CPU: on a GPU where there is one, else on the CUDA device on the host; every kernel through NVRTC where that is installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::super::config::{DrivenBy, NodeConfig, SolverMethod};
use super::super::draw::Plan;
use super::super::rays::Rays;
use super::super::step::{Losses, Weights};
use super::super::tests::{ALL, Case, SPECIES, config, plan, rays, start};
use super::source::{Layout, Model};
use super::{NodeDevice, ROWS};
use crate::rays::{Inputs, PointLoss};
use crate::{Error, Number};
use autodiff_ae::cuda::{CudaDevice, compile, nvrtc_version};
use autodiff_ae::{LANES, Scalar};
use std::process::Command;

#[path = "../../../../../autodiff-ae/tests/cuda/host.rs"]
#[allow(dead_code)]
mod host;

/// A case of the CPU's tests, and the same on a device.
struct Both<T: Number> {
    cpu: Case<T>,
    gpu: NodeDevice<T>,
    rays: Rays<T>,
}

impl<T: Number> Both<T> {
    fn new(device: &CudaDevice, config: &NodeConfig, inputs: Inputs, rays: Rays<T>) -> Self {
        let mut cpu = Case::new(config, inputs);
        cpu.loss = config.loss;
        let of = <T as Scalar>::of;
        cpu.outputs = vec![of(0.5), of(1.5), of(1.0)];
        let gpu = NodeDevice::new(
            device,
            &cpu.shape,
            config,
            &start(inputs),
            &rays,
            &cpu.outputs,
        );
        Self {
            gpu: gpu.unwrap(),
            cpu,
            rays,
        }
    }

    /// Evaluates a plan on both; gradients begin at numbers that must be kept.
    fn evaluate(&mut self, plan: &Plan, weights: Weights) -> [(Losses, Vec<T>); 2] {
        let before: Vec<T> = (0..self.cpu.params.len())
            .map(|i| <T as Scalar>::of((i % 3) as f64 * 0.01))
            .collect();
        let (mut a, mut b) = (before.clone(), before);
        let Self { cpu, gpu, rays } = self;
        let on_cpu = cpu
            .pass
            .evaluate(
                rays,
                plan,
                &cpu.params,
                weights,
                cpu.loss,
                &cpu.outputs,
                &mut a,
            )
            .unwrap();
        let on_gpu = gpu
            .evaluate(rays, plan, &cpu.params, weights, &mut b)
            .unwrap();
        [(on_cpu, a), (on_gpu, b)]
    }

    /// Equal work, latent states to `states`, losses and gradients to `tolerance` of their size.
    fn agree(&mut self, name: &str, plan: &Plan, weights: Weights, states: f64, tolerance: f64) {
        let [(a, cpu), (b, gpu)] = self.evaluate(plan, weights);
        assert_eq!(a.work, b.work, "{name}");
        let solved = self.gpu.solved(plan).unwrap();
        let (dim, most) = (self.cpu.shape.latent, plan.most());
        for g in 0..plan.groups() {
            let expected = self.cpu.pass.solve.outputs(g).as_flattened();
            let found = &solved[g * most * dim * LANES..][..expected.len()];
            for (i, (e, f)) in expected.iter().zip(found).enumerate() {
                let (l, k) = (i % LANES, i / LANES / dim);
                if plan.has(g, l, k) {
                    let d = Scalar::f64(*e - *f).abs();
                    assert!(d < states, "{name}: output {k} of lane {l}: {e} {f}");
                }
            }
        }
        for (e, f) in [
            (a.total, b.total),
            (a.rollout, b.rollout),
            (a.auto, b.auto),
            (a.latent, b.latent),
        ] {
            assert!(
                (e - f).abs() <= tolerance * (1.0 + e.abs()),
                "{name}: {e} {f}"
            );
        }
        let size = cpu.iter().map(|g| Scalar::f64(*g).powi(2)).sum::<f64>();
        let off = cpu.iter().zip(&gpu);
        let off = off.map(|(e, f)| Scalar::f64(*e - *f).powi(2)).sum::<f64>();
        let off = (off / size).sqrt();
        assert!(off < tolerance, "{name}: gradients differ by {off:e}");
        println!(
            "RESULT {name}: {} steps, {} rejected, total {:e}, gradients to {off:.0e}",
            b.work.steps, b.work.rejected, b.total
        );
    }
}

/// Unequal rays and windows in two groups, of which the second has shorter ones.
fn lengths() -> Vec<usize> {
    (0..35)
        .map(|r| 1 + (r * 5) % if r < 32 { 9 } else { 4 })
        .collect()
}

fn settings(driven_by: DrivenBy, stops: bool, sees: bool, loss: PointLoss) -> NodeConfig {
    let mut config = config(driven_by, SolverMethod::Tsit5, sees);
    config.loss = loss;
    (config.solver.rtol, config.solver.atol) = (1e-6, 1e-8);
    if driven_by == DrivenBy::Constant {
        // Steps that close in on a jump multiply what rounding leaves of their place: none may be rejected.
        (config.solver.rtol, config.solver.atol) = (1e-2, 1e-2);
    }
    (config.solver.stops, config.solver.max_steps) = (stops, 2000);
    config
}

/// No jump at the ends of the rays: on which side of it the last stages fall, where a step does not end there exactly, rounding decides.
fn flat_ends(rays: &mut Rays<f64>) {
    for ray in 0..rays.len() {
        let (start, points, width) = (rays.start(ray), rays.points(ray), rays.width);
        if points > 1 {
            let last = (start + points - 1) * width;
            rays.aux.copy_within(last - width..last, last);
        }
    }
}

const ROLLOUT: Weights = Weights {
    auto: 0.0,
    rollout: 1.0,
    latent: 0.0,
};

fn checks(device: &CudaDevice) {
    use DrivenBy::{Constant, Linear};
    use Inputs::{Local, Standalone};
    let huber = PointLoss::Huber { delta: 0.5 };
    for (name, driven_by, stops, sees, loss, inputs, weights) in [
        ("linear, local", Linear, false, true, huber, Local, ALL),
        (
            "linear with stops, standalone",
            Linear,
            true,
            true,
            PointLoss::Square,
            Standalone,
            ROLLOUT,
        ),
        (
            "constant, local, rollout alone",
            Constant,
            false,
            false,
            PointLoss::Absolute,
            Local,
            ROLLOUT,
        ),
        (
            "constant with stops, local",
            Constant,
            true,
            false,
            PointLoss::Square,
            Local,
            ALL,
        ),
    ] {
        let config = settings(driven_by, stops, sees, loss);
        let mut all = rays(&lengths());
        let jumps = driven_by == Constant && !stops;
        if jumps {
            flat_ends(&mut all);
        }
        let mut double = Both::<f64>::new(device, &config, inputs, all);
        let mut plan = plan(&double.rays);
        if jumps {
            plan.whole(&double.rays, 0..35);
        }
        double.agree(name, &plan, weights, 1e-10, 1e-9);
        // A shorter plan after a longer one, whose arrays it uses.
        plan.whole(&double.rays, 20..35);
        double.agree(&format!("{name}, whole rays"), &plan, weights, 1e-10, 1e-9);
    }
    // What drives the field changes so fast that the first step follows from how its slope bends; stops, since rounding grows at the kinks.
    let config = settings(Linear, true, true, huber);
    let mut fast = rays(&lengths());
    fast.aux.iter_mut().for_each(|a| *a *= 8.0);
    let mut steep = Both::<f64>::new(device, &config, Local, fast);
    let windows = plan(&steep.rays);
    steep.agree("driven fast", &windows, ALL, 1e-10, 1e-9);
    let mut config = settings(Linear, true, true, huber);
    (config.solver.rtol, config.solver.atol) = (1e-3, 1e-4);
    let mut single = Both::<f32>::new(device, &config, Local, rays(&lengths()));
    let windows = plan(&single.rays);
    single.agree("single precision", &windows, ALL, 1e-4, 1e-3);
    failures(device);
    long_rays(device);
    let mut implicit = config;
    implicit.solver.method = SolverMethod::Kvaerno5;
    let case = Case::<f32>::new(&implicit, Local);
    let from = start(Local);
    let refused = NodeDevice::new(device, &case.shape, &implicit, &from, &single.rays, &[]);
    match refused {
        Err(Error::Option { name, value, .. }) => {
            assert_eq!((name, &value[..]), ("node.solver.method", "kvaerno5"));
        }
        other => panic!("{other:?}"),
    }
}

/// Rays given up count nothing and leave no trace, on the device as on the CPU; where none is left, there is no loss.
fn failures(device: &CudaDevice) {
    let mut config = settings(DrivenBy::Linear, true, true, PointLoss::Square);
    config.solver.max_steps = 12;
    let mut both = Both::<f64>::new(device, &config, Inputs::Local, rays(&[3, 40, 4]));
    let mut plan = Plan::default();
    plan.whole(&both.rays, 0..3);
    both.agree("a ray given up", &plan, ALL, 1e-10, 1e-9);
    let [(with, _), (on_device, gradient)] = both.evaluate(&plan, ALL);
    assert_eq!((with.work.failed, on_device.work.failed), (1, 1));
    plan.whole(&both.rays, [0, 2].into_iter());
    let [_, (without, expected)] = both.evaluate(&plan, ALL);
    assert!((on_device.total - without.total).abs() < 1e-12);
    for (a, b) in gradient.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-10, "{a} {b}");
    }
    plan.whole(&both.rays, 1..2);
    assert!(both.evaluate(&plan, ALL).iter().all(|r| r.0.total.is_nan()));
    // Parameters that overflow: no lane can start.
    both.cpu
        .params
        .iter_mut()
        .for_each(|p| *p = 1e200 * (1.0 + *p));
    plan.whole(&both.rays, 0..3);
    let [(a, _), (b, _)] = both.evaluate(&plan, ALL);
    assert!(a.total.is_nan() && b.total.is_nan());
    assert_eq!((a.work, b.work.failed), (b.work, 3));
}

/// More steps than the tape begins with.
fn long_rays(device: &CudaDevice) {
    let config = settings(DrivenBy::Linear, true, false, PointLoss::Square);
    let mut both = Both::<f64>::new(device, &config, Inputs::Local, rays(&[2 * ROWS + 9, 5]));
    let mut plan = Plan::default();
    plan.whole(&both.rays, 0..2);
    both.agree("a longer tape", &plan, ROLLOUT, 1e-10, 1e-9);
}

#[test]
fn the_device_agrees_with_the_cpu() {
    match CudaDevice::open(0) {
        Ok(device) => return checks(&device),
        Err(e) => eprintln!("no GPU ({e}): on the CUDA device on the host"),
    }
    let Some(libraries) = host::Libraries::build() else {
        eprintln!("SKIPPED: no C++ compiler to build the CUDA device on the host");
        return;
    };
    let run = |seed: u64, shared: Option<usize>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "rays::node::cuda::tests::in_a_process_of_its_own",
                "--exact",
            ])
            .args(["--ignored", "--nocapture"])
            .envs(libraries.environment(seed))
            .env(host::WHICH, "node");
        if let Some(bytes) = shared {
            command.env("HOST_CUDA_SHARED", bytes.to_string());
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "seed {seed}, shared {shared:?}: {}\n{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        let lines = text(&output.stdout);
        let lines = lines.lines().filter(|l| l.starts_with("RESULT "));
        lines.map(String::from).collect::<Vec<_>>()
    };
    let found = run(1, None);
    found.iter().for_each(|line| println!("{line}"));
    assert!(found.len() >= 12, "{found:?}");
    // Another order of the threads, and workspaces in global memory.
    assert_eq!(run(2, Some(8 << 10)), found);
}

/// What the test above starts; alone it does nothing.
#[test]
#[ignore = "started by the_device_agrees_with_the_cpu"]
fn in_a_process_of_its_own() {
    if std::env::var(host::WHICH).is_ok() {
        checks(&CudaDevice::open(0).unwrap());
    }
}

#[test]
fn every_kernel_compiles_under_nvrtc() {
    if let Err(e) = nvrtc_version() {
        eprintln!("SKIPPED: no kernel was compiled by NVRTC ({e})");
        return;
    }
    let targets = [
        ((7, 0), 96 << 10),
        ((8, 0), 163 << 10),
        ((8, 9), 99 << 10),
        ((9, 0), 227 << 10),
    ];
    for (i, (capability, shared)) in targets.into_iter().enumerate() {
        let inputs = [Inputs::Local, Inputs::Standalone][i % 2];
        let mut config = match i {
            0 | 3 => NodeConfig::default(),
            _ => NodeConfig::paper(),
        };
        if capability != (9, 0) {
            // A layer is compiled like the next.
            config.depth = 1;
        }
        let shape = super::NodeShape::new(&config, inputs, SPECIES).unwrap();
        let model = Model {
            shape: &shape,
            config: &config,
            start_from: &super::super::net::start_from(inputs, config.features),
        };
        let mut sources = vec![model.source::<f32>(&Layout::new(&shape, 4, shared))];
        if i == 0 {
            sources.push(model.source::<f64>(&Layout::new(&shape, 8, shared)));
        }
        for source in sources {
            let code = compile("node", &source, capability, None).unwrap();
            assert!(code.image.len() > 1000 && !code.cached);
        }
    }
}
