//! The arrangement of signed sums of terms for lanes: what [`kernel`](super::kernel) evaluates. Built once.
//!
//! What bounds the kernel is the number of loads, of vectors and of indices. So terms that share a factor (their hub) are computed four at a time, the
//! indices of four factors are one load, and indices are scaled beforehand. Sums are cut into pieces of at most [`LONGEST`] references and sorted by length, so that
//! the inner loops have fixed lengths and no branches to mispredict.

use std::collections::HashMap;

use super::plan::{Closure, Term};

/// Terms held at a time: in eight lanes they take three quarters of a first-level cache.
pub(crate) const BLOCK: usize = 384;
/// Longest piece of a sum.
pub(crate) const LONGEST: usize = 8;
/// Indices are stored times this: times W, they are then distances in bytes between arrays of W doubles.
pub(crate) const SCALE: usize = size_of::<f64>();
/// Terms computed together.
pub(crate) const QUAD: usize = 4;

/// A run of at most [`BLOCK`] terms and the pieces of sums that refer to them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    /// Number of terms without factors and with one.
    pub constant: usize,
    pub linear: usize,
    /// Number of quads of terms that share a factor, of other terms with two, and of terms with more.
    pub quads: usize,
    pub quadratic: usize,
    pub higher: usize,
    /// Number of runs of pieces.
    pub runs: usize,
}

/// What a piece of a sum does to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// Writes it for the first time.
    Set,
    /// Writes its negative for the first time.
    SetNegative,
    Add,
    Subtract,
}

/// Pieces of the same operation and length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub operation: Operation,
    /// References per piece, 1 to [`LONGEST`].
    pub length: u8,
    /// Number of pieces, each with one output.
    pub pieces: u32,
}

/// Outputs as signed sums of terms. All indices are times [`SCALE`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    /// Number densities read: all factors lie below.
    pub inputs: usize,
    /// Outputs written: all of `outputs` lie below.
    pub length: usize,
    pub blocks: Vec<Block>,
    /// Factors of the terms with one, two and more factors, block after block.
    pub one: Vec<u32>,
    pub two: Vec<[u32; 2]>,
    pub more: Vec<Vec<u32>>,
    /// Of each quad the factor that its terms share, and the others, [`packed`].
    pub hubs: Vec<u32>,
    pub partners: Vec<u64>,
    pub runs: Vec<Run>,
    /// Output of every piece.
    pub outputs: Vec<u32>,
    /// References of every piece: numbers of terms within the block.
    pub references: Vec<u32>,
    /// Outputs that no piece writes.
    pub untouched: Vec<u32>,
    /// An output that is the weighted sum of others instead; its indices are not scaled.
    pub closure: Option<Closure>,
    /// Coefficient of term t: Σ weight · k over `recipe[recipe_offsets[t]..recipe_offsets[t + 1]]`.
    pub recipe_offsets: Vec<usize>,
    pub recipe: Vec<(u32, f64)>,
}

/// An index times [`SCALE`]. Sums with more than 2²⁹ inputs or outputs are refused before.
fn scaled(index: u32) -> u32 {
    index * SCALE as u32
}

/// Up to four indices in one word, the first in the lowest bits. (An array of four is torn apart in vector registers, by the compiler.)
fn packed(indices: &[u16]) -> u64 {
    let indices = indices.iter().rev();
    indices.fold(0, |word, &index| word << 16 | u64::from(index))
}

impl Sums {
    /// Terms with indices of densities below `inputs` and of outputs below `outputs`; what evaluates them relies on it.
    pub fn compile(terms: &[Term], inputs: usize, outputs: usize, block: usize) -> Self {
        let block = block.min(BLOCK);
        assert!(inputs.max(outputs) <= u32::MAX as usize / SCALE);
        for term in terms {
            assert!(term.factors.iter().all(|&i| (i as usize) < inputs));
            let mut touched = term.plus.iter().chain(&term.minus);
            assert!(touched.all(|&o| (o as usize) < outputs));
        }
        let mut sums = Self {
            inputs,
            length: outputs,
            recipe_offsets: vec![0],
            ..Self::default()
        };
        let mut written = vec![false; outputs];
        // Blocks of equal size.
        let blocks = terms.len().div_ceil(block).max(1);
        for chunk in terms.chunks(terms.len().div_ceil(blocks).max(1)) {
            sums.push_block(chunk, &mut written);
        }
        sums.untouched = (0..outputs as u32)
            .filter(|&o| !written[o as usize])
            .map(scaled)
            .collect();
        sums
    }

    fn push_block(&mut self, chunk: &[Term], written: &mut [bool]) {
        let mut block = Block::default();
        let mut shares: HashMap<u32, (Vec<u16>, Vec<u16>)> = HashMap::new();
        for (place, term) in self.arrange(chunk, &mut block).into_iter().enumerate() {
            let place = (place * SCALE) as u16;
            self.recipe.extend(&term.recipe);
            self.recipe_offsets.push(self.recipe.len());
            for &output in &term.plus {
                shares.entry(output).or_default().0.push(place);
            }
            for &output in &term.minus {
                shares.entry(output).or_default().1.push(place);
            }
        }
        let mut pieces: Vec<(Operation, usize, u32, Vec<u16>)> = Vec::new();
        for (output, (plus, minus)) in shares {
            let mut fresh = !std::mem::replace(&mut written[output as usize], true);
            for (references, first, later) in [
                (plus, Operation::Set, Operation::Add),
                (minus, Operation::SetNegative, Operation::Subtract),
            ] {
                for piece in references.chunks(LONGEST) {
                    let operation = if std::mem::take(&mut fresh) {
                        first
                    } else {
                        later
                    };
                    pieces.push((operation, piece.len(), output, piece.to_vec()));
                }
            }
        }
        pieces.sort();
        for run in pieces.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            block.runs += 1;
            self.runs.push(Run {
                operation: run[0].0,
                length: run[0].1 as u8,
                pieces: run.len() as u32,
            });
            for (_, _, output, references) in run {
                self.outputs.push(scaled(*output));
                self.references
                    .extend(references.iter().map(|&r| u32::from(r)));
            }
        }
        self.blocks.push(block);
    }

    /// The terms in the order in which they are computed; their factors are stored, their numbers counted.
    fn arrange<'a>(&mut self, chunk: &'a [Term], block: &mut Block) -> Vec<&'a Term> {
        let of_order = |order: usize| {
            let terms = chunk.iter();
            terms.filter(move |term| term.factors.len().min(3) == order)
        };
        let mut order: Vec<&Term> = of_order(0).collect();
        block.constant = order.len();
        for term in of_order(1) {
            self.one.push(scaled(term.factors[0]));
            order.push(term);
            block.linear += 1;
        }
        let (quads, rest) = quads(of_order(2).collect(), self.inputs);
        for (hub, terms) in &quads {
            self.hubs.push(scaled(*hub));
            self.partners.push(packed(&terms.map(|term| {
                // The factor that is not the hub, which may occur twice.
                let [a, b] = [term.factors[0], term.factors[1]];
                scaled(if a == *hub { b } else { a }) as u16
            })));
            order.extend(terms);
            block.quads += 1;
        }
        for term in rest {
            self.two
                .push([scaled(term.factors[0]), scaled(term.factors[1])]);
            order.push(term);
            block.quadratic += 1;
        }
        for term in of_order(3) {
            self.more
                .push(term.factors.iter().map(|&f| scaled(f)).collect());
            order.push(term);
            block.higher += 1;
        }
        order
    }
}

/// As many quads of terms with a common factor as a greedy choice of these finds, and the terms left over.
fn quads(mut left: Vec<&Term>, inputs: usize) -> (Vec<(u32, [&Term; QUAD])>, Vec<&Term>) {
    let mut quads = Vec::new();
    if inputs > usize::from(u16::MAX) / SCALE {
        return (quads, left);
    }
    loop {
        let mut uses = vec![0; inputs];
        for term in &left {
            uses[term.factors[0] as usize] += 1;
            if term.factors[1] != term.factors[0] {
                uses[term.factors[1] as usize] += 1;
            }
        }
        let Some(hub) = (0..inputs).max_by_key(|&i| uses[i]) else {
            return (quads, left);
        };
        if uses[hub] < QUAD {
            return (quads, left);
        }
        let (of_hub, mut others): (Vec<&Term>, Vec<&Term>) = left
            .into_iter()
            .partition(|term| term.factors.contains(&(hub as u32)));
        let (whole, rest) = of_hub.as_chunks();
        quads.extend(whole.iter().map(|&terms| (hub as u32, terms)));
        others.extend(rest);
        left = others;
    }
}
