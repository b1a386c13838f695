//! The pass against differences, a solver of its own and itself: gradients, masks, grids, precision.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::config::{DrivenBy, NodeConfig, NodeSolver, SolverMethod};
use super::draw::{Drawer, Plan};
use super::rays::Rays;
use super::shape::NodeShape;
use super::step::{NodePass, StartFrom, Weights};
use crate::Number;
use crate::rays::{Inputs, PointLoss};
use autodiff_ae::{Activation, Mlp};
use stiff_ode_solvers::{Options, System, Tsit5, solve};

pub(super) const SPECIES: usize = 3;

pub(super) fn config(driven_by: DrivenBy, method: SolverMethod, sees: bool) -> NodeConfig {
    NodeConfig {
        latent: 3,
        depth: 2,
        width: 7,
        latent_width: 5,
        residual: true,
        activation: Activation::Softplus,
        latent_activation: Activation::Softplus,
        features: super::config::FeatureSet::Logarithms,
        driven_by,
        decoder_sees_point: sees,
        solver: NodeSolver {
            method,
            rtol: 1e-10,
            atol: 1e-12,
            stops: true,
            max_steps: 100_000,
        },
        ..NodeConfig::default()
    }
}

fn number(i: usize) -> f64 {
    (1.3 + 2.7 * i as f64).sin()
}

/// Rays of the given lengths, on grids of their own.
pub(super) fn rays<T: Number>(lengths: &[usize]) -> Rays<T> {
    let mut all = Rays::new(SPECIES, 6);
    let mut n = 0;
    let of = <T as autodiff_ae::Scalar>::of;
    for (r, &length) in lengths.iter().enumerate() {
        let (mut s, mut x, mut aux) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = number(r);
        for k in 0..length {
            n += 1;
            s.push(of(at));
            at += 0.15 + 0.1 * number(n).abs();
            x.extend((0..SPECIES).map(|j| of((0.4 * k as f64 + j as f64 + number(r)).sin())));
            aux.push(of(at));
            aux.extend((1..6).map(|j| of((0.2 * k as f64 + j as f64).cos() + 0.3 * number(r + j))));
        }
        all.push(&s, &x, &aux);
    }
    all
}

/// Windows and points that differ from ray to ray.
pub(super) fn plan<T: Number>(rays: &Rays<T>) -> Plan {
    let mut plan = Plan::default();
    for ray in 0..rays.len() {
        let lane = plan.push();
        lane.ray = ray;
        lane.first = ray % 3 % rays.points(ray);
        let rest = lane.first..rays.points(ray);
        lane.points
            .extend(rest.filter(|k| (k + ray) % 4 != 1 || *k == 0));
        if lane.points.is_empty() {
            lane.points.push(lane.first);
        }
    }
    plan
}

pub(super) const ALL: Weights = Weights {
    auto: 0.4,
    rollout: 1.0,
    latent: 0.2,
};

pub(super) fn start(inputs: Inputs) -> StartFrom {
    match inputs {
        Inputs::Local => StartFrom::Abundances,
        Inputs::Standalone => StartFrom::Given(1..4),
    }
}

pub(super) struct Case<T: Number> {
    pub shape: NodeShape,
    pub params: Vec<T>,
    pub pass: NodePass<T>,
    pub outputs: Vec<T>,
    pub loss: PointLoss,
}

impl<T: Number> Case<T> {
    pub fn new(config: &NodeConfig, inputs: Inputs) -> Self {
        let shape = NodeShape::new(config, inputs, SPECIES).unwrap();
        // `rays` has six numbers at a point whatever the inputs would ask for.
        let shape = NodeShape {
            aux: 6,
            field: Mlp::from_shape(&{
                let mut s = shape.field.shape();
                s.widths[0] = config.latent + 6;
                s
            })
            .unwrap(),
            decoder: Mlp::from_shape(&{
                let mut s = shape.decoder.shape();
                s.widths[0] = config.latent + if config.decoder_sees_point { 6 } else { 0 };
                *s.widths.last_mut().unwrap() = SPECIES;
                s
            })
            .unwrap(),
            ..shape
        };
        let start = start(inputs);
        Self {
            params: shape.initialise(11).unwrap(),
            pass: NodePass::new(&shape, config, start),
            outputs: vec![<T as autodiff_ae::Scalar>::of(1.0); SPECIES],
            shape,
            loss: PointLoss::Square,
        }
    }

    fn evaluate(&mut self, rays: &Rays<T>, plan: &Plan, params: &[T]) -> (f64, Vec<T>) {
        let mut gradient = vec![T::zero(); self.shape.param_len()];
        let losses = self
            .pass
            .evaluate(
                rays,
                plan,
                params,
                ALL,
                self.loss,
                &self.outputs,
                &mut gradient,
            )
            .unwrap();
        assert_eq!(losses.work.failed, 0);
        (losses.total, gradient)
    }
}

fn gradient_is_right(config: &NodeConfig, inputs: Inputs, loss: PointLoss) {
    let mut case = Case::<f64>::new(config, inputs);
    case.loss = loss;
    // The second group of lanes has shorter rays than the first.
    let lengths: Vec<usize> = (0..35)
        .map(|r| 1 + (r * 5) % if r < 32 { 9 } else { 4 })
        .collect();
    let rays = rays::<f64>(&lengths);
    let plan = plan(&rays);
    let params = case.params.clone();
    let (_, gradient) = case.evaluate(&rays, &plan, &params);
    let size = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let h = 1e-5;
    // Every thirteenth parameter: all tensors of all three networks are met.
    for i in (0..params.len()).step_by(13) {
        let mut shifted = |d: f64| {
            let mut p = params.clone();
            p[i] += d;
            case.evaluate(&rays, &plan, &p).0
        };
        let expected = (8.0 * (shifted(h) - shifted(-h)) - (shifted(2.0 * h) - shifted(-2.0 * h)))
            / (12.0 * h);
        assert!(
            (gradient[i] - expected).abs() < 1e-6 * size.max(1.0),
            "{i}: {} {expected}",
            gradient[i]
        );
    }
}

#[test]
fn gradients_are_differences_driven_linearly() {
    let config = config(DrivenBy::Linear, SolverMethod::Tsit5, true);
    let huber = PointLoss::Huber { delta: 0.5 };
    gradient_is_right(&config, Inputs::Local, huber);
}

#[test]
fn gradients_are_differences_driven_by_constants() {
    let config = config(DrivenBy::Constant, SolverMethod::Tsit5, false);
    gradient_is_right(&config, Inputs::Local, PointLoss::Square);
}

#[test]
fn gradients_are_differences_standalone() {
    let config = config(DrivenBy::Linear, SolverMethod::Tsit5, true);
    gradient_is_right(&config, Inputs::Standalone, PointLoss::Square);
}

#[test]
fn gradients_are_differences_through_the_implicit_method() {
    let mut config = config(DrivenBy::Linear, SolverMethod::Kvaerno5, true);
    (config.solver.rtol, config.solver.atol) = (1e-8, 1e-10);
    gradient_is_right(&config, Inputs::Local, PointLoss::Square);
}

/// A network evaluated one sample at a time with the standard library's functions.
fn plain(mlp: &Mlp, params: &[f64], x: &[f64]) -> Vec<f64> {
    let mut x = x.to_vec();
    for layer in mlp.layers() {
        let (w, b) = (&params[layer.weight_range()], &params[layer.bias_range()]);
        let y = (0..layer.outputs).map(|i| {
            let row = &w[i * layer.inputs..(i + 1) * layer.inputs];
            let u = b[i] + row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
            let skip = if layer.residual { x[i] } else { 0.0 };
            skip + layer.activation.evaluate(u)[0]
        });
        x = y.collect();
    }
    x
}

struct Alone<'a> {
    shape: &'a NodeShape,
    params: &'a [f64],
    s: &'a [f64],
    aux: &'a [f64],
    driven_by: DrivenBy,
}

impl System for Alone<'_> {
    fn dim(&self) -> usize {
        self.shape.latent
    }
    fn rhs(&self, t: f64, y: &[f64], dydt: &mut [f64]) {
        let last = self.s.len() - 1;
        let k = self.s.partition_point(|s| *s <= t).saturating_sub(1);
        let mut x = y.to_vec();
        for j in 0..6 {
            let a = self.aux[k * 6 + j];
            x.push(if self.driven_by == DrivenBy::Linear && k < last {
                let f = (t - self.s[k]) / (self.s[k + 1] - self.s[k]);
                a + f * (self.aux[(k + 1) * 6 + j] - a)
            } else {
                a
            });
        }
        dydt.copy_from_slice(&plain(&self.shape.field, self.params, &x));
    }
}

#[test]
fn predictions_are_those_of_networks_and_solver_one_ray_at_a_time() {
    for driven_by in [DrivenBy::Linear, DrivenBy::Constant] {
        let config = config(driven_by, SolverMethod::Tsit5, true);
        let mut case = Case::<f64>::new(&config, Inputs::Local);
        let rays = rays::<f64>(&[7, 1, 4, 9]);
        let mut plan = Plan::default();
        plan.whole(&rays, 0..4);
        let most = plan.most();
        let decoded = case
            .pass
            .predict(&rays, &plan, &case.params)
            .unwrap()
            .clone();
        let shape = &case.shape;
        for ray in 0..4 {
            let (s, aux, at) = (rays.s_of(ray), rays.aux_of(ray), rays.start(ray));
            let own = &case.params[shape.encoder_range()];
            let z0 = plain(&shape.encoder, own, &rays.x[at * 3..at * 3 + 3]);
            let system = Alone {
                shape,
                params: &case.params[shape.field_range()],
                s,
                aux,
                driven_by,
            };
            // What drives a step must not jump inside it: interval by interval, the right end's value excluded by a hair.
            let mut z = vec![z0];
            for k in 1..s.len() {
                let end = s[k] - 1e-13;
                let options = Options::default()
                    .rtol(1e-11)
                    .atol(1e-13)
                    .outputs(vec![end]);
                let solved = solve(&system, &Tsit5, (s[k - 1], end), &z[k - 1], &options).unwrap();
                z.push(solved.state(0).to_vec());
            }
            for (k, z) in z.iter().enumerate() {
                let mut x = z.clone();
                x.extend(&aux[k * 6..k * 6 + 6]);
                let y = plain(&shape.decoder, &case.params[shape.decoder_range()], &x);
                for j in 0..SPECIES {
                    let found = decoded.block(k)[j][ray];
                    // A step's last stage sees the value behind the jump, so that constant drives are of first order in its length.
                    let tolerance = if driven_by == DrivenBy::Linear {
                        1e-8
                    } else {
                        1e-5
                    };
                    assert!(
                        (found - y[j]).abs() < tolerance,
                        "{driven_by:?} {ray} {k} {j}: {found} {}",
                        y[j]
                    );
                }
            }
        }
        assert_eq!(most, 9);
    }
}

#[test]
fn losses_are_means_over_what_is_there() {
    let config = config(DrivenBy::Linear, SolverMethod::Tsit5, true);
    let mut case = Case::<f64>::new(&config, Inputs::Local);
    let rays = rays::<f64>(&[8, 3, 5, 1, 9]);
    let params = case.params.clone();
    let whole = |which: &[usize]| {
        let mut plan = Plan::default();
        plan.whole(&rays, which.iter().copied());
        plan
    };
    let (all, gradient) = case.evaluate(&rays, &whole(&[0, 1, 2, 3, 4]), &params);
    let (mut sum, mut gradients) = (0.0, vec![0.0; gradient.len()]);
    for ray in 0..5 {
        let share = rays.points(ray) as f64 / 26.0;
        let (one, gradient) = case.evaluate(&rays, &whole(&[ray]), &params);
        sum += share * one;
        gradients
            .iter_mut()
            .zip(gradient)
            .for_each(|(s, g)| *s += share * g);
    }
    assert!((all - sum).abs() < 1e-12);
    for (a, b) in gradient.iter().zip(&gradients) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
}

#[test]
fn single_precision_and_the_implicit_method_agree() {
    let mut values = Vec::new();
    for method in [SolverMethod::Tsit5, SolverMethod::Kvaerno5] {
        let mut config = config(DrivenBy::Linear, method, true);
        (config.solver.rtol, config.solver.atol) = (1e-8, 1e-9);
        let mut case = Case::<f64>::new(&config, Inputs::Local);
        let all = rays::<f64>(&[8, 3, 5]);
        let params = case.params.clone();
        values.push(case.evaluate(&all, &plan(&all), &params).0);
    }
    let mut config = config(DrivenBy::Linear, SolverMethod::Tsit5, true);
    (config.solver.rtol, config.solver.atol) = (1e-4, 1e-5);
    let mut case = Case::<f32>::new(&config, Inputs::Local);
    let all = rays::<f32>(&[8, 3, 5]);
    let params = case.params.clone();
    let single = case.evaluate(&all, &plan(&all), &params).0;
    assert!((values[0] - values[1]).abs() < 1e-6 * values[0]);
    assert!((values[0] - single).abs() < 1e-3 * values[0]);
}

#[test]
fn rays_given_up_count_nothing_and_leave_no_trace() {
    let mut config = config(DrivenBy::Linear, SolverMethod::Tsit5, true);
    config.solver.max_steps = 12;
    (config.solver.rtol, config.solver.atol) = (1e-4, 1e-6);
    let mut case = Case::<f64>::new(&config, Inputs::Local);
    // With a stop at every point a ray of forty cannot be done in twelve steps.
    let rays = rays::<f64>(&[3, 40, 4]);
    let params = case.params.clone();
    let run = |case: &mut Case<f64>, which: &[usize]| {
        let mut plan = Plan::default();
        plan.whole(&rays, which.iter().copied());
        let mut gradient = vec![0.0; params.len()];
        let losses = case
            .pass
            .evaluate(
                &rays,
                &plan,
                &params,
                ALL,
                case.loss,
                &[1.0; 3],
                &mut gradient,
            )
            .unwrap();
        (losses, gradient)
    };
    let (with, gradient) = run(&mut case, &[0, 1, 2]);
    let (without, expected) = run(&mut case, &[0, 2]);
    assert_eq!((with.work.failed, without.work.failed), (1, 0));
    assert!((with.total - without.total).abs() < 1e-12);
    for (a, b) in gradient.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-10, "{a} {b}");
    }
    let (none, _) = run(&mut case, &[1]);
    assert!(none.total.is_nan());
}

#[test]
fn every_ray_is_drawn_once_an_epoch_and_points_rise() {
    let lengths: Vec<usize> = (0..50).map(|r| 1 + (r * 7) % 60).collect();
    let rays = rays::<f32>(&lengths);
    let mut drawer = Drawer::new(3, (16, 0.01), 8, Some(0.5), &rays).unwrap();
    let mut plan = Plan::default();
    for epoch in 0..3 {
        let mut seen = Vec::new();
        for b in 0..drawer.per_epoch() {
            let step = epoch * drawer.per_epoch() + b;
            drawer.draw(step, 20, &rays, &mut plan).unwrap();
            for m in 0..plan.len() {
                let lane = plan.lane(m / 32, m % 32);
                seen.push(lane.ray);
                let length = rays.points(lane.ray).min(20);
                assert_eq!(lane.points.len(), length.min(8));
                assert!(lane.points.windows(2).all(|p| p[0] < p[1]));
                assert!(lane.points[0] >= lane.first);
                assert!(lane.points.last().unwrap() - lane.first < length);
                assert!(lane.first + length <= rays.points(lane.ray));
            }
            // From seed and step alone.
            let mut again = Drawer::new(3, (16, 0.01), 8, Some(0.5), &rays).unwrap();
            let mut other = Plan::default();
            again.draw(step, 20, &rays, &mut other).unwrap();
            assert_eq!(other.len(), plan.len());
            for m in 0..plan.len() {
                assert_eq!(plan.lane(m / 32, m % 32), other.lane(m / 32, m % 32));
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn points_that_do_not_rise_are_left_out_and_stand_for_others() {
    let mut rays = Rays::<f64>::new(1, 1);
    rays.push(
        &[0.0, 0.0, 1.0, 1.0, 2.0],
        &[1.0, 2.0, 3.0, 4.0, 5.0],
        &[0.1, 0.2, 0.3, 0.4, 0.5],
    );
    assert_eq!(rays.s_of(0), [0.0, 1.0, 2.0]);
    assert_eq!(rays.places(0), [0, 0, 1, 1, 2]);
    assert_eq!(
        (&rays.x[..], rays.aux_of(0)),
        (&[1.0, 3.0, 5.0][..], &[0.1, 0.3, 0.5][..])
    );
}

#[test]
fn schedules_of_weights_and_windows_are_read_from_the_configuration() {
    let paper = NodeConfig::paper();
    paper.validate().unwrap();
    let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close(paper.weights(3.0), [1.0, 0.04, 1e-3]));
    assert!(close(paper.weights(22.5), [0.625, 0.52, 1e-3]));
    assert!(close(paper.weights(90.0), [0.25, 1.0, 1e-3]));
    assert_eq!(
        [0, 4, 5, 9, 10, 19, 20, 29, 30, 99, 500].map(|e| paper.window(e)),
        [32, 32, 64, 64, 128, 128, 256, 256, 0, 0, 0]
    );
}
