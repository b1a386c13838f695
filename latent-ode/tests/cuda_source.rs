//! The CUDA source of mass action against its Rust, compiled by the host's compiler in double precision.
#![allow(clippy::unwrap_used)]

use autodiff_ae::{LANES, LatentDynamics};
use latent_ode::{Coefficients, LatentNetwork, MassAction};
use std::io::Write;
use std::process::{Command, Stdio};

/// Reads p, z, ḡ; prints g, then z̄ and p̄ after the reverse (both began at 1: they are added to).
const MAIN: &str = r#"
#include <stdio.h>
static double next() { double x = 0; return scanf("%lf", &x) == 1 ? x : 0.0 / 0.0; }
int main() {
    double p[P], z[Z], g_bar[Z], g[Z], z_bar[Z], p_bar[P];
    for (double& x : p) x = next();
    for (double& x : z) x = next();
    for (double& x : g_bar) x = next();
    for (double& x : g) x = 7;
    for (double& x : z_bar) x = 1;
    for (double& x : p_bar) x = 1;
    latent_value(p, z, nullptr, g);
    latent_vjp(p, z, nullptr, g_bar, z_bar, p_bar, nullptr);
    for (double x : g) printf("%.17g\n", x);
    for (double x : z_bar) printf("%.17g\n", x);
    for (double x : p_bar) printf("%.17g\n", x);
}
"#;

#[test]
fn mass_action_in_cuda_is_mass_action_in_rust() {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    if Command::new(&compiler).arg("--version").output().is_err() {
        eprintln!("SKIPPED: no C++ compiler");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (atoms, size) in [(2, 2), (3, 2)] {
        for coefficients in [Coefficients::Free, Coefficients::Exponential] {
            let network = LatentNetwork::generate(atoms, size).unwrap();
            let dynamics = MassAction::new(network, coefficients);
            let (nz, np) = (dynamics.molecules(), dynamics.reactions());
            let source = LatentDynamics::<f64>::cuda_source(&dynamics).unwrap();
            let text = format!(
                "#include <math.h>\n#define __device__\n#define P {np}\n#define Z {nz}\ntypedef double real;\n\
                 static double r_exp(double x) {{ return exp(x); }}\n{source}{MAIN}"
            );
            let (cpp, exe) = (folder.path().join("a.cpp"), folder.path().join("a.out"));
            std::fs::write(&cpp, text).unwrap();
            let built = Command::new(&compiler)
                .arg("-o")
                .arg(&exe)
                .arg(&cpp)
                .output()
                .unwrap();
            assert!(
                built.status.success(),
                "{}",
                String::from_utf8_lossy(&built.stderr)
            );

            // Numbers of both signs, none of them alike.
            let number = |i: usize| (i as f64 * 0.7 + 0.3).sin();
            let p: Vec<f64> = (0..np).map(number).collect();
            let z: Vec<f64> = (0..nz).map(|i| number(i + 100)).collect();
            let g_bar: Vec<f64> = (0..nz).map(|i| number(i + 200)).collect();
            let mut child = Command::new(&exe)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let input = p
                .iter()
                .chain(&z)
                .chain(&g_bar)
                .map(|x| format!("{x:e}\n"))
                .collect::<String>();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(input.as_bytes())
                .unwrap();
            let output = child.wait_with_output().unwrap();
            let found: Vec<f64> = String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(|l| l.parse().unwrap())
                .collect();

            let rows = |v: &[f64]| -> Vec<[f64; LANES]> {
                // Lane 0 carries the sample; the others have a cotangent of zero where it matters.
                v.iter()
                    .map(|x| std::array::from_fn(|l| if l == 0 { *x } else { 0.0 }))
                    .collect()
            };
            let (mut g, mut z_bar, mut p_bar) =
                (rows(&vec![0.0; nz]), rows(&vec![1.0; nz]), vec![1.0; np]);
            dynamics.value(&p, &rows(&z), &[], &mut g);
            dynamics.vjp(
                &p,
                &rows(&z),
                &[],
                &rows(&g_bar),
                &mut z_bar,
                &mut p_bar,
                &mut [],
            );
            let expected: Vec<f64> = g.iter().chain(&z_bar).map(|r| r[0]).chain(p_bar).collect();
            assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(&expected) {
                assert!(
                    (a - b).abs() <= 1e-13 * (1.0 + b.abs()),
                    "{atoms} atoms, {coefficients:?}: {a} against {b}"
                );
            }
        }
    }
}
