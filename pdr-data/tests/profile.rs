//! The profile of v2 against its formula, computed apart with NumPy:
//! `n = 10**(-1 + arange(490)/70); a = 0.05*exp(1.6*n**0.12); s = cumsum(diff(a)/(6.3e-22*n[1:]))/3.08568025e18`.
#![allow(clippy::unwrap_used)]

use pdr_data::column::visual_extinction;
use pdr_data::density::DensityProfile;
use pdr_data::profile::{EffectiveProfile, POINTS, effective_extinction};

fn close(a: f64, b: f64, relative: f64) {
    assert!((a - b).abs() <= relative * b.abs(), "{a} {b}");
}

#[test]
fn the_formula() {
    for (n, a) in [
        (0.1, 0.168299835786081),
        (1.0, 0.24765162121975576),
        (1e3, 1.95356512171403),
        (967641.0537094537, 214.45659334161206),
    ] {
        close(effective_extinction(n), a, 1e-12);
    }
    let profile = EffectiveProfile::new();
    assert_eq!(profile.density.len(), POINTS);
    close(profile.density[0], 0.1, 1e-12);
    close(profile.density[489], 967641.0537094537, 1e-12);
    for pair in profile.density.windows(2) {
        close(pair[1] / pair[0], 10f64.powf(1.0 / 70.0), 1e-12);
    }
    // From NumPy, with the parsec of the International Astronomical Union; 3D-PDR's is greater by 8e-7.
    close(profile.position_pc[1], 4.031122476123346, 1e-6);
    close(profile.position_pc[101], 156.87878196870895, 1e-6);
    close(profile.position_pc[489], 176.98905580015165, 1e-6);
}

#[test]
fn a_line_of_sight_for_a_surrogate_or_for_the_code() {
    let profile = EffectiveProfile::new();
    let line = profile.lit(30.0, 3);
    line.check_lengths().unwrap();
    let part = profile.clone().down_to(20.0);
    assert!(part.visual_extinction.iter().all(|a| *a <= 20.0));
    assert!(profile.visual_extinction[part.density.len()] > 20.0);
    assert_eq!(
        part.position_pc[..],
        profile.position_pc[..part.density.len()]
    );
    assert_eq!((line.len(), line.species()), (POINTS, 3));
    for k in 0..POINTS {
        let tau = (line.radiation_field[k] / 30.0).ln() / -3.02;
        close(tau, line.visual_extinction[k], 1e-12);
    }
    // The input file, and the A_V the code makes of it: trapezia over the steps come near the profile's own from where it is smooth.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v2.dat");
    profile.as_input().write(&path).unwrap();
    let read = DensityProfile::read(&path).unwrap();
    assert_eq!(read.density.len(), POINTS);
    let found = visual_extinction(&read.position_pc(), &read.density, 1.0).unwrap();
    let expected = profile.visual_extinction[489] - profile.visual_extinction[0];
    close(found[489], expected, 0.03);
}
