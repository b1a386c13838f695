//! The CUDA C that chem-network exports, compiled by NVRTC where that is installed.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

use autodiff_ae::cuda::{compile, nvrtc_version};
use chem_network::{ExportOptions, Format, Network, Target, embedded, parse_network_as};

/// One state per thread, with everything that the exported file declares.
const KERNEL: &str = r#"
extern "C" __global__ void evaluate(Conditions c, const double *n, double *k, double *dndt, double *values, double *full, int states)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= states) return;
    k += i * REACTIONS;
    n += i * SPECIES;
    rate_coefficients(&c, k);
    rhs(k, n, dndt + i * SPECIES);
    jacobian(k, n, values + i * ENTRIES);
    jacobian_dense(k, n, values + i * ENTRIES, full + i * SPECIES * SPECIES);
}
"#;

/// Rate expressions: functions, powers, temperature ranges, three reactants.
const KROME: &str = "\
@common: user_boost
@var: hot = 1d-3*Tgas
@format:idx,R,R,R,P,P,Tmin,Tmax,rate
1,H,E,,H+,E,>10.,<=1d4,1.2d-10*exp(-hot)*sqrt(invTe)*(T32)**(-0.5)*user_boost
2,H+,E,,H,,NONE,NONE,max(2.753d-14*(315614d0*invT)**1.5d0,1d-20)
3,H,H,H,H2,H,NONE,NONE,1.3d-32*Tgas**(-0.38d0)*log10(1d1+hot)
";

fn networks() -> Vec<(&'static str, Network)> {
    let krome = parse_network_as(KROME, "network.krome", Format::Krome).unwrap();
    vec![("osu224", embedded("osu224").unwrap()), ("krome", krome)]
}

#[test]
fn exported_networks_compile_under_nvrtc() {
    if let Err(e) = nvrtc_version() {
        eprintln!("SKIPPED: no exported network was compiled by NVRTC ({e})");
        return;
    }
    for (name, network) in networks() {
        let files = network
            .export(Target::Cuda, &ExportOptions::default())
            .unwrap();
        let source = format!("{}{KERNEL}", files[0].text);
        let code = compile(name, &source, (8, 0), None).unwrap();
        assert!(code.image.len() > 1000, "{name}");
        eprintln!("{name} compiled");
    }
}
