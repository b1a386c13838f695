//! The Jacobian of one state, arranged for registers of eight numbers: see [`wide_plan`](super::wide_plan).
//!
//! Of G − n ∘ (M n) the Jacobian is G′ − diag(n) M − diag(M n). An entry of the first two is a sum of coefficients times places of the state; eight
//! entries that follow each other make a vector, and rounds for all of them take one place each out of the lower or the upper half of the state.
//! A vector takes as many rounds as suit most of its entries. What its longer sums have beyond goes to lanes of further vectors, the rests. One more
//! instruction takes for every entry what is to be added: a lane of a register of −M n, a lane of one vector of rests, or nothing.
//! (Added number by number to entries that were stored by eight, they wait for these stores: that took two fifths of the time.)

use super::wide_plan::{PLACES, Parts, Picks, Shares, TABLE, WIDTH, Weighted};

/// Vectors that are added: the four of −M n and the rests of long sums, at most.
pub(crate) const EXTRAS: usize = 64;
/// The lane of rests that is 0, for entries to which nothing is added.
const NOTHING: usize = WIDTH - 1;
/// Different numbers of rounds: every change is a branch that the processor may guess wrong.
const SHAPES: usize = 8;
const REST_SHAPES: usize = 3;
/// Rounds of a vector from either half, at most: there is code for every number.
pub(crate) const ROUNDS: usize = 4;

/// Vectors that take the same rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WideRun {
    /// Rounds from the lower and from the upper half of the state, 1 to [`ROUNDS`].
    pub rounds: [u8; 2],
    pub vectors: u16,
}

/// Where a vector is stored, and the two vectors that something is added from: of −M n and of rests. (Rests have nothing added.)
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub vector: u16,
    pub diagonal: u8,
    pub rest: u8,
}

#[derive(Debug, Default)]
pub(crate) struct WideJacobian {
    /// Number of entries.
    pub length: usize,
    /// Runs of the vectors of rests, which come first, and of those of entries.
    pub rest_runs: Vec<WideRun>,
    pub runs: Vec<WideRun>,
    /// Of every vector, in the order of the runs; rests are numbered after −M n.
    pub places: Vec<Place>,
    /// For each vector what its rounds take, four bits each, the first lowest, and what is added: one load instead of one a round, and the whole fits
    /// a first-level cache.
    pub picks: Vec<Picks>,
    /// Lines of the coefficients begin here.
    pub first_line: usize,
    /// Lanes of −M n and of rests, and the entries they are added to one by one.
    pub adds: Vec<[u16; 2]>,
}

/// A sum: the places it takes from either half, and with what.
type Sum = [Vec<(usize, Weighted)>; 2];

/// Eight sums.
struct Vector {
    place: Place,
    sums: Vec<Sum>,
    rounds: [usize; 2],
    /// What each entry takes of the two vectors that something is added from.
    added: [usize; WIDTH],
}

impl Vector {
    fn new(vector: usize, sums: Vec<Sum>, rounds: [usize; 2]) -> Self {
        Self {
            place: Place {
                vector: vector as u16,
                ..Place::default()
            },
            sums,
            rounds,
            added: [WIDTH + NOTHING; WIDTH],
        }
    }
}

/// Sums to be added to lanes of a vector of entries, or to one entry.
struct Rests {
    vector: Option<usize>,
    /// Lanes or the entry.
    to: Vec<usize>,
    sums: Vec<Sum>,
}

impl WideJacobian {
    /// `None` if too much would have to be added at the end.
    pub fn new(
        parts: &Parts,
        species: usize,
        offsets: &[usize],
        rows: &[usize],
        shares: &mut Shares,
    ) -> Option<Self> {
        let entry = |row: usize, column: usize| {
            let range = offsets[column]..offsets[column + 1];
            // The pattern has an entry for every species that a reaction changes.
            let at = rows[range.clone()].binary_search(&row).ok()?;
            Some(range.start + at)
        };
        let mut sums = vec![Sum::default(); rows.len()];
        let mut put = |row, column, place: usize, what| {
            let at = entry(row, column)?;
            sums[at][place / TABLE].push((place, what));
            Some(())
        };
        for (&(row, column), &Weighted { term, weight }) in &parts.loss {
            if column < species {
                let weight = -weight;
                put(row, column, row, Weighted { term, weight })?;
            }
        }
        for (places, output, Weighted { term, weight }) in parts.gains() {
            let [a, b] = places;
            let square = a == b && a < species;
            let weight = if square { 2.0 * weight } else { weight };
            if a < species {
                put(output, a, b, Weighted { term, weight })?;
            }
            if b < species && !square {
                put(output, b, a, Weighted { term, weight })?;
            }
        }
        let mut jacobian = Self {
            length: rows.len(),
            first_line: shares.lines,
            ..Self::default()
        };
        let whole = rows.len() / WIDTH;
        let mut vectors: Vec<Vector> = Vec::new();
        let mut rests: Vec<Rests> = Vec::new();
        let diagonal: Option<Vec<usize>> = (0..species).map(|i| entry(i, i)).collect();
        let diagonal = diagonal?;
        for (v, eight) in sums.chunks_mut(WIDTH).enumerate() {
            let alone = |l: usize| v >= whole || diagonal.contains(&(v * WIDTH + l));
            let rounds = if v < whole { cut(eight, alone) } else { [0; 2] };
            let mut of_vector = Rests {
                vector: Some(v),
                to: Vec::new(),
                sums: Vec::new(),
            };
            for (l, sum) in eight.iter_mut().enumerate() {
                let mut rest = split(sum, rounds);
                // One vector of rests takes seven, and an entry takes one thing.
                let mut alone = alone(l);
                while rest.iter().any(|half| !half.is_empty()) {
                    let more = split(&mut rest, [ROUNDS; 2]);
                    if alone || of_vector.to.len() == NOTHING {
                        rests.push(Rests {
                            vector: None,
                            to: vec![v * WIDTH + l],
                            sums: vec![rest],
                        });
                    } else {
                        of_vector.to.push(l);
                        of_vector.sums.push(rest);
                    }
                    alone = true;
                    rest = more;
                }
            }
            rests.push(of_vector);
            if v < whole {
                vectors.push(Vector::new(v, eight.to_vec(), rounds));
            }
        }
        for (i, &entry) in diagonal.iter().enumerate() {
            let of_vector = vectors.get_mut(entry / WIDTH);
            let register = (i / WIDTH) as u8;
            match of_vector {
                // Unless it takes from another register already.
                Some(vector)
                    if vector.place.diagonal == register
                        || vector.added.iter().all(|&lane| lane >= WIDTH) =>
                {
                    vector.place.diagonal = register;
                    vector.added[entry % WIDTH] = i % WIDTH;
                }
                _ => jacobian.adds.push([i, entry].map(|i| i as u16)),
            }
        }
        let rests = jacobian.place_rests(rests, &mut vectors);
        if PLACES / WIDTH + rests.len() > EXTRAS {
            return None;
        }
        jacobian.rest_runs = jacobian.push(rests, REST_SHAPES, shares);
        jacobian.runs = jacobian.push(vectors, SHAPES, shares);
        Some(jacobian)
    }

    /// Vectors of rests, those of an entry's vector in one, alike lengths together.
    fn place_rests(&mut self, mut rests: Vec<Rests>, vectors: &mut [Vector]) -> Vec<Vector> {
        rests.retain(|rests| !rests.to.is_empty());
        let most = |sums: &[Sum]| {
            [0, 1].map(|h| sums.iter().map(|s| s[h].len()).max().unwrap_or(0).max(1))
        };
        rests.sort_by_key(|rests| std::cmp::Reverse(most(&rests.sums)));
        let mut bins: Vec<Vec<Sum>> = Vec::new();
        for Rests { vector, to, sums } in rests {
            let free = bins.iter().position(|b| b.len() + sums.len() <= NOTHING);
            let bin = free.unwrap_or(bins.len());
            bins.resize(bins.len().max(bin + 1), Vec::new());
            let place = PLACES / WIDTH + bin;
            for (&to, lane) in to.iter().zip(bins[bin].len()..) {
                match vector {
                    Some(v) => {
                        vectors[v].place.rest = place as u8;
                        vectors[v].added[to] = WIDTH + lane;
                    }
                    None => {
                        let lane = place * WIDTH + lane;
                        self.adds.push([lane, to].map(|i| i as u16));
                    }
                }
            }
            bins[bin].extend(sums);
        }
        // Without rests there still is one vector, of zeros.
        bins.resize(bins.len().max(1), Vec::new());
        for vector in vectors {
            vector.place.rest = vector.place.rest.max((PLACES / WIDTH) as u8);
        }
        let bins = bins.into_iter().enumerate();
        bins.map(|(bin, sums)| {
            let rounds = most(&sums);
            Vector::new(PLACES / WIDTH + bin, sums, rounds)
        })
        .collect()
    }

    /// Time of an evaluation without M n, in tenths of a nanosecond, roughly.
    pub fn cost(&self) -> usize {
        let rounds = self
            .runs
            .iter()
            .chain(&self.rest_runs)
            .map(|run| usize::from(run.vectors) * usize::from(run.rounds[0] + run.rounds[1]));
        200 + 5 * rounds.sum::<usize>() + 6 * self.places.len() + 10 * self.adds.len()
    }

    /// Plans the rounds of vectors, those with the same numbers after each other.
    fn push(
        &mut self,
        mut vectors: Vec<Vector>,
        shapes: usize,
        shares: &mut Shares,
    ) -> Vec<WideRun> {
        few_shapes(&mut vectors, shapes);
        vectors.sort_by_key(|v| (v.rounds, v.place.vector));
        let mut runs = Vec::new();
        for run in vectors.chunk_by(|a, b| a.rounds == b.rounds) {
            runs.push(WideRun {
                rounds: run[0].rounds.map(|r| r as u8),
                vectors: run.len() as u16,
            });
            for vector in run {
                self.places.push(vector.place);
                let rounds = [0, 1].map(|h| (0..vector.rounds[h]).map(move |round| (h, round)));
                let mut picks = Picks([0; WIDTH]);
                for (at, (h, round)) in rounds.into_iter().flatten().enumerate() {
                    let line = shares.more(1);
                    for (l, sum) in vector.sums.iter().enumerate() {
                        if let Some(&(place, what)) = sum[h].get(round) {
                            picks.0[l] |= ((place % TABLE) as u64) << (4 * at);
                            shares.put(line, l, what);
                        }
                    }
                }
                let last = vector.rounds[0] + vector.rounds[1];
                for (pick, &lane) in picks.0.iter_mut().zip(&vector.added) {
                    *pick |= (lane as u64) << (4 * last);
                }
                self.picks.push(picks);
            }
        }
        runs
    }
}

/// The rounds after which it is best to move on what is left of eight sums. In arbitrary units of time a round for all takes 20, a number
/// moved 5, a sum 4, one that must be added `alone` 60. (Half or twice as much for the moved ones makes little difference.)
fn cut(sums: &[Sum], alone: impl Fn(usize) -> bool) -> [usize; 2] {
    let cost = |rounds: [usize; 2]| {
        let rest = |s: &Sum, h: usize| s[h].len().saturating_sub(rounds[h]);
        let moved = sums.iter().enumerate().map(|(l, s)| {
            let rest = rest(s, 0) + rest(s, 1);
            match rest {
                0 => 0,
                _ if alone(l) => 60 + 5 * rest,
                _ => 4 + 5 * rest,
            }
        });
        20 * (rounds[0] + rounds[1]) + moved.sum::<usize>()
    };
    let all = (1..=ROUNDS).flat_map(|low| (1..=ROUNDS).map(move |high| [low, high]));
    all.min_by_key(|&rounds| cost(rounds)).unwrap_or([1; 2])
}

/// Leaves as much in a sum as `rounds` take, and returns the rest.
fn split(sum: &mut Sum, rounds: [usize; 2]) -> Sum {
    [0, 1].map(|h| sum[h].split_off(rounds[h].min(sum[h].len())))
}

/// Raises numbers of rounds until at most `most` different ones are left, by as few as a greedy choice finds.
fn few_shapes(vectors: &mut [Vector], most: usize) {
    loop {
        let mut shapes: Vec<([usize; 2], usize)> = Vec::new();
        for vector in vectors.iter() {
            match shapes.iter_mut().find(|(s, _)| *s == vector.rounds) {
                Some((_, count)) => *count += 1,
                None => shapes.push((vector.rounds, 1)),
            }
        }
        if shapes.len() <= most {
            return;
        }
        let joined = |a: [usize; 2], b: [usize; 2]| [a[0].max(b[0]), a[1].max(b[1])];
        let size = |s: [usize; 2]| s[0] + s[1];
        let pairs = (1..shapes.len()).flat_map(|i| (0..i).map(move |j| (j, i)));
        let Some((j, i)) = pairs.min_by_key(|&(j, i)| {
            let both = size(joined(shapes[i].0, shapes[j].0));
            shapes[i].1 * (both - size(shapes[i].0)) + shapes[j].1 * (both - size(shapes[j].0))
        }) else {
            return;
        };
        let (a, b) = (shapes[i].0, shapes[j].0);
        for vector in vectors.iter_mut() {
            if vector.rounds == a || vector.rounds == b {
                vector.rounds = joined(a, b);
            }
        }
    }
}
