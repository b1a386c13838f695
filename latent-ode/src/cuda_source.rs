//! Mass action of a latent network as CUDA source, straight-line code per reaction, for autodiff-ae's kernel builder.

use std::fmt::Write;

use crate::{Coefficients, MassAction};

/// `latent_value` and `latent_vjp` as [`autodiff_ae::LatentDynamics::cuda_source`] describes them.
pub(crate) fn mass_action(dynamics: &MassAction) -> String {
    let exponential = dynamics.coefficients() == Coefficients::Exponential;
    let (mut value, mut vjp) = (String::new(), String::new());
    for (j, reaction) in dynamics.network().reactions().iter().enumerate() {
        let k = if exponential {
            format!("r_exp(p[{j}])")
        } else {
            format!("p[{j}]")
        };
        let product = factors(reaction.reactants().iter());
        let changes = changes(reaction.reactants(), reaction.products());
        let _ = writeln!(value, "    {{\n        const real rate = {k}{product};");
        let _ = writeln!(
            vjp,
            "    {{\n        const real k = {k};\n        real bar = 0;"
        );
        for (i, s) in changes {
            let _ = writeln!(value, "        g[{i}] += real({s}) * rate;");
            let _ = writeln!(vjp, "        bar += real({s}) * g_bar[{i}];");
        }
        // dk/dp is k for k = exp p, else 1.
        let slope = if exponential { " * k" } else { "" };
        let _ = writeln!(vjp, "        p_bar[{j}] += bar{slope}{product};");
        for (n, i) in reaction.reactants().iter().enumerate() {
            let others = reaction.reactants().iter().enumerate();
            let others = factors(others.filter(|(m, _)| *m != n).map(|(_, i)| i));
            let _ = writeln!(vjp, "        z_bar[{i}] += bar * k{others};");
        }
        value.push_str("    }\n");
        vjp.push_str("    }\n");
    }
    let n = dynamics.molecules();
    format!(
        "__device__ inline void latent_value(const real* p, const real* z, const real* c, real* g) {{\n    \
         for (int i = 0; i < {n}; i++) g[i] = 0;\n{value}}}\n\
         __device__ inline void latent_vjp(const real* p, const real* z, const real* c, const real* g_bar, real* z_bar, \
         real* p_bar, real* c_bar) {{\n{vjp}}}\n"
    )
}

/// ` * z[i] * z[j] …`.
fn factors<'a>(molecules: impl Iterator<Item = &'a usize>) -> String {
    molecules.map(|i| format!(" * z[{i}]")).collect()
}

/// Molecules that a reaction changes, and by how much.
fn changes(reactants: &[usize], products: &[usize]) -> Vec<(usize, i64)> {
    let mut changes = std::collections::BTreeMap::new();
    for i in reactants {
        *changes.entry(*i).or_insert(0) -= 1;
    }
    for i in products {
        *changes.entry(*i).or_insert(0) += 1;
    }
    changes.into_iter().filter(|c| c.1 != 0).collect()
}
