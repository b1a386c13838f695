//! The fixed structure of a network's right-hand side and Jacobian: which products of number
//! densities are formed and which entries they are added to. Built once, shared by all conditions.
//!
//! Reactions with the same reactants share one product of number densities; what they do to a
//! species is one coefficient times that product. So both the right-hand side and the Jacobian are
//! sums of terms with sign ±1, and a term is a coefficient, linear in the rate coefficients, times
//! up to two (rarely more) number densities. How they are evaluated over lanes is arranged by
//! [`sums`](super::sums), for one state by [`single_plan`](super::single_plan) and, where
//! the machine has AVX-512, [`wide_plan`](super::wide_plan).

use std::collections::BTreeMap;

use super::single_plan::SinglePlan;
use super::sums::{BLOCK, Sums};
use super::wide_plan::WidePlan;
use crate::network::Network;

/// An output as the weighted sum of other outputs.
#[derive(Debug, Clone)]
pub(crate) struct Closure {
    pub output: u32,
    pub weights: Vec<(u32, f64)>,
}

/// A term to be placed: its factors, its coefficient as (reaction, weight), its signed outputs.
pub(crate) struct Term {
    pub factors: Vec<u32>,
    pub recipe: Vec<(u32, f64)>,
    pub plus: Vec<u32>,
    pub minus: Vec<u32>,
}

/// The two compiled sums and the structure of the Jacobian.
#[derive(Debug)]
pub(crate) struct Plan {
    pub species: usize,
    pub rhs: Sums,
    /// The right-hand side of one state alone.
    pub single: Option<SinglePlan>,
    /// Right-hand side and Jacobian of one state alone, for machines with AVX-512.
    pub wide: Option<WidePlan>,
    pub jacobian: Sums,
    pub column_offsets: Vec<usize>,
    pub row_indices: Vec<usize>,
}

impl Plan {
    /// `for_wide`: whether the machine can use a plan for AVX-512.
    pub fn new(network: &Network, for_wide: bool) -> Self {
        let species = network.species().len();
        let (column_offsets, row_indices) = network.jacobian_pattern();
        let mut rhs_terms = merged_terms(network);
        let mut by_column: Vec<(u32, Term)> = Vec::new();
        for term in &rhs_terms {
            by_column.extend(derivatives(term, &column_offsets, &row_indices));
        }
        // By column, so that an entry's terms lie in as few blocks as possible.
        by_column.sort_by_key(|(column, _)| *column);
        let jacobian_terms: Vec<Term> = by_column.into_iter().map(|(_, term)| term).collect();
        let closure = charge_closure(network);
        let pattern = (&column_offsets[..], &row_indices[..]);
        let wide = for_wide
            .then(|| WidePlan::new(&rhs_terms, species, closure.as_ref(), pattern))
            .flatten();
        if let Some(Closure { output, .. }) = &closure {
            for term in &mut rhs_terms {
                term.plus.retain(|o| o != output);
                term.minus.retain(|o| o != output);
            }
            rhs_terms.retain(|term| !(term.plus.is_empty() && term.minus.is_empty()));
        }
        let single = SinglePlan::new(&rhs_terms, species, closure.clone());
        let mut rhs = Sums::compile(&rhs_terms, species, species, BLOCK);
        rhs.closure = closure;
        Self {
            species,
            rhs,
            single,
            wide,
            jacobian: Sums::compile(&jacobian_terms, species, row_indices.len(), BLOCK / 2),
            column_offsets,
            row_indices,
        }
    }
}

/// The electron's rate of change as that of the charge of all others, where every reaction conserves
/// charge.
///
/// Summed over its own reactions it would be rounded independently of the ions', and over 1e8 yr
/// that adds up: to 6e-10 of Σ|q| n in the worst of 300 models of the 224-reaction network at rtol
/// 1e-3, against 1e-11 this way.
fn charge_closure(network: &Network) -> Option<Closure> {
    let species = network.species();
    let electron = species
        .iter()
        .position(|s| s.composition().is_empty() && s.charge() == -1)?;
    let charge = |i: usize| species[i].charge();
    let conserves = |reaction: &crate::Reaction| {
        let change: i64 = reaction
            .net()
            .iter()
            .map(|&(i, change)| i64::from(change) * i64::from(charge(i)))
            .sum();
        change == 0
    };
    network.reactions().iter().all(conserves).then(|| Closure {
        output: electron as u32,
        weights: (0..species.len())
            .filter(|&i| i != electron && charge(i) != 0)
            .map(|i| (i as u32, f64::from(charge(i))))
            .collect(),
    })
}

/// Members of a group that change a species, with the change, or with common factors divided out.
type Weights = Vec<(u32, i32)>;

/// The terms of the right-hand side. Of the reactions with the same reactants, the species that all
/// change alike take one common term; every other species takes one with its own weights, shared
/// among species with the same weights.
fn merged_terms(network: &Network) -> Vec<Term> {
    let mut groups: BTreeMap<Vec<usize>, Vec<u32>> = BTreeMap::new();
    for (j, reaction) in network.reactions().iter().enumerate() {
        let mut reactants = reaction.factors().to_vec();
        reactants.sort_unstable();
        groups.entry(reactants).or_default().push(j as u32);
    }
    let mut terms = Vec::new();
    for (reactants, members) in &groups {
        // Per species the change by each member that changes it.
        let mut changes: BTreeMap<usize, Weights> = BTreeMap::new();
        for &j in members {
            for (i, change) in network.reactions()[j as usize].net() {
                changes.entry(i).or_default().push((j, change));
            }
        }
        let mut by_weights: BTreeMap<Weights, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
        for (i, mut weights) in changes {
            let first = weights[0].1;
            let alike = weights.len() == members.len() && weights.iter().all(|w| w.1 == first);
            let times = if alike && first.abs() <= 3 {
                first.abs()
            } else {
                1
            };
            for (_, weight) in &mut weights {
                *weight = *weight * first.signum() / times;
            }
            let (plus, minus) = by_weights.entry(weights).or_default();
            let list = if first > 0 { plus } else { minus };
            list.extend((0..times).map(|_| i as u32));
        }
        terms.extend(by_weights.into_iter().map(|(weights, (plus, minus))| {
            Term {
                factors: reactants.iter().map(|&i| i as u32).collect(),
                recipe: weights
                    .into_iter()
                    .map(|(j, w)| (j, f64::from(w)))
                    .collect(),
                plus,
                minus,
            }
        }));
    }
    terms
}

/// The derivatives of a term with respect to each of its factors, with outputs in the Jacobian.
pub(super) fn derivatives<'a>(
    term: &'a Term,
    offsets: &'a [usize],
    rows: &'a [usize],
) -> impl Iterator<Item = (u32, Term)> + 'a {
    let mut distinct = term.factors.clone();
    distinct.dedup();
    distinct.into_iter().map(move |column| {
        let order = term.factors.iter().filter(|&&i| i == column).count() as f64;
        let mut factors = term.factors.clone();
        if let Some(at) = factors.iter().position(|&i| i == column) {
            factors.remove(at);
        }
        let range = offsets[column as usize]..offsets[column as usize + 1];
        // The pattern has an entry for every species that a reaction changes.
        let entry = |&row: &u32| {
            let at = rows[range.clone()].binary_search(&(row as usize));
            at.ok().map(|at| (range.start + at) as u32)
        };
        let derivative = Term {
            factors,
            recipe: term.recipe.iter().map(|&(j, w)| (j, w * order)).collect(),
            plus: term.plus.iter().filter_map(entry).collect(),
            minus: term.minus.iter().filter_map(entry).collect(),
        };
        (column, derivative)
    })
}
