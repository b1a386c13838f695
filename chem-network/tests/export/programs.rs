//! Generated C, CUDA C, Rust and Python: compiled, run, and compared.

use std::path::Path;
use std::process::Command;

use chem_network::{ExportOptions, Extrapolation, Target};

use crate::{Case, cases, compare, condition, reference, state};

/// Whether a program is there; says so if not.
fn is_there(program: &str, arguments: &[&str]) -> bool {
    let found = Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!(
            "skipped: {program} {} does not run here",
            arguments.join(" ")
        );
    }
    found
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Compares what a program prints, one number per line: k, dn/dt, Jacobian values, full Jacobian.
fn judge(case: &Case, temperature: f64, printed: &str) {
    let what = |part: &str| format!("{} at {temperature} K, {part}", case.name);
    let numbers: Vec<f64> = printed
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .collect();
    let reference = reference(case, temperature);
    let species = reference.rhs.len();
    let (k, rest) = numbers.split_at(reference.k.len());
    let (rhs, rest) = rest.split_at(species);
    let (values, dense) = rest.split_at(reference.jacobian.len());
    compare(&what("k"), k, &reference.k, &reference.k);
    compare(&what("rhs"), rhs, &reference.rhs, &reference.rhs_scale);
    let scale = &reference.jacobian_scale;
    compare(&what("Jacobian"), values, &reference.jacobian, scale);
    let mut full = vec![0.0; species * species];
    let (offsets, rows) = &reference.pattern;
    for column in 0..species {
        for entry in offsets[column]..offsets[column + 1] {
            full[rows[entry] * species + column] = values[entry];
        }
    }
    assert_eq!(dense, full, "{}", what("full Jacobian"));
}

/// Names that generated code declares as conditions, by how a line with one begins and ends.
fn conditions(source: &str, begin: &str, end: &str) -> Vec<String> {
    source
        .lines()
        .filter_map(|line| line.strip_prefix(begin))
        .filter_map(|rest| rest.split_once(end))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn source(case: &Case, target: Target) -> String {
    let files = case
        .network
        .export(target, &ExportOptions::default())
        .unwrap();
    assert_eq!(files.len(), 1);
    files[0].text.clone()
}

/// Numbers as literals that C, Rust and Python read.
fn literals(numbers: &[f64]) -> String {
    let texts: Vec<String> = numbers.iter().map(|x| format!("{x:e}")).collect();
    texts.join(", ")
}

fn c_main(case: &Case, source: &str, head: &str, name: &str) -> String {
    let assignments: String = conditions(source, "    double ", ";")
        .iter()
        .filter(|name| *name != "value = 1.0" && *name != "temperature")
        .map(|name| format!("    c.{name} = {:e};\n", condition(case, 1.0, name)))
        .collect();
    format!(
        "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n{head}#include \"{name}\"\n\
         static double n[SPECIES] = {{ {} }};\n\
         static double k[REACTIONS], dndt[SPECIES], values[ENTRIES], full[SPECIES * SPECIES];\n\
         static void print(const double *x, int count) {{ for (int i = 0; i < count; i++) printf(\"%.17g\\n\", x[i]); }}\n\
         int main(int count, char **words)\n{{\n    Conditions c;\n    c.temperature = atof(words[count - 1]);\n{assignments}\
         \x20   rate_coefficients(&c, k);\n    rhs(k, n, dndt);\n    jacobian(k, n, values);\n    print(k, REACTIONS);\n    print(dndt, SPECIES);\n    print(values, ENTRIES);\n\
         \x20   jacobian_dense(k, n, values, full);\n    print(full, SPECIES * SPECIES);\n    return 0;\n}}\n",
        literals(&state(&case.network))
    )
}

/// Compiles `main` beside the generated file and judges its output at all temperatures.
fn compile_and_judge(case: &Case, folder: &Path, compiler: &mut Command) {
    let program = folder.join("program");
    run(compiler.current_dir(folder).arg("-o").arg(&program));
    for &temperature in &case.temperatures {
        let printed = run(Command::new(&program).arg(format!("{temperature:e}")));
        judge(case, temperature, &printed);
    }
}

#[test]
fn c_is_the_right_hand_side() {
    if !is_there("cc", &["--version"]) {
        return;
    }
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        let text = source(&case, Target::C);
        std::fs::write(folder.path().join("network.c"), &text).unwrap();
        let main = c_main(&case, &text, "", "network.c");
        std::fs::write(folder.path().join("main.c"), main).unwrap();
        let arguments = [
            "-std=c99",
            "-O1",
            "-Wall",
            "-Werror",
            "-ffp-contract=off",
            "main.c",
            "-lm",
        ];
        compile_and_judge(&case, folder.path(), Command::new("cc").args(arguments));
    }
}

/// CUDA C as C++ on the host: qualifiers mean nothing there.
#[test]
fn cuda_is_the_right_hand_side() {
    if !is_there("c++", &["--version"]) {
        return;
    }
    for case in cases().into_iter().filter(|case| case.name != "osu") {
        let folder = tempfile::tempdir().unwrap();
        let text = source(&case, Target::Cuda);
        assert!(!text.contains("#include"), "NVRTC has no headers");
        std::fs::write(folder.path().join("network.cu"), &text).unwrap();
        let main = c_main(&case, &text, "#define __device__\n", "network.cu");
        std::fs::write(folder.path().join("main.cpp"), main).unwrap();
        let arguments = ["-O1", "-ffp-contract=off", "main.cpp"];
        compile_and_judge(&case, folder.path(), Command::new("c++").args(arguments));
    }
}

#[test]
fn rust_is_the_right_hand_side() {
    if !is_there("rustc", &["--version"]) {
        return;
    }
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        let text = source(&case, Target::Rust);
        std::fs::write(folder.path().join("network.rs"), &text).unwrap();
        let fields: String = conditions(&text, "    pub ", ":")
            .iter()
            .filter(|name| *name != "temperature")
            .map(|name| format!("{name}: {:e}, ", condition(&case, 1.0, name)))
            .collect();
        let main = format!(
            "#![deny(missing_docs)]\n//! Prints what the network gives.\n/// The network.\npub mod network;\nuse network::*;\n\
             fn main() {{\n    let temperature: f64 = std::env::args().last().unwrap().parse().unwrap();\n\
             \x20   let c = Conditions {{ temperature, {fields} }};\n    let n = [{}];\n\
             \x20   let mut k = [0.0; REACTIONS];\n    rate_coefficients(&c, &mut k);\n\
             \x20   let mut dndt = [0.0; SPECIES];\n    rhs(&k, &n, &mut dndt);\n\
             \x20   let mut values = [0.0; ENTRIES];\n    jacobian(&k, &n, &mut values);\n\
             \x20   let mut full = vec![0.0; SPECIES * SPECIES];\n    jacobian_dense(&k, &n, &mut full);\n\
             \x20   let all = k.iter().chain(&dndt).chain(&values).chain(&full);\n\
             \x20   println!(\"{{}}\", all.map(|x| format!(\"{{x:e}}\")).collect::<Vec<_>>().join(\"\\n\"));\n}}\n",
            literals(&state(&case.network))
        );
        std::fs::write(folder.path().join("main.rs"), main).unwrap();
        let arguments = [
            "--edition",
            "2024",
            "-D",
            "warnings",
            "-C",
            "opt-level=0",
            "main.rs",
        ];
        compile_and_judge(&case, folder.path(), Command::new("rustc").args(arguments));
    }
}

/// At most `most` temperatures: starting JAX takes seconds.
fn python(target: Target, chosen: &[&str], most: usize) {
    for case in cases()
        .into_iter()
        .filter(|case| chosen.contains(&case.name))
    {
        let folder = tempfile::tempdir().unwrap();
        let text = source(&case, target);
        std::fs::write(folder.path().join("network.py"), &text).unwrap();
        let (_, rest) = text.split_once("def rate_coefficients(").unwrap();
        let (names, _) = rest.split_once(')').unwrap();
        let values: Vec<String> = names
            .split(", ")
            .filter(|name| *name != "temperature")
            .map(|name| format!("{name}={:e}", condition(&case, 1.0, name)))
            .collect();
        let main = format!(
            "import sys\nimport network\nimport numpy\nn = numpy.array([{}])\n\
             k = network.rate_coefficients(temperature=float(sys.argv[1]), {})\n\
             for part in (k, network.rhs(k, n), network.jacobian(k, n), network.jacobian_dense(k, n)):\n    \
             print('\\n'.join(repr(float(x)) for x in numpy.asarray(part).ravel()))\n",
            literals(&state(&case.network)),
            values.join(", ")
        );
        let path = folder.path().join("main.py");
        std::fs::write(&path, main).unwrap();
        for &temperature in case.temperatures.iter().take(most) {
            let mut command = Command::new("python3");
            command.arg(&path).arg(format!("{temperature:e}"));
            let printed = run(command.current_dir(folder.path()));
            judge(&case, temperature, &printed);
        }
    }
}

#[test]
fn numpy_is_the_right_hand_side() {
    if is_there("python3", &["-c", "import numpy"]) {
        python(Target::Python, &["laws", "osu224", "osu", "COthin"], 8);
    }
}

#[test]
fn jax_is_the_right_hand_side() {
    if is_there("python3", &["-c", "import numpy, jax"]) {
        python(Target::Jax, &["osu224"], 1);
    }
}

/// The caller's policy outside temperature ranges holds in generated code, too.
#[test]
fn policies_outside_ranges() {
    if !is_there("cc", &["--version"]) {
        return;
    }
    for policy in [
        Extrapolation::Clamp,
        Extrapolation::Zero,
        Extrapolation::Extrapolate,
    ] {
        let mut case = cases().remove(0);
        case.options = case.options.with_extrapolation(policy);
        let options = ExportOptions::default().with_extrapolation(policy);
        let files = case.network.export(Target::C, &options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("network.c"), &files[0].text).unwrap();
        let main = c_main(&case, &files[0].text, "", "network.c");
        std::fs::write(folder.path().join("main.c"), main).unwrap();
        let arguments = ["-std=c99", "-O1", "-ffp-contract=off", "main.c", "-lm"];
        compile_and_judge(&case, folder.path(), Command::new("cc").args(arguments));
    }
}
