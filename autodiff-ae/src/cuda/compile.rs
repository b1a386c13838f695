//! NVRTC: source to machine code when it is first needed, kept on disk for the next start.

use super::library::{self, failed};
use crate::Error;
use cudarc::nvrtc::sys;
use std::ffi::{CString, c_char, c_int};
use std::path::{Path, PathBuf};

/// Environment variable with the folder for compiled kernels; an empty value turns the cache off.
pub const CACHE_VARIABLE: &str = "AUTODIFF_AE_KERNEL_CACHE";

/// Compiled code, as `cuModuleLoadData` takes it (PTX with its final zero).
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The image.
    pub image: Vec<u8>,
    /// Whether it came from the disk.
    pub cached: bool,
    /// Its file in the cache, where there is one.
    pub file: Option<PathBuf>,
}

/// Folder of compiled kernels: `AUTODIFF_AE_KERNEL_CACHE`, else `autodiff-ae` in the user's cache folder; `None` without either.
pub fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    if let Some(path) = folder(CACHE_VARIABLE) {
        return (!path.as_os_str().is_empty()).then_some(path);
    }
    let set = |p: &PathBuf| !p.as_os_str().is_empty();
    folder("XDG_CACHE_HOME")
        .filter(set)
        .or_else(|| folder("LOCALAPPDATA").filter(set))
        .or_else(|| folder("HOME").filter(set).map(|h| h.join(".cache")))
        .map(|p| p.join("autodiff-ae"))
}

/// Version of NVRTC, major and minor.
///
/// # Errors
/// [`Error::NoCudaDevice`] without the library.
pub fn nvrtc_version() -> Result<(i32, i32), Error> {
    library::nvrtc()?;
    let (mut major, mut minor): (c_int, c_int) = (0, 0);
    // SAFETY: two integers to write to.
    unsafe { sys::nvrtcVersion(&mut major, &mut minor) }
        .result()
        .map_err(failed("asking for NVRTC's version"))?;
    Ok((major, minor))
}

/// Architectures this NVRTC compiles for, as 10 × major + minor, ascending.
fn architectures() -> Result<Vec<i32>, Error> {
    let (mut count, what) = (0, "asking for NVRTC's architectures");
    // SAFETY: an integer to write to, then an array of as many as it says.
    unsafe {
        sys::nvrtcGetNumSupportedArchs(&mut count)
            .result()
            .map_err(failed(what))?;
        let mut list = vec![0; count.unsigned_abs() as usize];
        sys::nvrtcGetSupportedArchs(list.as_mut_ptr())
            .result()
            .map_err(failed(what))?;
        Ok(list)
    }
}

/// Compiles `source` for a compute capability, or takes what an earlier run left in `cache`. The key is the source, the
/// options (the architecture among them) and NVRTC's version. A cache that cannot be read or written costs time, nothing else.
///
/// # Errors
/// [`Error::NoCudaDevice`] without NVRTC, [`Error::Kernel`] with the compiler's log.
pub fn compile(
    name: &str,
    source: &str,
    capability: (i32, i32),
    cache: Option<&Path>,
) -> Result<Compiled, Error> {
    let version = nvrtc_version()?;
    let wanted = 10 * capability.0 + capability.1;
    let known = architectures()?;
    // Machine code where this NVRTC knows the device; else PTX of the latest before it, which the driver translates.
    let (exact, arch) = match known.iter().rev().find(|&&a| a <= wanted) {
        Some(&a) if a == wanted => (true, format!("sm_{a}")),
        Some(&a) => (false, format!("compute_{a}")),
        None => {
            return Err(Error::NoCudaDevice {
                reason: format!(
                    "NVRTC {}.{} does not compile for compute capability {}.{}",
                    version.0, version.1, capability.0, capability.1
                ),
            });
        }
    };
    let options = [format!("--gpu-architecture={arch}"), "--std=c++17".into()];
    let key = fingerprint(&[
        source,
        &options[0],
        &options[1],
        &format!("{}.{}", version.0, version.1),
    ]);
    let file = cache.map(|folder| folder.join(format!("{name}-{arch}-{key:032x}")));
    if let Some(image) = file
        .as_ref()
        .and_then(|f| std::fs::read(f).ok())
        .filter(|image| !image.is_empty())
    {
        return Ok(Compiled {
            image,
            cached: true,
            file,
        });
    }
    let image = Program::new(name, source)?.compile(name, &options, exact)?;
    if let (Some(folder), Some(file)) = (cache, &file) {
        let _ = std::fs::create_dir_all(folder);
        let _ = crate::checkpoint::write_atomic(file, &image);
    }
    Ok(Compiled {
        image,
        cached: false,
        file,
    })
}

/// FNV-1a in 128 bits over the parts, each followed by a byte that no text holds.
fn fingerprint(parts: &[&str]) -> u128 {
    const PRIME: u128 = (1 << 88) + 0x13b;
    let bytes = parts.iter().flat_map(|p| p.bytes().chain([0xff]));
    bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |h, b| {
        (h ^ u128::from(b)).wrapping_mul(PRIME)
    })
}

/// An NVRTC program, destroyed when dropped.
struct Program {
    handle: sys::nvrtcProgram,
    // NVRTC may refer to both until the program is destroyed.
    _source: CString,
    _name: CString,
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by nvrtcCreateProgram, destroyed once.
        let _ = unsafe { sys::nvrtcDestroyProgram(&mut self.handle) };
    }
}

impl Program {
    fn new(name: &str, source: &str) -> Result<Self, Error> {
        let text = |s: &str| {
            CString::new(s).map_err(|e| Error::Kernel {
                name: name.into(),
                log: e.to_string(),
            })
        };
        let (source, name) = (text(source)?, text(&format!("{name}.cu"))?);
        let mut handle = std::ptr::null_mut();
        // SAFETY: strings that live as long as the program; no headers.
        unsafe {
            sys::nvrtcCreateProgram(
                &mut handle,
                source.as_ptr(),
                name.as_ptr(),
                0,
                std::ptr::null(),
                std::ptr::null(),
            )
        }
        .result()
        .map_err(failed("making a program for NVRTC"))?;
        Ok(Self {
            handle,
            _source: source,
            _name: name,
        })
    }

    fn compile(self, name: &str, options: &[String], machine: bool) -> Result<Vec<u8>, Error> {
        let options: Vec<CString> = options
            .iter()
            .filter_map(|o| CString::new(o.as_str()).ok())
            .collect();
        let pointers: Vec<*const c_char> = options.iter().map(|o| o.as_ptr()).collect();
        // SAFETY: an array of as many strings as it says.
        let done = unsafe {
            sys::nvrtcCompileProgram(self.handle, pointers.len() as c_int, pointers.as_ptr())
        };
        if let Err(e) = done.result() {
            return Err(Error::Kernel {
                name: name.into(),
                log: self.log().unwrap_or_else(|| e.to_string()),
            });
        }
        type Size = unsafe fn(sys::nvrtcProgram, *mut usize) -> sys::nvrtcResult;
        type Get = unsafe fn(sys::nvrtcProgram, *mut c_char) -> sys::nvrtcResult;
        let (size, get): (Size, Get) = if machine {
            (sys::nvrtcGetCUBINSize, sys::nvrtcGetCUBIN)
        } else {
            (sys::nvrtcGetPTXSize, sys::nvrtcGetPTX)
        };
        let mut len = 0;
        // SAFETY: a size to write to, then an array of that size.
        unsafe {
            size(self.handle, &mut len)
                .result()
                .map_err(failed("reading the compiled code"))?;
            let mut image = vec![0u8; len];
            get(self.handle, image.as_mut_ptr().cast())
                .result()
                .map_err(failed("reading the compiled code"))?;
            Ok(image)
        }
    }

    fn log(&self) -> Option<String> {
        let mut len = 0;
        // SAFETY: as above.
        unsafe {
            sys::nvrtcGetProgramLogSize(self.handle, &mut len)
                .result()
                .ok()?;
            let mut log = vec![0u8; len];
            sys::nvrtcGetProgramLog(self.handle, log.as_mut_ptr().cast())
                .result()
                .ok()?;
            Some(String::from_utf8_lossy(&log).trim_end_matches('\0').into())
        }
    }
}
