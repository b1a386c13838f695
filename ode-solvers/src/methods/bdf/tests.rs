//! Differences rescaled, and the formulae, on polynomials.
use super::*;

#[test]
fn rescaled_differences_are_those_of_the_same_polynomial() {
    // y = t^p at t = 0, -h, -2h, …: differences by their definition for two step lengths.
    let differences = |p: i32, h: f64, order: usize| {
        let mut values: Vec<f64> = (0..=order).map(|m| (-(m as f64) * h).powi(p)).collect();
        let mut found = [0.0; MOST + 1];
        for i in 1..=order {
            for m in 0..=order - i {
                values[m] -= values[m + 1];
            }
            found[i] = values[0];
        }
        found
    };
    for order in 1..=MOST {
        for p in 1..=order as i32 {
            for factor in [0.3, 0.9, 1.7, 4.0] {
                let matrix = rescaling(order, factor);
                let (old, new) = (differences(p, 1.0, order), differences(p, factor, order));
                for i in 1..=order {
                    let sum: f64 = (1..=order).map(|j| matrix[i][j] * old[j]).sum();
                    let size = new[i].abs().max(1.0) * 1e3;
                    assert!(
                        (sum - new[i]).abs() < 1e-13 * size,
                        "{order} {p} {factor} {i}"
                    );
                }
            }
        }
    }
}

#[test]
fn formulae_are_exact_for_polynomials_of_their_order() {
    // α f(0) h = Σ_j (Σ 1/i) ∇^j + κ-term that vanishes on them: checked on t^p, p ≤ k, where ∇^(k+1) = 0.
    for k in 1..=MOST {
        for p in 1..=k as i32 {
            let mut values: Vec<f64> = (0..=k).map(|m| (-(m as f64)).powi(p)).collect();
            let mut sum = 0.0;
            for j in 1..=k {
                for m in 0..=k - j {
                    values[m] -= values[m + 1];
                }
                sum += values[0] / j as f64;
            }
            let slope = if p == 1 { 1.0 } else { 0.0 };
            assert!((sum - slope).abs() < 1e-11, "{k} {p}: {sum}");
        }
    }
}
