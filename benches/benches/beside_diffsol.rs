//! Beside diffsol's BDF with faer's sparse LU: time of a solve at equal measured error, on Robertson's problem, the 224-reaction network and the
//! complete OSU network (where the shared test data are). Both get the same right-hand side, analytic Jacobian, sparsity and output times.
//! `cargo bench -p benches --features peers --bench beside_diffsol`
#![allow(missing_docs, clippy::unwrap_used)]

use benches::{complete_osu, conditions, initial_states, osu224};
use chem_network::{KineticsBatch, YEAR};
use diffsol::matrix::sparsity::MatrixSparsity;
use diffsol::{
    ConstantOp, FaerContext, FaerSparseLU, FaerSparseMat, FaerVec, FaerVecIndex, Matrix,
    NonLinearOp, NonLinearOpJacobian, OdeBuilder, OdeEquations, OdeEquationsRef, OdeSolverMethod,
    Op, ParameterisedOp, UnitCallable, Vector, VectorIndex,
};
use std::cell::RefCell;
use std::time::Instant;
use stiff_ode_solvers::{Bdf, Jacobian, Options, RadauIia5, Rodas5p, Watch, solve, solve_lanes};

type M = FaerSparseMat<f64>;
type V = FaerVec<f64>;

/// One of our systems as diffsol's equations.
struct Equations<'s, S> {
    system: &'s S,
    start: Vec<f64>,
    context: FaerContext,
    sparsity: <M as Matrix>::Sparsity,
    entries: FaerVecIndex,
    values: RefCell<(Vec<f64>, V)>,
}

impl<'s, S: Jacobian> Equations<'s, S> {
    fn new(system: &'s S, start: &[f64]) -> Self {
        let (n, pattern) = (system.dim(), system.sparsity());
        let context = FaerContext::default();
        let column = |j: usize| pattern.column(j).iter().map(move |&i| (i, j));
        let indices = (0..n).flat_map(column).collect();
        let nnz = pattern.nnz();
        Self {
            system,
            start: start.to_vec(),
            sparsity: MatrixSparsity::<M>::try_from_indices(n, n, indices).unwrap(),
            entries: FaerVecIndex::from_vec((0..nnz).collect(), context),
            values: RefCell::new((vec![0.0; nnz], V::zeros(nnz, context))),
            context,
        }
    }
}

struct Rhs<'a, 's, S>(&'a Equations<'s, S>);
struct Init<'a, 's, S>(&'a Equations<'s, S>);

macro_rules! op {
    ($name:ty) => {
        impl<S: Jacobian> Op for $name {
            type T = f64;
            type V = V;
            type M = M;
            type C = FaerContext;
            fn context(&self) -> &FaerContext {
                &self.equations().context
            }
            fn nstates(&self) -> usize {
                self.equations().start.len()
            }
            fn nout(&self) -> usize {
                self.equations().start.len()
            }
            fn nparams(&self) -> usize {
                0
            }
        }
    };
}
impl<'s, S> Equations<'s, S> {
    fn equations(&self) -> &Self {
        self
    }
}
impl<'s, S> Rhs<'_, 's, S> {
    fn equations(&self) -> &Equations<'s, S> {
        self.0
    }
}
impl<'s, S> Init<'_, 's, S> {
    fn equations(&self) -> &Equations<'s, S> {
        self.0
    }
}
op!(Equations<'_, S>);
op!(Rhs<'_, '_, S>);
op!(Init<'_, '_, S>);

impl<S: Jacobian> NonLinearOp for Rhs<'_, '_, S> {
    fn call_inplace(&self, x: &V, t: f64, y: &mut V) {
        y.for_each_batch_host([x], |y, [x], _| self.0.system.rhs(t, x, y));
    }
}

impl<S: Jacobian> NonLinearOpJacobian for Rhs<'_, '_, S> {
    fn jac_mul_inplace(&self, x: &V, t: f64, v: &V, y: &mut V) {
        let pattern = self.0.system.sparsity();
        let mut shared = self.0.values.borrow_mut();
        y.for_each_batch_host([x, v], |y, [x, v], _| {
            self.0.system.jacobian(t, x, &mut shared.0);
            y.fill(0.0);
            for j in 0..v.len() {
                for (k, &i) in pattern.column(j).iter().enumerate() {
                    y[i] += shared.0[pattern.col_offsets()[j] + k] * v[j];
                }
            }
        });
    }

    fn jacobian_inplace(&self, x: &V, t: f64, y: &mut M) {
        let mut values = self.0.values.borrow_mut();
        let values = &mut values.1;
        values.for_each_batch_host([x], |values, [x], _| {
            self.0.system.jacobian(t, x, values);
        });
        y.set_data_with_indices(&self.0.entries, &self.0.entries, values);
    }

    fn jacobian_sparsity(&self) -> Option<<M as Matrix>::Sparsity> {
        Some(self.0.sparsity.clone())
    }
}

impl<S: Jacobian> ConstantOp for Init<'_, '_, S> {
    fn call_inplace(&self, _t: f64, y: &mut V) {
        y.copy_from(&V::from_vec(self.0.start.clone(), self.0.context));
    }
}

impl<'a, 's, S: Jacobian> OdeEquationsRef<'a> for Equations<'s, S> {
    type Rhs = Rhs<'a, 's, S>;
    type Init = Init<'a, 's, S>;
    type Mass = ParameterisedOp<'a, UnitCallable<M>>;
    type Root = ParameterisedOp<'a, UnitCallable<M>>;
    type Out = ParameterisedOp<'a, UnitCallable<M>>;
    type Reset = ParameterisedOp<'a, UnitCallable<M>>;
}

impl<S: Jacobian> OdeEquations for Equations<'_, S> {
    fn rhs(&self) -> <Self as OdeEquationsRef<'_>>::Rhs {
        Rhs(self)
    }
    fn init(&self) -> <Self as OdeEquationsRef<'_>>::Init {
        Init(self)
    }
    fn mass(&self) -> Option<<Self as OdeEquationsRef<'_>>::Mass> {
        None
    }
    fn root(&self) -> Option<<Self as OdeEquationsRef<'_>>::Root> {
        None
    }
    fn out(&self) -> Option<<Self as OdeEquationsRef<'_>>::Out> {
        None
    }
    fn set_params(&mut self, _p: &V) {}
    fn get_params(&self, _p: &mut V) {}
}

/// A problem: states at `times` (the first is the start) are compared in the components above `floor`.
struct Problem<'p, S> {
    name: &'p str,
    system: &'p S,
    models: Vec<Vec<f64>>,
    times: Vec<f64>,
    floor: f64,
    atol: fn(f64) -> f64,
    rtols: &'p [f64],
}

impl<S: Jacobian> Problem<'_, S> {
    fn span(&self) -> (f64, f64) {
        (self.times[0], self.times[self.times.len() - 1])
    }

    /// States at all times but the first, of one model.
    fn rodas5p(&self, model: &[f64], rtol: f64) -> Option<Vec<f64>> {
        let options = self.options(rtol);
        let found = solve(self.system, &Rodas5p, self.span(), model, &options);
        found.ok().map(|found| found.y)
    }

    fn bdf(&self, model: &[f64], rtol: f64) -> Option<Vec<f64>> {
        let options = self.options(rtol);
        let found = solve(self.system, &Bdf::default(), self.span(), model, &options);
        found.ok().map(|found| found.y)
    }

    fn options(&self, rtol: f64) -> Options {
        Options::default()
            .rtol(rtol)
            .atol((self.atol)(rtol))
            .outputs(self.times[1..].to_vec())
    }

    /// The same of all models at once, eight side by side, in one thread.
    fn in_lanes(&self, batch: &KineticsBatch<'_>, rtol: f64) -> Vec<Option<Vec<f64>>> {
        let options = self.options(rtol);
        let found = solve_lanes::<f64, _, _, 8>(
            || batch.lanes(),
            &Rodas5p,
            self.span(),
            &self.models.concat(),
            &options,
            &Watch::default(),
        );
        let states = found.unwrap().into_iter();
        states.map(|one| one.ok().map(|one| one.y)).collect()
    }

    fn reference(&self, model: &[f64]) -> Vec<f64> {
        let options = Options::default()
            .rtol(1e-10)
            .atol((self.atol)(1e-10).min(1e-20))
            .outputs(self.times[1..].to_vec());
        let found = solve(self.system, &RadauIia5, self.span(), model, &options);
        found.unwrap().y
    }

    /// `None` where diffsol gives up.
    fn diffsol(&self, model: &[f64], rtol: f64) -> Option<Vec<f64>> {
        let problem = OdeBuilder::<M>::new()
            .t0(self.span().0)
            .h0((self.span().1 - self.span().0) * 1e-16)
            .rtol(rtol)
            .atol([(self.atol)(rtol)])
            .build_from_eqn(Equations::new(self.system, model))
            .ok()?;
        let mut solver = problem.bdf::<FaerSparseLU<f64>>().ok()?;
        let (states, _) = solver.solve_dense(&self.times[1..]).ok()?;
        let n = model.len();
        let value = |k: usize, i: usize| states[(i, k)];
        Some(
            (0..self.times.len() - 1)
                .flat_map(|k| (0..n).map(move |i| value(k, i)))
                .collect(),
        )
    }

    fn error(&self, found: &[f64], truth: &[f64]) -> f64 {
        let pairs = found
            .iter()
            .zip(truth)
            .filter(|(_, t)| t.abs() > self.floor);
        pairs.fold(0.0, |worst, (f, t)| (f / t - 1.0).abs().max(worst))
    }

    /// Error and time [ms a model] at every tolerance; the best of several runs.
    fn curve(
        &self,
        name: &str,
        truth: &[Vec<f64>],
        rtols: &[f64],
        solve_all: impl Fn(f64) -> Vec<Option<Vec<f64>>>,
    ) -> Vec<(f64, f64)> {
        let mut curve = Vec::new();
        for &rtol in rtols {
            let (mut error, mut best) = (0f64, f64::INFINITY);
            for _ in 0..3 {
                let clock = Instant::now();
                let found = solve_all(rtol);
                best = best.min(clock.elapsed().as_secs_f64() * 1e3 / self.models.len() as f64);
                for (found, truth) in found.iter().zip(truth) {
                    let one = found.as_ref().map_or(f64::NAN, |f| self.error(f, truth));
                    error = if one.is_nan() {
                        f64::NAN
                    } else {
                        error.max(one)
                    };
                }
            }
            println!("  {name:10} rtol {rtol:7.0e}: error {error:.1e}, {best:9.3} ms a model");
            if error.is_finite() && error > 0.0 {
                curve.push((error, best));
            }
        }
        curve
    }

    fn compare(&self) {
        println!("{}", self.name);
        let truth = self.truth();
        let all = |solve: fn(&Self, &[f64], f64) -> Option<Vec<f64>>, rtol| {
            let models = self.models.iter();
            models.map(|m| solve(self, m, rtol)).collect()
        };
        let rtols = self.own_rtols();
        let ours = [
            (
                "Rodas5p",
                self.curve("Rodas5p", &truth, &rtols, |rtol| all(Self::rodas5p, rtol)),
            ),
            (
                "Bdf",
                self.curve("Bdf", &truth, &rtols, |rtol| all(Self::bdf, rtol)),
            ),
        ];
        self.beside_diffsol(&truth, &ours);
    }

    /// As [`Self::compare`], with the models solved together.
    fn compare_with(&self, name: &str, ours: impl Fn(f64) -> Vec<Option<Vec<f64>>>) {
        println!("{}", self.name);
        let truth = self.truth();
        let ours = [(name, self.curve(name, &truth, &self.own_rtols(), ours))];
        self.beside_diffsol(&truth, &ours);
    }

    /// Ours are solved at a tenth of the smallest tolerance too, so that they reach diffsol's smallest error.
    fn own_rtols(&self) -> Vec<f64> {
        let finer = self.rtols.last().map(|rtol| rtol / 10.0);
        self.rtols.iter().copied().chain(finer).collect()
    }

    fn truth(&self) -> Vec<Vec<f64>> {
        self.models.iter().map(|m| self.reference(m)).collect()
    }

    /// How much faster each of ours is at the errors that diffsol reaches.
    fn beside_diffsol(&self, truth: &[Vec<f64>], ours: &[(&str, Vec<(f64, f64)>)]) {
        let one = |rtol| self.models.iter().map(move |m| self.diffsol(m, rtol));
        for (error, time) in self.curve("diffsol", truth, self.rtols, |rtol| one(rtol).collect()) {
            let ratio = |(name, curve): &(&str, Vec<(f64, f64)>)| {
                let own = time_at(curve, error)?;
                Some(format!("{name} {:.1}", time / own))
            };
            let ratios: Vec<String> = ours.iter().filter_map(ratio).collect();
            println!(
                "  at an error of {error:.1e}, times as fast: {}",
                ratios.join(", ")
            );
        }
    }
}

/// Time at an error, between the points of a curve (linear in the logarithms); at an error above all of the curve's the fastest.
fn time_at(curve: &[(f64, f64)], error: f64) -> Option<f64> {
    let mut points = curve.to_vec();
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    if points.first().is_some_and(|p| error >= p.0) {
        return points.first().map(|p| p.1);
    }
    let pair = points
        .windows(2)
        .find(|w| w[0].0 >= error && error >= w[1].0)?;
    let part = (error / pair[0].0).ln() / (pair[1].0 / pair[0].0).ln();
    Some((pair[0].1.ln() + part * (pair[1].1 / pair[0].1).ln()).exp())
}

fn decades(from: f64, to: f64, points: usize) -> Vec<f64> {
    let step = (to / from).ln() / (points - 1) as f64;
    let mut times: Vec<f64> = (0..points)
        .map(|i| from * (step * i as f64).exp())
        .collect();
    times[points - 1] = to;
    times
}

fn main() {
    let robertson = stiff_ode_solvers::problems::Robertson;
    let mut times = decades(1e-2, 1e11, 14);
    times.insert(0, 0.0);
    Problem {
        name: "Robertson, to 1e11",
        system: &robertson,
        models: vec![vec![1.0, 0.0, 0.0]],
        times,
        floor: 0.0,
        atol: |rtol| 1e-6 * rtol,
        rtols: &[1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8],
    }
    .compare();
    let (network, kinetics) = osu224().unwrap();
    let states = initial_states(&network, 8);
    let species = network.species().len();
    Problem {
        name: "224 reactions, 100 outputs to 1e8 yr, one model at a time",
        system: &kinetics,
        models: states.chunks(species).map(<[f64]>::to_vec).collect(),
        times: decades(1e-6 * YEAR, 1e8 * YEAR, 100),
        floor: 1e-10,
        atol: |rtol| 1e-11 * rtol,
        rtols: &[1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8],
    }
    .compare();
    many_models();
    let complete = complete_osu().and_then(|(n, k)| Some((benches::dark_cloud(&n)?, k)));
    match complete {
        Some((start, kinetics)) => Problem {
            name: "complete OSU network, 60 outputs to 1e7 yr",
            system: &kinetics,
            models: vec![start],
            times: decades(1e-6 * YEAR, 1e7 * YEAR, 60),
            floor: 1e-10,
            atol: |rtol| 1e-11 * rtol,
            rtols: &[1e-2, 1e-3, 1e-4, 1e-5],
        }
        .compare(),
        None => eprintln!("the complete network is left out: no ../shared"),
    }
}

/// Many models of the 224-reaction network: ours in eight lanes, diffsol's one after the other, for it has no batches; one thread.
fn many_models() {
    let (network, kinetics) = osu224().unwrap();
    let times = decades(1e-6 * YEAR, 1e8 * YEAR, 100);
    let states = initial_states(&network, 50);
    // Models that oscillate take tens of thousands of steps at tight tolerances and are nobody's at loose ones.
    let quiet = |model: &&[f64]| {
        let options = Options::default().rtol(1e-9).atol(1e-20).max_steps(8000);
        solve(&kinetics, &Rodas5p, (times[0], times[99]), model, &options).is_ok()
    };
    let models = states.chunks(network.species().len()).filter(quiet);
    let problem = Problem {
        name: "224 reactions, many models: Rodas5p in eight lanes, diffsol one after the other",
        system: &kinetics,
        models: models.map(<[f64]>::to_vec).collect(),
        times: times.clone(),
        floor: 1e-10,
        atol: |rtol| 1e-11 * rtol,
        rtols: &[1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7],
    };
    println!("{} models", problem.models.len());
    let batch = KineticsBatch::new(&network, vec![conditions()]).unwrap();
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one_thread = one_thread.unwrap();
    problem.compare_with("in lanes", |rtol| {
        one_thread.install(|| problem.in_lanes(&batch, rtol))
    });
}
