//! The code that benchmarks measure against computes the same thing.

use benches::{Straightforward, initial_states, osu224};

#[test]
fn straightforward_and_kinetics_agree() {
    let (network, kinetics) = osu224().unwrap();
    let n: Vec<f64> = initial_states(&network, 1)
        .iter()
        .enumerate()
        .map(|(i, v)| v.max(1e-4 * (1 + i) as f64))
        .collect();
    let dim = n.len();
    let plain = Straightforward::new(&kinetics);
    let (mut a, mut b) = (vec![0.0; dim], vec![0.0; dim]);
    plain.rhs(&n, &mut a);
    kinetics.rhs(&n, &mut b);
    let scale = a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    (0..dim).for_each(|i| {
        assert!(
            (a[i] - b[i]).abs() <= 1e-13 * scale,
            "species {i}: {} {}",
            a[i],
            b[i]
        )
    });

    let entries = kinetics.sparsity().1.len();
    let (mut expected, mut values) = (vec![0.0; entries], vec![0.0; entries]);
    plain.jacobian(&n, &mut expected);
    kinetics.jacobian(&n, &mut values);
    for (slot, (value, expected)) in values.iter().zip(&expected).enumerate() {
        assert!(
            (value - expected).abs() <= 1e-12 * expected.abs().max(1e-30),
            "entry {slot}: {value} {expected}"
        );
    }
}
