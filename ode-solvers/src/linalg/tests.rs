//! Residuals of solves along random patterns, dominant or not, in one lane and in several.
use proptest::prelude::*;

use super::*;

/// A random pattern with values, diagonal dominant or not, and the solution expected.
fn residual<const W: usize>(n: usize, density: f64, dominance: f64, seed: u64) -> (f64, bool) {
    let mut state = seed;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let (mut offsets, mut rows) = (vec![0], Vec::new());
    for j in 0..n {
        rows.extend((0..n).filter(|&i| i == j || next() + 0.5 < density));
        offsets.push(rows.len());
    }
    let pattern = SparsityPattern::known(&offsets, &rows);
    let jacobian: Vec<[f64; W]> = rows
        .iter()
        .map(|_| std::array::from_fn(|_| next()))
        .collect();
    let x: Vec<[f64; W]> = (0..n).map(|_| std::array::from_fn(|_| next())).collect();
    let shift = [dominance; W];
    let mut b = x.clone();
    for i in 0..n {
        for l in 0..W {
            b[i][l] *= shift[l];
        }
    }
    for j in 0..n {
        for (k, &i) in pattern.column(j).iter().enumerate() {
            for l in 0..W {
                b[i][l] -= jacobian[offsets[j] + k][l] * x[j][l];
            }
        }
    }
    let mut solver = LinearSolver::<f64, W>::empty();
    solver.analyse(pattern);
    let singular = solver.factorize(&shift, &jacobian);
    assert_eq!(singular, [false; W]);
    solver.solve(&jacobian, &mut b);
    let error = b
        .iter()
        .flatten()
        .zip(x.iter().flatten())
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    (error, solver.fixed.is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn solves_dominant_systems(n in 1usize..70, density in 0.0..1.0f64, seed in any::<u64>()) {
        let dominance = n as f64;
        prop_assert!(residual::<1>(n, density, dominance, seed).0 < 1e-13);
        prop_assert!(residual::<4>(n, density, dominance, seed).0 < 1e-13);
    }
}

#[test]
fn pivots_where_the_diagonal_fails() {
    // A permutation less a zero diagonal: no pivot on the diagonal is usable, the matrix is as regular as can be.
    let n = 30;
    let (mut offsets, mut rows, mut jacobian) = (vec![0], Vec::new(), Vec::new());
    for j in 0..n {
        let mut column = [(j, [0.0, -2.0]), ((j + 7) % n, [-1.0, -1.0])];
        column.sort_by_key(|entry| entry.0);
        for (i, value) in column {
            rows.push(i);
            jacobian.push(value);
        }
        offsets.push(rows.len());
    }
    let mut solver = LinearSolver::<f64, 2>::empty();
    solver.analyse(SparsityPattern::known(&offsets, &rows));
    assert!(solver.fixed.is_some());
    assert_eq!(solver.factorize(&[0.0, 0.0], &jacobian), [false, false]);
    assert_eq!(solver.pivoted, [true, false]);
    let mut b: Vec<[f64; 2]> = (0..n).map(|i| [i as f64, 3.0]).collect();
    solver.solve(&jacobian, &mut b);
    for i in 0..n {
        assert_eq!(b[i][0], ((i + 7) % n) as f64);
        assert!((b[i][1] - 1.0).abs() < 1e-14);
    }
}

#[test]
fn small_multipliers_that_multiply_up_are_noticed() {
    // A ring beside a random diagonal: every multiplier is harmless, their product is not.
    let error = backward_error(9, 0.0, 1.0, 262_742_708_696_484_290, Factorization::Sparse);
    assert!(error < 1e-13, "{error:e}");
}

#[test]
fn names_singular_lanes() {
    let pattern = SparsityPattern::dense(3);
    let mut solver = LinearSolver::<f64, 2>::empty();
    solver.analyse(pattern);
    let jacobian: Vec<[f64; 2]> = (0..9)
        .map(|k| [0.0, if k % 4 == 0 { 1.0 } else { 0.0 }])
        .collect();
    assert_eq!(solver.factorize(&[1.0, 1.0], &jacobian), [false, true]);
    assert_eq!(solver.factorize(&[f64::NAN, 2.0], &jacobian), [true, false]);
}

#[test]
fn an_arrow_has_no_fill_and_a_full_matrix_is_dense() {
    // Full first row, column and diagonal: eliminating the tip first would fill everything.
    let n = 40;
    let columns = (0..n).map(|j| if j == 0 { (0..n).collect() } else { vec![0, j] });
    let (mut offsets, mut rows) = (vec![0], Vec::new());
    for column in columns {
        rows.extend(column);
        offsets.push(rows.len());
    }
    let pattern = SparsityPattern::known(&offsets, &rows);
    // The last few rows count as a full block: a tile in lanes, two squares wide in one lane.
    let fill = |costs| Symbolic::analyse(&pattern, costs).entries() - pattern.nnz();
    assert!(fill(&LANES) < TILE * TILE, "{}", fill(&LANES));
    assert!(fill(&ONE_LANE) < 4 * SIDE * SIDE, "{}", fill(&ONE_LANE));
    let mut solver = LinearSolver::<f64, 1>::empty();
    solver.analyse(SparsityPattern::dense(n));
    assert!(solver.fixed.is_none());
}

/// Backward error max |Mx − b| / (max |M| max |x|) of a random matrix whose diagonal is shrunk by `shrink`, so that pivots there are bad.
fn backward_error(n: usize, density: f64, shrink: f64, seed: u64, by: Factorization) -> f64 {
    let mut state = seed;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let (mut offsets, mut rows, mut jacobian) = (vec![0], Vec::new(), Vec::new());
    for j in 0..n {
        for i in 0..n {
            let partner = i == (j + 1) % n;
            if i == j || partner || next() + 0.5 < density {
                rows.push(i);
                let size = if i == j { shrink } else { 1.0 };
                // The partner's entry keeps the matrix far from singular.
                jacobian.push([size * next() + if partner && n > 1 { 3.0 } else { 0.0 }]);
            }
        }
        offsets.push(rows.len());
    }
    let pattern = SparsityPattern::known(&offsets, &rows).factorized_by(by);
    let shift = [if n == 1 { 1.0 } else { 0.0 }];
    let right: Vec<f64> = (0..n).map(|_| next()).collect();
    let mut x: Vec<[f64; 1]> = right.iter().map(|&b| [b]).collect();
    let mut solver = LinearSolver::<f64, 1>::empty();
    solver.analyse(pattern);
    if solver.factorize(&shift, &jacobian)[0] {
        return f64::INFINITY;
    }
    solver.solve(&jacobian, &mut x);
    let mut left: Vec<f64> = right.iter().map(|b| -b).collect();
    for j in 0..n {
        left[j] += shift[0] * x[j][0];
        for k in offsets[j]..offsets[j + 1] {
            left[rows[k]] -= jacobian[k][0] * x[j][0];
        }
    }
    let largest = |x: &mut dyn Iterator<Item = f64>| x.fold(0.0f64, |m, x| m.max(x.abs()));
    let size = largest(&mut jacobian.iter().map(|v| v[0])).max(shift[0]);
    largest(&mut left.into_iter()) / (size * largest(&mut x.iter().map(|x| x[0])))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// Diagonal pivots of any badness, whichever factorisation is chosen: what comes out solves a matrix near the given one.
    #[test]
    fn bad_pivots_do_not_spoil_the_solution(n in 1usize..60, density in 0.0..0.5f64, shrink in -16.0..0.0f64, seed in any::<u64>()) {
        let shrink = 10f64.powf(shrink);
        for by in [Factorization::Automatic, Factorization::Sparse, Factorization::Dense] {
            let error = backward_error(n, density, shrink, seed, by);
            prop_assert!(error < 1e-9, "{by:?}: {error:e}");
        }
        #[cfg(feature = "faer")]
        {
            let error = backward_error(n, density, shrink, seed, Factorization::Faer);
            prop_assert!(error < 1e-12, "{error:e}");
        }
    }
}
