//! The analysis before the first factorisation: elimination order by Markowitz' count, fill, and where the rest is better taken as dense.
use super::SparsityPattern;

/// What a factorisation and the solves with it cost, to choose how many pivots are eliminated through lists before the rest is taken as dense.
/// Only ratios matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    /// A multiplication through lists, against one in the dense block.
    pub sparse: f64,
    /// The same in a solve.
    pub sparse_solve: f64,
    /// An entry of the block in a solve, against a multiplication in its factorisation.
    pub solve: f64,
    /// The block's dimension is to be a multiple of this.
    pub multiple: usize,
    /// It costs as much as the next multiple of this.
    pub filled_up_to: usize,
}

/// Solves per factorisation (Rodas5P).
const SOLVES: f64 = 8.0;

/// Elimination order with pivots on the diagonal, and the pattern of the factors. Positions count in elimination order.
#[derive(Clone, Debug)]
pub(super) struct Symbolic {
    /// Original index of every position.
    pub order: Vec<usize>,
    /// Rows below the diagonal of column k of L, for each of the sparse pivots; the remaining positions form the dense block.
    pub lower: Vec<Vec<usize>>,
    /// Rows above the diagonal of column j of U that belong to sparse pivots, ascending, for every column.
    pub upper: Vec<Vec<usize>>,
}

/// A square matrix of bits with the number of set bits per row.
struct Bits {
    words: usize,
    bits: Vec<u64>,
    counts: Vec<usize>,
}

impl Bits {
    fn new(n: usize) -> Self {
        let words = n.div_ceil(64);
        Self {
            words,
            bits: vec![0; n * words],
            counts: vec![0; n],
        }
    }
    fn row(&self, i: usize) -> &[u64] {
        &self.bits[i * self.words..(i + 1) * self.words]
    }
    fn set(&mut self, i: usize, j: usize) {
        self.bits[i * self.words + j / 64] |= 1 << (j % 64);
    }
    fn clear(&mut self, i: usize, j: usize) {
        self.bits[i * self.words + j / 64] &= !(1 << (j % 64));
    }
    /// Row i |= row k, without column k; the count follows.
    fn merge(&mut self, i: usize, k: usize) {
        for w in 0..self.words {
            self.bits[i * self.words + w] |= self.bits[k * self.words + w];
        }
        self.clear(i, k);
        self.count(i);
    }
    fn count(&mut self, i: usize) {
        self.counts[i] = self.row(i).iter().map(|w| w.count_ones() as usize).sum();
    }
    fn members(&self, i: usize, except: usize) -> Vec<usize> {
        let mut found = Vec::with_capacity(self.counts[i]);
        for (w, &word) in self.row(i).iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                let j = w * 64 + rest.trailing_zeros() as usize;
                if j != except {
                    found.push(j);
                }
                rest &= rest - 1;
            }
        }
        found
    }
}

impl Symbolic {
    /// Analyses the pattern of shift·I − J: the given one and the diagonal.
    pub fn analyse(pattern: &SparsityPattern, costs: &Costs) -> Self {
        let n = pattern.dim();
        let (mut rows, mut columns) = (Bits::new(n), Bits::new(n));
        for j in 0..n {
            for &i in pattern.column(j).iter().chain([&j]) {
                rows.set(i, j);
                columns.set(j, i);
            }
        }
        for i in 0..n {
            rows.count(i);
            columns.count(i);
        }
        let mut active: Vec<usize> = (0..n).collect();
        let (mut order, mut lower, mut right) = (Vec::with_capacity(n), Vec::new(), Vec::new());
        // Work through lists so far: multiplications of the factorisation, entries.
        let (mut work, mut listed) = (0, 0);
        let (mut best, mut least) = (0, f64::INFINITY);
        let mut full_for = 0;
        loop {
            let m = active.len();
            if m.is_multiple_of(costs.multiple) {
                let rows = m.next_multiple_of(costs.filled_up_to) as f64;
                let block = rows.powi(3) / 3.0 + SOLVES * costs.solve * rows.powi(2);
                let lists = work as f64 * costs.sparse
                    + SOLVES * costs.solve * costs.sparse_solve * listed as f64;
                if block + lists < least {
                    (best, least) = (order.len(), block + lists);
                }
            }
            // Once everything left is filled, more lists are only worth while to round the dimension.
            let entries: usize = active.iter().map(|&i| rows.counts[i]).sum();
            full_for += usize::from(entries == m * m);
            if m == 0 || full_for > costs.filled_up_to {
                break;
            }
            let cost = |i: usize| (rows.counts[i] - 1) * (columns.counts[i] - 1);
            let Some((at, &pivot)) = active.iter().enumerate().min_by_key(|&(_, &i)| cost(i))
            else {
                break;
            };
            active.remove(at);
            let below = columns.members(pivot, pivot);
            let beside = rows.members(pivot, pivot);
            for &i in &below {
                rows.merge(i, pivot);
            }
            for &j in &beside {
                columns.merge(j, pivot);
            }
            work += below.len() * beside.len();
            listed += below.len() + beside.len();
            order.push(pivot);
            lower.push(below);
            right.push(beside);
        }
        order.extend(active);
        lower.truncate(best);
        right.truncate(best);
        Self::renumber(order, lower, &right)
    }

    fn renumber(order: Vec<usize>, mut lower: Vec<Vec<usize>>, right: &[Vec<usize>]) -> Self {
        let n = order.len();
        let mut position = vec![0; n];
        for (k, &i) in order.iter().enumerate() {
            position[i] = k;
        }
        for column in &mut lower {
            for i in column.iter_mut() {
                *i = position[*i];
            }
            column.sort_unstable();
        }
        let mut upper = vec![Vec::new(); n];
        for (k, row) in right.iter().enumerate() {
            for &j in row {
                upper[position[j]].push(k);
            }
        }
        Self {
            order,
            lower,
            upper,
        }
    }

    /// Number of pivots eliminated through indices.
    pub fn sparse_pivots(&self) -> usize {
        self.lower.len()
    }

    /// Entries of L + U, the dense block counted full.
    #[cfg(test)]
    pub fn entries(&self) -> usize {
        let m = self.order.len() - self.sparse_pivots();
        let sparse: usize = self.lower.iter().chain(&self.upper).map(Vec::len).sum();
        sparse + self.sparse_pivots() + m * m
    }
}
