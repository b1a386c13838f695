//! Wide plans beside the plain ones: as the kernel evaluates them, where the machine has AVX-512, and number by number on every machine.

use proptest::prelude::*;

use super::kernel::{Scratch, evaluate};
use super::plan::{Closure, Term, derivatives};
use super::sums::Sums;
use super::wide_jacobian::EXTRAS;
use super::wide_plan::{Line, Picks, TABLE, WIDTH, WidePlan};
use super::*;
use crate::embedded;

/// Terms with the plain plans and the wide one.
struct Case {
    rhs: Sums,
    jacobian: Sums,
    wide: WidePlan,
    k: Vec<f64>,
}

/// Reactants, outputs with their changes.
type Reaction = (Vec<u32>, Vec<(u32, i32)>);

/// Terms as the network's plan makes them: per reactants and output one.
fn terms(reactions: &[Reaction]) -> Vec<Term> {
    let mut seen = Vec::new();
    let mut terms = Vec::new();
    for (j, (reactants, changes)) in reactions.iter().enumerate() {
        let mut factors = reactants.clone();
        factors.sort_unstable();
        for &(output, change) in changes {
            if change == 0 || seen.contains(&(factors.clone(), output)) {
                continue;
            }
            seen.push((factors.clone(), output));
            let times = vec![output; change.unsigned_abs() as usize];
            let (plus, minus) = if change > 0 {
                (times, Vec::new())
            } else {
                (Vec::new(), times)
            };
            terms.push(Term {
                factors: factors.clone(),
                recipe: vec![(j as u32, 1.0), (0, 0.5)],
                plus,
                minus,
            });
        }
    }
    terms
}

impl Case {
    fn new(terms: Vec<Term>, species: usize, closure: Option<Closure>) -> Option<Self> {
        let mut columns: Vec<Vec<usize>> = (0..species).map(|i| vec![i]).collect();
        for term in &terms {
            for &factor in &term.factors {
                let outputs = term.plus.iter().chain(&term.minus);
                columns[factor as usize].extend(outputs.map(|&o| o as usize));
            }
        }
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for mut column in columns {
            column.sort_unstable();
            column.dedup();
            rows.append(&mut column);
            offsets.push(rows.len());
        }
        let wide = WidePlan::build(&terms, species, closure.as_ref(), (&offsets, &rows))?;
        let mut of_jacobian = Vec::new();
        for term in &terms {
            of_jacobian.extend(derivatives(term, &offsets, &rows).map(|(_, term)| term));
        }
        let jacobian = Sums::compile(&of_jacobian, species, rows.len(), 64);
        let reactions = terms.iter().flat_map(|t| &t.recipe).map(|r| r.0).max();
        let mut open = terms;
        for term in &mut open {
            let closed = |o: &u32| closure.as_ref().is_some_and(|c| c.output == *o);
            term.plus.retain(|o| !closed(o));
            term.minus.retain(|o| !closed(o));
        }
        let mut rhs = Sums::compile(&open, species, species, 64);
        rhs.closure = closure;
        let k = (0..=reactions.unwrap_or(0)).map(|j| 0.25 + (f64::from(j) * 0.7).sin().abs());
        Some(Self {
            rhs,
            jacobian,
            wide,
            k: k.collect(),
        })
    }

    fn plain(&self, sums: &Sums, n: &[f64]) -> Vec<f64> {
        let mut coefficients = vec![0.0; sums.recipe_offsets.len() - 1];
        merge(
            &sums.recipe_offsets,
            &sums.recipe,
            &self.k,
            &mut coefficients,
        );
        let mut out = vec![0.0; sums.length];
        let (n, to) = (n.as_chunks().0, out.as_chunks_mut().0);
        evaluate::<[f64; 1], 1, _>(sums, &coefficients, n, to, &mut Scratch::new());
        out
    }

    /// Right-hand sides and Jacobians by the wide plan: number by number, and by the kernel.
    fn wide(&self, n: &[f64]) -> Vec<[Vec<f64>; 2]> {
        let mut wide = Wide::new(&self.wide);
        wide.merge(&self.wide, &self.k);
        let lines = &wide.lines;
        let mut all = vec![[rhs(&self.wide, lines, n), jacobian(&self.wide, lines, n)]];
        #[cfg(target_arch = "x86_64")]
        if Level::detect().is_wide() {
            let mut room = wide::Room::new();
            let mut dndt = vec![f64::NAN; n.len()];
            let mut values = vec![f64::NAN; self.jacobian.length];
            // SAFETY: the machine has AVX-512.
            unsafe {
                wide::rhs(&self.wide, lines, n, &mut dndt, &mut room);
                wide::jacobian(&self.wide, lines, n, &mut values, &mut room);
            }
            all.push([dndt, values]);
        }
        all
    }

    /// That all agree to rounding of the sums of amounts.
    fn check(&self, n: &[f64]) {
        let plain = [self.plain(&self.rhs, n), self.plain(&self.jacobian, n)];
        let largest = |values: &[f64]| values.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        // No cancellation where all that is formed has one sign: the sums of amounts are bounded by the largest coefficient times all products.
        let terms = (self.wide.shares.shares.len() + 1) as f64;
        let n_most = largest(n).max(1.0);
        for of_wide in self.wide(n) {
            for (a, b) in of_wide.iter().zip(&plain) {
                assert_eq!(a.len(), b.len());
                for (a, b) in a.iter().zip(b) {
                    let gross = 4.0 * terms * n_most * n_most;
                    assert!((a - b).abs() <= 4.0 * f64::EPSILON * gross, "{a} {b}");
                }
            }
        }
    }
}

/// Eight numbers out of sixteen.
fn take(table: &[f64], picks: &Picks, shift: usize) -> [f64; WIDTH] {
    picks.0.map(|p| table[(p >> (4 * shift)) as usize % TABLE])
}

/// The state and 1, and M n.
fn state_and_losses(plan: &WidePlan, k: &[Line], n: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut state = n.to_vec();
    state.push(1.0);
    state.resize(2 * TABLE, 0.0);
    let mut lost = vec![0.0; plan.vectors * WIDTH];
    for (column, x) in k.chunks(plan.vectors).zip(&state).take(n.len() + 1) {
        for (lost, k) in lost.iter_mut().zip(column.iter().flat_map(|line| line.0)) {
            *lost += k * x;
        }
    }
    (state, lost)
}

fn rhs(plan: &WidePlan, k: &[Line], n: &[f64]) -> Vec<f64> {
    let (state, lost) = state_and_losses(plan, k, n);
    let (low, high) = state.split_at(TABLE);
    let [a, b, _] = plan.classes;
    let mut products = Vec::new();
    for (g, [first, second]) in plan.factors.iter().enumerate() {
        let (x, y) = match g {
            g if g < a => (low, low),
            g if g < a + b => (low, high),
            _ => (high, high),
        };
        let factors = take(x, first, 0).into_iter().zip(take(y, second, 0));
        products.extend(factors.map(|(x, y)| x * y));
    }
    let mut sums = vec![0.0; plan.vectors * WIDTH];
    let rounds = plan.rounds.iter().zip(products.chunks(TABLE));
    let tables = rounds.flat_map(|(&rounds, table)| vec![table; rounds.into()]);
    let first = (plan.species + 1) * plan.vectors;
    let steps = plan
        .picks
        .chunks(plan.vectors)
        .zip(k[first..].chunks(plan.vectors));
    for (table, (picks, k)) in tables.zip(steps) {
        for (v, (picks, k)) in picks.iter().zip(k).enumerate() {
            for (l, x) in take(table, picks, 0).into_iter().enumerate() {
                sums[v * WIDTH + l] += k.0[l] * x;
            }
        }
    }
    let mut last = sums[(plan.vectors - 1) * WIDTH..].to_vec();
    last.resize(TABLE, 0.0);
    for (i, picks) in plan.folds.iter().enumerate() {
        for (l, x) in take(&last, picks, 0).into_iter().enumerate() {
            sums[i % plan.vectors * WIDTH + l] += x;
        }
    }
    let mut out: Vec<f64> = (0..n.len()).map(|i| sums[i] - n[i] * lost[i]).collect();
    if let Some((output, weights)) = &plan.closure {
        let weights = weights.iter().flat_map(|line| line.0);
        out[*output] = weights.zip(&out).map(|(w, x)| w * x).sum();
    }
    out
}

fn jacobian(plan: &WidePlan, k: &[Line], n: &[f64]) -> Vec<f64> {
    let (state, lost) = state_and_losses(plan, k, n);
    let plan = &plan.jacobian;
    let mut extras = vec![[0.0; WIDTH]; EXTRAS];
    for (extra, lost) in extras.as_flattened_mut().iter_mut().zip(lost) {
        *extra = -lost;
    }
    let mut values = vec![0.0; plan.length];
    let mut k = &k[plan.first_line..];
    let mut vectors = plan.places.iter().zip(&plan.picks);
    let runs = plan.rest_runs.iter().map(|run| (true, run));
    for (rest, run) in runs.chain(plan.runs.iter().map(|run| (false, run))) {
        let [low, high] = run.rounds.map(usize::from);
        for (place, picks) in vectors.by_ref().take(run.vectors.into()) {
            let (these, others) = k.split_at(low + high);
            k = others;
            let mut sums = [0.0; WIDTH];
            for (round, k) in these.iter().enumerate() {
                let half = &state[usize::from(round >= low) * TABLE..];
                for (l, x) in take(half, picks, round).into_iter().enumerate() {
                    sums[l] += k.0[l] * x;
                }
            }
            let vector = usize::from(place.vector);
            if rest {
                extras[vector] = sums;
                continue;
            }
            let table = [place.diagonal, place.rest].map(|p| extras[usize::from(p)]);
            let added = take(table.as_flattened(), picks, low + high);
            for l in 0..WIDTH {
                values[vector * WIDTH + l] = sums[l] + added[l];
            }
        }
    }
    for &[lane, entry] in &plan.adds {
        values[usize::from(entry)] += extras.as_flattened()[usize::from(lane)];
    }
    values
}

fn reaction(species: u32) -> impl Strategy<Value = Reaction> {
    let output = (0..species, -2..=3);
    let outputs = prop::collection::vec(output, 0..6);
    (prop::collection::vec(0..species, 0..=2), outputs)
}

/// Networks of up to 31 species, few and many reactions.
fn network() -> impl Strategy<Value = (usize, Vec<Reaction>, bool)> {
    let species = prop_oneof![Just(1u32), 1..=31u32, Just(16), Just(31)];
    let sizes = prop_oneof![0..8usize, 8..250usize];
    (species, sizes, any::<bool>()).prop_flat_map(|(species, reactions, closed)| {
        let reactions = prop::collection::vec(reaction(species), reactions);
        reactions.prop_map(move |r| (species as usize, r, closed))
    })
}

/// The last species closed by all others.
fn closure(species: usize, closed: bool) -> Option<Closure> {
    (closed && species > 1).then(|| Closure {
        output: species as u32 - 1,
        weights: (0..species as u32 - 1)
            .map(|i| (i, f64::from(i % 3) - 1.0))
            .collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn agrees_with_the_plain_plans((species, reactions, closed) in network(), seed in 0.1..10.0f64) {
        let case = Case::new(terms(&reactions), species, closure(species, closed)).unwrap();
        let n: Vec<f64> = (0..species).map(|i| f64::sin(i as f64 * seed) * 3.0).collect();
        case.check(&n);
    }

    #[test]
    fn what_is_not_finite_is_not_lost(
        (species, reactions, closed) in network(),
        place in any::<prop::sample::Index>(),
        value in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ) {
        let case = Case::new(terms(&reactions), species, closure(species, closed)).unwrap();
        let mut n = vec![1.0; species];
        n[place.index(species)] = value;
        let plain = [case.plain(&case.rhs, &n), case.plain(&case.jacobian, &n)];
        for of_wide in case.wide(&n) {
            for (a, b) in of_wide.iter().zip(&plain) {
                prop_assert!(a.iter().zip(b).all(|(a, b)| b.is_finite() || !a.is_finite()));
            }
        }
    }
}

#[test]
fn networks_that_do_not_fit_take_the_plain_plans() {
    let case = |reactants: Vec<u32>, species| {
        let reactions = [(reactants, vec![(0, -1), (1, 1)])];
        Case::new(terms(&reactions), species, None).is_some()
    };
    assert!(case(vec![0, 1], 31) && case(vec![], 2));
    assert!(!case(vec![0, 1], 32), "too many species");
    assert!(!case(vec![0, 0, 1], 3), "three factors");
    let small = terms(&[(vec![0, 1], vec![(0, -1), (1, 1)])]);
    let (offsets, rows) = (vec![0, 2, 4], vec![0, 1, 0, 1]);
    assert!(
        WidePlan::new(&small, 2, None, (&offsets, &rows)).is_none(),
        "not worth it"
    );
}

#[test]
fn the_224_reaction_network_takes_few_operations() {
    let network = embedded("osu224").unwrap();
    // On every machine, whatever it can use.
    let plan = Plan::new(&network, true);
    let plan = plan.wide.as_ref().unwrap();
    assert_eq!((plan.vectors, plan.factors.len()), (4, 22));
    assert!(plan.picks.len() <= 120, "{}", plan.picks.len());
    let lines = plan.shares.lines - plan.jacobian.first_line;
    assert!(lines <= 300, "{lines} rounds");
    assert!(
        plan.jacobian.adds.len() <= 24,
        "{}",
        plan.jacobian.adds.len()
    );
}

#[test]
fn agrees_on_the_224_reaction_network() {
    let network = embedded("osu224").unwrap();
    let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16)).unwrap();
    let n: Vec<[f64; 1]> = (0..29)
        .map(|i| [(f64::from(i) * 0.7).sin().abs() * 1e3])
        .collect();
    let (mut wide, mut plain) = (vec![0.0; 29], vec![[0.0]; 29]);
    kinetics.rhs(n.as_flattened(), &mut wide);
    kinetics.rhs_lanes(&n, &mut plain);
    let mut rates = vec![0.0; 224];
    kinetics.rates(n.as_flattened(), &mut rates);
    let gross: f64 = rates.iter().sum();
    for (a, b) in wide.iter().zip(plain.as_flattened()) {
        assert!((a - b).abs() <= 1e-15 * gross, "{a} {b}");
    }
    let (mut wide, mut plain) = (vec![0.0; 581], vec![[0.0]; 581]);
    kinetics.jacobian(n.as_flattened(), &mut wide);
    kinetics.jacobian_lanes(&n, &mut plain);
    for (a, b) in wide.iter().zip(plain.as_flattened()) {
        assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} {b}");
    }
    // Charge is conserved to the rounding of net rates.
    let mut dndt = vec![0.0; 29];
    kinetics.rhs(n.as_flattened(), &mut dndt);
    let charges = network.species().iter().map(|s| f64::from(s.charge()));
    let (net, amount) = charges
        .zip(&dndt)
        .fold((0.0, 0.0), |(net, amount), (q, x)| {
            (net + q * x, amount + (q * x).abs())
        });
    assert!(f64::abs(net) <= 1e-14 * amount, "{net} {amount}");
}
