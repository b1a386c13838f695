//! Builds the CUDA device on the host and runs this test program again with its libraries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Environment variable with the checks that the second process runs.
pub const WHICH: &str = "AUTODIFF_AE_HOST_CUDA_CHECKS";

pub struct Libraries {
    folder: tempfile::TempDir,
    include: PathBuf,
}

impl Libraries {
    /// libcuda, libnvrtc and libcublas in a temporary folder; `None` without a C++ compiler.
    pub fn build() -> Option<Self> {
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
        Command::new(&compiler).arg("--version").output().ok()?;
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../autodiff-ae/tests/host_cuda");
        let folder = tempfile::tempdir().unwrap();
        for (source, library) in [
            ("driver.cpp", "libcuda.so"),
            ("nvrtc.cpp", "libnvrtc.so"),
            ("cublas.cpp", "libcublas.so"),
        ] {
            let done = Command::new(&compiler)
                .args(["-std=c++17", "-O1", "-fPIC", "-shared", "-o"])
                .arg(folder.path().join(library))
                .arg(include.join(source))
                .args(["-L"])
                .arg(folder.path())
                .args(if library == "libcublas.so" {
                    &["-lcuda"][..]
                } else {
                    &["-ldl"][..]
                })
                .output()
                .unwrap();
            assert!(
                done.status.success(),
                "{source}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        Some(Self { folder, include })
    }

    /// Environment in which a program finds these libraries; threads run in an order given by `seed`.
    pub fn environment(&self, seed: u64) -> [(&'static str, OsString); 4] {
        let folder = self.folder.path();
        [
            ("LD_LIBRARY_PATH", folder.into()),
            ("HOST_CUDA_INCLUDE", self.include.clone().into()),
            ("HOST_CUDA_SEED", seed.to_string().into()),
            (
                autodiff_ae::cuda::CACHE_VARIABLE,
                folder.join("kernels").into(),
            ),
        ]
    }

    /// The checks `which` with threads in an order given by `seed`; the lines the checks printed, without their prefix.
    pub fn run(&self, which: &str, seed: u64, shared: Option<usize>) -> String {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "in_a_process_of_its_own",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .envs(self.environment(seed))
            .env(WHICH, which);
        if let Some(bytes) = shared {
            command.env("HOST_CUDA_SHARED", bytes.to_string());
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "checks {which}, seed {seed}, shared {shared:?}: {}\n{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        let lines = text(&output.stdout);
        let lines = lines.lines().filter_map(|l| l.strip_prefix("RESULT "));
        lines.fold(String::new(), |all, line| all + line + "\n")
    }
}
