//! Right-hand side and Jacobian of one state of at most 31 species, arranged for registers of eight numbers: what [`super::wide`] evaluates.
//! Built once, on every machine alike.
//!
//! The state takes four registers: the species and, at the place after the last one, the number 1, so that every term is a coefficient times two
//! places. One instruction takes eight numbers in any order out of two registers (a table of 16), so sums are arranged by tables instead of by
//! single references: one round takes, for eight sums at once, one number each out of a table, times a coefficient each (0 where a sum needs none).
//!
//! The right-hand side is G − n ∘ (M n). M n, what a species is lost by, is as good as dense, and evaluated so. G, what comes of other species, is a
//! sum over products of two places: in groups of eight, two groups a table, chosen so that few rounds are needed. A sum with many terms is shared
//! among several lanes, those after the last species and that of a closed output. The Jacobian is in [`wide_jacobian`](super::wide_jacobian).

use std::collections::BTreeMap;

use super::plan::{Closure, Term};
use super::wide_jacobian::WideJacobian;

/// Numbers in a register.
pub(crate) const WIDTH: usize = 8;
/// Numbers in a table, two registers.
pub(crate) const TABLE: usize = 2 * WIDTH;
/// Places of the state, in four registers.
pub(crate) const PLACES: usize = 4 * WIDTH;
/// Groups of products at most: all pairs of 32 places, in three classes, and one for an even number.
pub(crate) const GROUPS: usize = PLACES * (PLACES + 1) / 2 / WIDTH + 4;

/// Eight numbers on a cache line: a read across two costs twice.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [f64; WIDTH]);

/// Which numbers of a table are taken, all below [`TABLE`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Picks(pub [u64; WIDTH]);

/// A coefficient: what `term` has, times `weight`, goes to `slot`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub weight: f32,
    pub term: u16,
    pub slot: u16,
}

/// Where coefficients are to go; all other slots stay 0.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    pub shares: Vec<Share>,
    pub lines: usize,
}

/// A term in a sum: what it has is multiplied with `weight`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighted {
    pub term: u16,
    pub weight: f32,
}

/// The two arrangements; coefficients lie in the order M by columns, G, Jacobian.
#[derive(Debug)]
pub(crate) struct WidePlan {
    pub species: usize,
    /// Registers that hold the species, 1 to 4.
    pub vectors: usize,
    /// Groups of products, by the halves that their first and second factors lie in: both low, low and high, both high.
    pub classes: [usize; 3],
    /// First and second factors of each group, places within their half.
    pub factors: Vec<[Picks; 2]>,
    /// Rounds that each table of two groups takes.
    pub rounds: Vec<u8>,
    /// What every round takes for every vector of outputs.
    pub picks: Vec<Picks>,
    /// What is added to each vector of outputs from the last one, whose later lanes take shares of sums; 8 where nothing.
    pub folds: Vec<Picks>,
    /// The output closed by others and the weights of these.
    pub closure: Option<(usize, [Line; 4])>,
    pub jacobian: WideJacobian,
    /// The coefficients of terms.
    pub recipe_offsets: Vec<usize>,
    pub recipe: Vec<(u32, f64)>,
    pub shares: Shares,
}

impl Shares {
    /// Makes `lines` more; returns the first.
    pub fn more(&mut self, lines: usize) -> usize {
        self.lines += lines;
        self.lines - lines
    }

    pub fn put(&mut self, line: usize, lane: usize, what: Weighted) {
        self.shares.push(Share {
            weight: what.weight,
            term: what.term,
            slot: (line * WIDTH + lane) as u16,
        });
    }
}

/// A product of two places, the first not after the second, and the outputs it enters.
struct Product {
    places: [usize; 2],
    outputs: Vec<(usize, Weighted)>,
}

/// What a network does: coefficients of M by row and column, and products.
pub(crate) struct Parts {
    pub loss: BTreeMap<(usize, usize), Weighted>,
    products: Vec<Product>,
}

impl Parts {
    /// `None` where a term has more than two factors, or an output two coefficients for the same product.
    fn new(terms: &[Term], species: usize) -> Option<Self> {
        let mut loss = BTreeMap::new();
        let mut products: BTreeMap<[usize; 2], BTreeMap<usize, Weighted>> = BTreeMap::new();
        for (t, term) in terms.iter().enumerate() {
            let mut places = [species; 2];
            if term.factors.len() > 2 {
                return None;
            }
            for (place, &factor) in places.iter_mut().zip(&term.factors) {
                *place = factor as usize;
            }
            places.sort_unstable();
            let mut changes: BTreeMap<usize, f32> = BTreeMap::new();
            for (outputs, sign) in [(&term.plus, 1.0), (&term.minus, -1.0)] {
                for &output in outputs {
                    *changes.entry(output as usize).or_default() += sign;
                }
            }
            for (output, weight) in changes {
                let term = t as u16;
                let old = match places.iter().position(|&p| p == output) {
                    Some(at) => {
                        let weight = -weight;
                        loss.insert((output, places[1 - at]), Weighted { term, weight })
                    }
                    None => {
                        let outputs = products.entry(places).or_default();
                        outputs.insert(output, Weighted { term, weight })
                    }
                };
                if old.is_some() {
                    return None;
                }
            }
        }
        let products = products
            .into_iter()
            .map(|(places, outputs)| Product {
                places,
                outputs: outputs.into_iter().collect(),
            })
            .collect();
        Some(Self { loss, products })
    }

    /// Factors, output and coefficient of everything in G.
    pub fn gains(&self) -> impl Iterator<Item = ([usize; 2], usize, Weighted)> + '_ {
        self.products.iter().flat_map(|product| {
            let outputs = product.outputs.iter();
            outputs.map(|&(output, what)| (product.places, output, what))
        })
    }
}

impl WidePlan {
    /// `None` where the network does not fit or the plain plans are quicker.
    pub fn new(
        terms: &[Term],
        species: usize,
        closure: Option<&Closure>,
        pattern: (&[usize], &[usize]),
    ) -> Option<Self> {
        let plan = Self::build(terms, species, closure, pattern)?;
        let references = |term: &Term| term.plus.len() + term.minus.len();
        let rhs: usize = terms.iter().map(references).sum();
        let jacobian: usize = terms
            .iter()
            .map(|term| references(term) * term.factors.len())
            .sum();
        // As measured on the 224-reaction network: 3.5 for a reference in a right-hand side, 4.5 in a Jacobian.
        (2 * plan.cost() < 7 * rhs + 9 * jacobian).then_some(plan)
    }

    /// Time of right-hand side and Jacobian, in tenths of a nanosecond, roughly.
    fn cost(&self) -> usize {
        let dense = (self.species + 1) * self.vectors;
        200 + 4 * dense + 10 * self.factors.len() + 4 * self.picks.len() + self.jacobian.cost()
    }

    /// As [`new`](Self::new), whatever it costs.
    pub fn build(
        terms: &[Term],
        species: usize,
        closure: Option<&Closure>,
        (offsets, rows): (&[usize], &[usize]),
    ) -> Option<Self> {
        if !(1..PLACES).contains(&species) || terms.len() > usize::from(u16::MAX) {
            return None;
        }
        let parts = Parts::new(terms, species)?;
        let vectors = species.div_ceil(WIDTH);
        let mut shares = Shares::default();
        let first = shares.more((species + 1) * vectors);
        for (&(row, column), &what) in &parts.loss {
            shares.put(first + column * vectors + row / WIDTH, row % WIDTH, what);
        }
        let closed = closure.map(|closure| closure.output as usize);
        let mut plan = Self {
            species,
            vectors,
            classes: [0; 3],
            factors: Vec::new(),
            rounds: Vec::new(),
            picks: Vec::new(),
            folds: Vec::new(),
            closure: closure.map(|closure| {
                let mut weights = [Line([0.0; WIDTH]); 4];
                for &(i, weight) in &closure.weights {
                    weights[i as usize / WIDTH].0[i as usize % WIDTH] = weight;
                }
                (closure.output as usize, weights)
            }),
            jacobian: WideJacobian::default(),
            recipe_offsets: vec![0],
            recipe: Vec::new(),
            shares,
        };
        plan.arrange(&parts, closed);
        plan.jacobian = WideJacobian::new(&parts, species, offsets, rows, &mut plan.shares)?;
        for term in terms {
            plan.recipe.extend(&term.recipe);
            plan.recipe_offsets.push(plan.recipe.len());
        }
        (plan.shares.lines * WIDTH <= usize::from(u16::MAX)).then_some(plan)
    }

    /// The coefficients in their places, from those of the `terms`; all others stay as they are, 0.
    pub fn fill(&self, terms: &[f64], lines: &mut [Line]) {
        for share in &self.shares.shares {
            let slot = usize::from(share.slot);
            lines[slot / WIDTH].0[slot % WIDTH] =
                f64::from(share.weight) * terms[usize::from(share.term)];
        }
    }

    /// Groups the products, and plans the rounds of every table.
    fn arrange(&mut self, parts: &Parts, closed: Option<usize>) {
        let products: Vec<&Product> = parts
            .products
            .iter()
            .filter(|p| p.outputs.iter().any(|&(o, _)| Some(o) != closed))
            .collect();
        let lanes = self.share_lanes(&products, closed);
        let class = |p: &Product| p.places.iter().filter(|&&place| place >= TABLE).count();
        self.classes = [0, 1, 2].map(|c| {
            let count = products.iter().filter(|p| class(p) == c).count();
            count.div_ceil(WIDTH)
        });
        if self.classes.iter().sum::<usize>() % 2 == 1 {
            self.classes[2] += 1;
        }
        let groups = group(&products, &lanes, self.classes, class);
        for members in &groups {
            let mut picks = [Picks([0; WIDTH]); 2];
            for (lane, product) in members.iter().enumerate() {
                for (picks, place) in picks.iter_mut().zip(product.places) {
                    picks.0[lane] = (place % TABLE) as u64;
                }
            }
            self.factors.push(picks);
        }
        for table in groups.chunks(2) {
            // What every lane takes, in turn.
            let mut taken: Vec<Vec<(u64, Weighted)>> = vec![Vec::new(); self.vectors * WIDTH];
            for (half, members) in table.iter().enumerate() {
                for (at, product) in members.iter().enumerate() {
                    for &(output, what) in &product.outputs {
                        let lanes = &lanes[output];
                        if let Some(&lane) = lanes.iter().min_by_key(|&&l| taken[l].len()) {
                            taken[lane].push(((half * WIDTH + at) as u64, what));
                        }
                    }
                }
            }
            let rounds = taken.iter().map(Vec::len).max().unwrap_or(0);
            self.rounds.push(rounds as u8);
            let first = self.shares.more(rounds * self.vectors);
            for (round, v) in (0..rounds).flat_map(|r| (0..self.vectors).map(move |v| (r, v))) {
                let mut picks = Picks([0; WIDTH]);
                for l in 0..WIDTH {
                    if let Some(&(pick, what)) = taken[v * WIDTH + l].get(round) {
                        picks.0[l] = pick;
                        self.shares.put(first + round * self.vectors + v, l, what);
                    }
                }
                self.picks.push(picks);
            }
        }
    }

    /// The lanes that share the sum of each output, its own first; none for one that is closed by others.
    fn share_lanes(&mut self, products: &[&Product], closed: Option<usize>) -> Vec<Vec<usize>> {
        let mut counts = vec![0; self.species];
        for &(output, _) in products.iter().flat_map(|p| &p.outputs) {
            counts[output] += 1;
        }
        let mut lanes: Vec<Vec<usize>> = (0..self.species).map(|i| vec![i]).collect();
        if let Some(closed) = closed {
            counts[closed] = 0;
            lanes[closed].clear();
        }
        let last = (self.vectors - 1) * WIDTH;
        for lane in last..last + WIDTH {
            if lane < self.species && Some(lane) != closed {
                continue;
            }
            let open = (0..self.species).filter(|&i| counts[i] > 0);
            let Some(most) = open.max_by_key(|&i| counts[i] * PLACES / lanes[i].len()) else {
                break;
            };
            lanes[most].push(lane);
        }
        let most = lanes.iter().map(Vec::len).max().unwrap_or(0);
        for extra in 1..most {
            let mut folds = vec![Picks([WIDTH as u64; WIDTH]); self.vectors];
            for (output, lanes) in lanes.iter().enumerate() {
                if let Some(lane) = lanes.get(extra) {
                    folds[output / WIDTH].0[output % WIDTH] = (lane - last) as u64;
                }
            }
            self.folds.extend(folds);
        }
        lanes
    }
}

/// Products in groups of at most eight, two groups a table, such that few outputs meet several times in a table: greedy, from several orders,
/// of which the best is kept.
fn group<'a>(
    products: &[&'a Product],
    lanes: &[Vec<usize>],
    classes: [usize; 3],
    class: impl Fn(&Product) -> usize,
) -> Vec<Vec<&'a Product>> {
    let count: usize = classes.iter().sum();
    let start = |c: usize| classes[..c].iter().sum::<usize>();
    let mut order: Vec<&Product> = products.to_vec();
    order.sort_by_key(|p| std::cmp::Reverse(p.outputs.len()));
    let mut best: Option<(usize, Vec<Vec<&Product>>)> = None;
    let mut seed = 1u32;
    for _ in 0..12 {
        let mut groups: Vec<Vec<&Product>> = vec![Vec::new(); count];
        let mut loads = vec![vec![0usize; lanes.len()]; count / 2];
        let mut rounds = vec![0; count / 2];
        for product in &order {
            let of_class = start(class(product))..start(class(product)) + classes[class(product)];
            let after = |g: usize| {
                let loads = product.outputs.iter().map(|&(o, _)| {
                    let load = loads[g / 2][o] + 1;
                    load.div_ceil(lanes[o].len().max(1))
                });
                // A closed output has no lanes, and takes no rounds.
                let open = loads.zip(&product.outputs);
                let open = open.filter(|(_, (o, _))| !lanes[*o].is_empty());
                open.fold((rounds[g / 2], 0), |(most, sum), (load, _)| {
                    (most.max(load), sum + load * load)
                })
            };
            let free = of_class.filter(|&g| groups[g].len() < WIDTH);
            let key = |&g: &usize| {
                let (most, sum) = after(g);
                (most - rounds[g / 2], sum, groups[g].len())
            };
            // There is room: the groups of a class were counted.
            let Some(chosen) = free.min_by_key(key) else {
                continue;
            };
            rounds[chosen / 2] = after(chosen).0;
            for &(output, _) in &product.outputs {
                loads[chosen / 2][output] += 1;
            }
            groups[chosen].push(product);
        }
        let total = rounds.iter().sum();
        if best.as_ref().is_none_or(|(least, _)| total < *least) {
            best = Some((total, groups));
        }
        // Another order: neighbours change places now and then.
        for i in 1..order.len() {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if seed >> 31 == 1 {
                order.swap(i - 1, i);
            }
        }
    }
    best.map(|(_, groups)| groups).unwrap_or_default()
}
