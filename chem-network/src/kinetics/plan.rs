//! The fixed structure of a network's right-hand side and Jacobian: which products of number
//! densities are formed and which entries they are added to. Built once, shared by all conditions.

use std::collections::HashMap;

use crate::network::Network;

/// Terms held at a time. 64 terms of 8 lanes are 4 KiB: they stay in the first-level cache.
pub(crate) const BLOCK: usize = 64;

/// A run of at most [`BLOCK`] terms and the rows they are added to. Terms are numbered through all
/// blocks; within a block they are ordered by their number of factors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    /// Number of terms with 0, 1, 2 and more factors.
    pub terms: [usize; 4],
    /// Rows that are written for the first time, then rows that are added to.
    pub fresh_rows: usize,
    pub more_rows: usize,
}

/// One output entry's share of a block: `plus + minus + weighted` references to terms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub output: u32,
    pub plus: u8,
    pub minus: u8,
    pub weighted: u8,
}

/// Outputs as sums of terms, each term a coefficient times a product of number densities.
///
/// A term belongs to one group of reactions with the same reactants; its coefficient is a constant
/// times the sum of their rate coefficients. Outputs that all reactions of the group change alike
/// take the term with sign ±1; the others take it with a weight, the branching ratio.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    pub blocks: Vec<Block>,
    /// Factors of the terms with one, two and more factors.
    pub one: Vec<u32>,
    pub two: Vec<[u32; 2]>,
    pub more: Vec<Vec<u32>>,
    pub rows: Vec<Row>,
    /// References of the rows, in order plus, minus, weighted; numbers within the block.
    pub entries: Vec<u8>,
    /// Outputs that no row writes.
    pub untouched: Vec<u32>,
    /// Group and constant factor of each term.
    pub term_recipe: Vec<(u32, f64)>,
    /// Group of each weighted entry and its (reaction, change) pairs.
    pub weight_recipe: Vec<(u32, Vec<(u32, f64)>)>,
}

/// What to compile into [`Sums`]: a term and the outputs of each of its group's reactions.
struct Term {
    group: u32,
    scale: f64,
    factors: Vec<u32>,
    /// (output, how) for every output the term changes.
    targets: Vec<(u32, Target)>,
}

/// How a group changes an output.
#[derive(Clone)]
enum Target {
    /// All reactions alike, by this small integer.
    Alike(i32),
    /// By (reaction, change).
    Branching(Vec<(u32, f64)>),
}

/// Groups of reactions with the same reactants, and the two compiled sums.
#[derive(Debug)]
pub(crate) struct Plan {
    pub species: usize,
    pub groups: Vec<Vec<u32>>,
    pub rhs: Sums,
    pub jacobian: Sums,
    pub column_offsets: Vec<usize>,
    pub row_indices: Vec<usize>,
}

impl Plan {
    pub fn new(network: &Network) -> Self {
        let species = network.species().len();
        let (column_offsets, row_indices) = network.jacobian_pattern();
        let mut numbers: HashMap<Vec<usize>, usize> = HashMap::new();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut reactants: Vec<Vec<usize>> = Vec::new();
        for (j, reaction) in network.reactions().iter().enumerate() {
            let mut key = reaction.reactants.clone();
            key.sort_unstable();
            let group = *numbers.entry(key.clone()).or_insert_with(|| {
                groups.push(Vec::new());
                reactants.push(key);
                groups.len() - 1
            });
            groups[group].push(j as u32);
        }

        let mut rhs_terms = Vec::new();
        let mut jacobian_terms: Vec<(usize, Term)> = Vec::new();
        for (g, members) in groups.iter().enumerate() {
            let targets = targets(network, members);
            let factors = &reactants[g];
            rhs_terms.push(Term {
                group: g as u32,
                scale: 1.0,
                factors: factors.iter().map(|&i| i as u32).collect(),
                targets: targets.clone(),
            });
            let mut distinct = factors.clone();
            distinct.dedup();
            for &column in &distinct {
                let order = factors.iter().filter(|&&i| i == column).count();
                let mut rest: Vec<u32> = factors.iter().map(|&i| i as u32).collect();
                if let Some(at) = factors.iter().position(|&i| i == column) {
                    rest.remove(at);
                }
                let slot = |row: u32| -> Option<u32> {
                    let range = column_offsets[column]..column_offsets[column + 1];
                    let place = row_indices[range.clone()].binary_search(&(row as usize));
                    place.ok().map(|at| (range.start + at) as u32)
                };
                let targets = targets
                    .iter()
                    .filter_map(|(row, target)| Some((slot(*row)?, target.clone())));
                jacobian_terms.push((
                    column,
                    Term {
                        group: g as u32,
                        scale: order as f64,
                        factors: rest,
                        targets: targets.collect(),
                    },
                ));
            }
        }
        // By column, so that an entry's terms lie in as few blocks as possible.
        jacobian_terms.sort_by_key(|(column, _)| *column);
        let jacobian_terms: Vec<Term> = jacobian_terms.into_iter().map(|(_, term)| term).collect();
        Self {
            species,
            rhs: Sums::compile(&rhs_terms, species),
            jacobian: Sums::compile(&jacobian_terms, row_indices.len()),
            groups,
            column_offsets,
            row_indices,
        }
    }
}

/// Every species that a group of reactions changes, and how.
fn targets(network: &Network, members: &[u32]) -> Vec<(u32, Target)> {
    let mut changes: Vec<(usize, u32, i32)> = Vec::new();
    for &j in members {
        let net = network.reactions()[j as usize].net();
        changes.extend(net.into_iter().map(|(i, change)| (i, j, change)));
    }
    changes.sort_by_key(|&(i, _, _)| i);
    changes
        .chunk_by(|a, b| a.0 == b.0)
        .map(|chunk| {
            let first = chunk[0].2;
            let alike = chunk.len() == members.len() && chunk.iter().all(|c| c.2 == first);
            let target = if alike && first.abs() <= 3 {
                Target::Alike(first)
            } else {
                Target::Branching(chunk.iter().map(|c| (c.1, f64::from(c.2))).collect())
            };
            (chunk[0].0 as u32, target)
        })
        .collect()
}

impl Sums {
    fn compile(terms: &[Term], outputs: usize) -> Self {
        let mut sums = Self::default();
        let mut written = vec![false; outputs];
        for chunk in terms.chunks(BLOCK) {
            sums.push_block(chunk, &mut written);
        }
        sums.untouched = (0..outputs as u32)
            .filter(|&o| !written[o as usize])
            .collect();
        sums
    }

    fn push_block(&mut self, chunk: &[Term], written: &mut [bool]) {
        let mut ordered: Vec<&Term> = chunk.iter().collect();
        ordered.sort_by_key(|term| term.factors.len().min(3));
        let mut block = Block::default();
        let mut shares: HashMap<u32, Share> = HashMap::new();
        for (place, term) in ordered.iter().enumerate() {
            let place = place as u8;
            block.terms[term.factors.len().min(3)] += 1;
            match term.factors[..] {
                [] => {}
                [a] => self.one.push(a),
                [a, b] => self.two.push([a, b]),
                _ => self.more.push(term.factors.clone()),
            }
            self.term_recipe.push((term.group, term.scale));
            for (output, target) in &term.targets {
                let share = shares.entry(*output).or_default();
                match target {
                    Target::Alike(change) => {
                        let list = if *change > 0 {
                            &mut share.plus
                        } else {
                            &mut share.minus
                        };
                        list.extend((0..change.unsigned_abs()).map(|_| place));
                    }
                    Target::Branching(changes) => {
                        share.weighted.push((place, term.group, changes.clone()));
                    }
                }
            }
        }
        // A row counts in u8: more than 255 signed entries (64 terms of ±3 at most 192) cannot be.
        let mut shares: Vec<(u32, Share)> = shares.into_iter().collect();
        // Equal loop counts next to each other, so that branches are predicted.
        shares.sort_by_key(|(output, s)| {
            (
                written[*output as usize],
                s.plus.len(),
                s.minus.len(),
                s.weighted.len(),
                *output,
            )
        });
        for (output, share) in shares {
            if written[output as usize] {
                block.more_rows += 1;
            } else {
                block.fresh_rows += 1;
            }
            self.rows.push(Row {
                output,
                plus: share.plus.len() as u8,
                minus: share.minus.len() as u8,
                weighted: share.weighted.len() as u8,
            });
            self.entries.extend(&share.plus);
            self.entries.extend(&share.minus);
            for (place, group, changes) in share.weighted {
                self.entries.push(place);
                self.weight_recipe.push((group, changes));
            }
            written[output as usize] = true;
        }
        self.blocks.push(block);
    }
}

/// What an output takes from a block.
#[derive(Default)]
struct Share {
    plus: Vec<u8>,
    minus: Vec<u8>,
    weighted: Vec<(u8, u32, Vec<(u32, f64)>)>,
}
