//! The right-hand side arranged for one state: what [`super::single`] evaluates. Built once, beside the plan for lanes.
//!
//! Lanes do the same operation to many states; one state alone has to find its parallelism among the terms. What bounds it is the
//! number of loads, so terms that share a factor (their hub) are computed four at a time, and next to each other lie terms that enter
//! the same sums, so that one reference adds two of them.

use super::plan::{Closure, Term};

/// Terms held at a time, 8 KiB: a quarter of a first-level cache. References to them are 16 bits wide.
pub(crate) const SLOTS: usize = 1024;
/// Terms computed together.
pub(crate) const QUAD: usize = 4;
/// References of a piece of a sum. Few lengths make few loops, and the end of each loop is a branch that the processor guesses wrong.
const LENGTHS: [usize; 6] = [16, 8, 4, 3, 2, 1];

/// At most [`SLOTS`] terms and the pieces of sums that refer to them.
#[derive(Debug, Default)]
pub(crate) struct SingleBlock {
    /// Number of quads with 0, 1, 2 and more factors, in this order.
    pub quads: [usize; 4],
    pub runs: Vec<SingleRun>,
}

/// Pieces of the same kind and length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SingleRun {
    /// Whether a reference means the term and its neighbour.
    pub pairs: bool,
    /// One of [`LENGTHS`].
    pub length: u8,
    pub pieces: u32,
}

/// What a piece does: its sum, times `sign`, is added to an output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub sign: f64,
    pub output: u32,
}

/// A right-hand side as signed sums of terms, block after block.
#[derive(Debug, Default)]
pub(crate) struct SinglePlan {
    /// Number of species: all factors and outputs lie below.
    pub species: usize,
    pub blocks: Vec<SingleBlock>,
    /// The factor that the terms of a quad with two factors share.
    pub hubs: Vec<u32>,
    /// The other factor of each term, or its only one.
    pub partners: Vec<[u16; QUAD]>,
    /// Factors of terms with more than two.
    pub more: Vec<[Vec<u16>; QUAD]>,
    pub pieces: Vec<Piece>,
    /// References of every piece: slots below [`SLOTS`], below `SLOTS - 1` where a neighbour is meant.
    pub references: Vec<u16>,
    /// Coefficient of slot t: Σ weight · k over `recipe[recipe_offsets[t]..recipe_offsets[t + 1]]`; none for padding.
    pub recipe_offsets: Vec<usize>,
    pub recipe: Vec<(u32, f64)>,
    pub closure: Option<Closure>,
}

/// Up to [`QUAD`] terms with the same number of factors and, if there are two, a common one.
struct Quad<'a> {
    hub: Option<u32>,
    terms: Vec<&'a Term>,
}

/// An output and whether a term is taken from it.
type Signed = (u32, bool);

impl SinglePlan {
    /// `None` for a network whose species do not fit 16 bits.
    pub fn new(terms: &[Term], species: usize, closure: Option<Closure>) -> Option<Self> {
        u16::try_from(species).ok()?;
        for term in terms {
            let mut indices = term.factors.iter().chain(&term.plus).chain(&term.minus);
            assert!(indices.all(|&i| (i as usize) < species));
        }
        let mut plan = Self {
            species,
            closure,
            recipe_offsets: vec![0],
            ..Self::default()
        };
        let quads = quads(terms, species);
        let blocks = (quads.len() * QUAD).div_ceil(SLOTS).max(1);
        for chunk in quads.chunks(quads.len().div_ceil(blocks).max(1)) {
            plan.push_block(chunk);
        }
        Some(plan)
    }

    fn push_block(&mut self, quads: &[Quad]) {
        let mut block = SingleBlock::default();
        let mut pieces: Vec<(bool, usize, Signed, Vec<u16>)> = Vec::new();
        // References to pairs and to single terms, by output.
        let mut pairs: Vec<(Signed, u16)> = Vec::new();
        let mut singles: Vec<(Signed, u16)> = Vec::new();
        // `quads` come by number of factors already.
        for (place, quad) in quads.iter().enumerate() {
            let order = quad.terms[0].factors.len().min(3);
            block.quads[order] += 1;
            self.push_terms(quad, order);
            for (half, two) in quad.terms.chunks(2).enumerate() {
                let slot = (place * QUAD + half * 2) as u16;
                let mut first = outputs(two[0]);
                let mut second = two.get(1).map(|term| outputs(term)).unwrap_or_default();
                first.retain(|output| match second.iter().position(|o| o == output) {
                    Some(at) => {
                        second.swap_remove(at);
                        pairs.push((*output, slot));
                        false
                    }
                    None => true,
                });
                singles.extend(first.into_iter().map(|output| (output, slot)));
                singles.extend(second.into_iter().map(|output| (output, slot + 1)));
            }
        }
        for (is_pair, mut list) in [(true, pairs), (false, singles)] {
            list.sort_unstable();
            for same in list.chunk_by(|a, b| a.0 == b.0) {
                let mut rest: Vec<u16> = same.iter().map(|(_, slot)| *slot).collect();
                for length in LENGTHS {
                    while rest.len() >= length {
                        let references = rest.split_off(rest.len() - length);
                        pieces.push((is_pair, length, same[0].0, references));
                    }
                }
            }
        }
        pieces.sort();
        for run in pieces.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            block.runs.push(SingleRun {
                pairs: run[0].0,
                length: run[0].1 as u8,
                pieces: run.len() as u32,
            });
            for (_, _, (output, minus), references) in run {
                self.pieces.push(Piece {
                    sign: if *minus { -1.0 } else { 1.0 },
                    output: *output,
                });
                self.references.extend(references);
            }
        }
        self.blocks.push(block);
    }

    /// Factors and recipes of one quad; padding repeats nothing and has no recipe, so that it is 0 or not used.
    fn push_terms(&mut self, quad: &Quad, order: usize) {
        self.hubs.extend(quad.hub);
        let partner = |l: usize| -> u16 {
            let factors = quad.terms.get(l).map_or(&[][..], |t| &t.factors);
            // The factor that is not the hub, which may occur twice.
            let at = factors.iter().position(|f| Some(*f) == quad.hub);
            let other = (0..factors.len()).find(|i| Some(*i) != at);
            other.map_or(0, |i| factors[i] as u16)
        };
        match order {
            0 => {}
            1 | 2 => self.partners.push(std::array::from_fn(partner)),
            _ => self.more.push(std::array::from_fn(|l| {
                let factors = quad.terms.get(l).map_or(&[][..], |t| &t.factors);
                factors.iter().map(|&f| f as u16).collect()
            })),
        }
        for l in 0..QUAD {
            if let Some(term) = quad.terms.get(l) {
                self.recipe.extend(&term.recipe);
            }
            self.recipe_offsets.push(self.recipe.len());
        }
    }
}

/// Signed outputs of a term, ascending.
fn outputs(term: &Term) -> Vec<Signed> {
    let plus = term.plus.iter().map(|&o| (o, false));
    let mut outputs: Vec<Signed> = plus.chain(term.minus.iter().map(|&o| (o, true))).collect();
    outputs.sort_unstable();
    outputs
}

/// All terms in quads, by number of factors; those with two by hub, with as few hubs as a greedy choice gives.
fn quads(terms: &[Term], species: usize) -> Vec<Quad<'_>> {
    let of_order = |order: usize| {
        terms
            .iter()
            .filter(move |t| t.factors.len().min(3) == order)
    };
    let mut lists: Vec<(Option<u32>, Vec<&Term>)> = Vec::new();
    lists.push((None, of_order(0).collect()));
    lists.push((None, of_order(1).collect()));
    let mut left: Vec<&Term> = of_order(2).collect();
    while !left.is_empty() {
        let mut uses = vec![0; species];
        for term in &left {
            uses[term.factors[0] as usize] += 1;
            if term.factors[1] != term.factors[0] {
                uses[term.factors[1] as usize] += 1;
            }
        }
        let most = (0..species).max_by_key(|&i| uses[i]).unwrap_or(0) as u32;
        let (of_hub, others) = left.into_iter().partition(|t| t.factors.contains(&most));
        lists.push((Some(most), of_hub));
        left = others;
    }
    lists.push((None, of_order(3).collect()));
    let mut quads = Vec::new();
    for (hub, list) in lists {
        for four in neighbours(list).chunks(QUAD) {
            let terms = four.to_vec();
            quads.push(Quad { hub, terms });
        }
    }
    quads
}

/// Orders terms so that two and two share as many outputs as a greedy choice gives, most first.
fn neighbours(terms: Vec<&Term>) -> Vec<&Term> {
    let all: Vec<Vec<Signed>> = terms.iter().map(|term| outputs(term)).collect();
    let shared = |a: usize, b: usize| all[a].iter().filter(|o| all[b].contains(o)).count();
    let most = all.iter().map(Vec::len).max().unwrap_or(0);
    let mut free: Vec<usize> = (0..terms.len()).collect();
    let mut order = Vec::with_capacity(terms.len());
    // From four on, a pair with more in common is not worth another pass.
    for wanted in (1..=most.min(4)).rev() {
        let mut i = 0;
        while i < free.len() {
            match (i + 1..free.len()).find(|&j| shared(free[i], free[j]) >= wanted) {
                Some(j) => {
                    let second = free.remove(j);
                    order.extend([free.remove(i), second]);
                }
                None => i += 1,
            }
        }
    }
    order.extend(free);
    order.into_iter().map(|i| terms[i]).collect()
}
