//! cuBLAS: the three matrix products of a dense layer, in the precision asked for.

use super::library::{self, failed};
use super::{CudaDevice, Products};
use crate::Error;
use crate::cuda::launch::zeros;
use cudarc::cublas::CudaBlas;
use cudarc::cublas::sys::{self, cublasComputeType_t as Compute, cublasOperation_t as Operation};
use cudarc::driver::{CudaSlice, DevicePtr};
use std::ffi::c_void;

/// Workspace for cuBLAS [bytes]: what it recommends for the latest devices. Given here, so that it allocates nothing while a
/// graph is captured.
const WORKSPACE: usize = 32 << 20;

/// A matrix on the device, column-major.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    pub address: u64,
    /// Rows in memory, before any transposition.
    pub leading: i32,
    pub transposed: bool,
}

/// A handle, its stream and workspace set.
pub(crate) struct Blas {
    handle: CudaBlas,
    data: sys::cudaDataType,
    compute: Compute,
    double: bool,
    _workspace: CudaSlice<u8>,
}

impl Blas {
    /// # Errors
    /// [`Error::NoCudaDevice`] without cuBLAS, [`Error::Cuda`] when it fails.
    pub fn new(device: &CudaDevice, products: Products, double: bool) -> Result<Self, Error> {
        library::cublas()?;
        let handle = CudaBlas::new(device.stream.clone()).map_err(failed("starting cuBLAS"))?;
        let workspace = zeros::<u8>(device, WORKSPACE)?;
        let pointer = workspace.device_ptr(&device.stream).0 as *mut c_void;
        // SAFETY: the workspace lives as long as the handle.
        unsafe { sys::cublasSetWorkspace_v2(*handle.handle(), pointer, WORKSPACE) }
            .result()
            .map_err(failed("giving cuBLAS its workspace"))?;
        let (data, compute) = if double {
            (sys::cudaDataType_t::CUDA_R_64F, Compute::CUBLAS_COMPUTE_64F)
        } else {
            let compute = match products {
                Products::F32 => Compute::CUBLAS_COMPUTE_32F,
                Products::Tf32 => Compute::CUBLAS_COMPUTE_32F_FAST_TF32,
                Products::Bf16 => Compute::CUBLAS_COMPUTE_32F_FAST_16BF,
            };
            (sys::cudaDataType_t::CUDA_R_32F, compute)
        };
        Ok(Self {
            handle,
            data,
            compute,
            double,
            _workspace: workspace,
        })
    }

    /// C (m × n) = A B + beta C, A m × k and B k × n after their transpositions.
    pub fn product(
        &self,
        [m, n, k]: [i32; 3],
        a: Matrix,
        b: Matrix,
        beta: f64,
        c: (u64, i32),
    ) -> Result<(), Error> {
        let operation = |t| {
            if t {
                Operation::CUBLAS_OP_T
            } else {
                Operation::CUBLAS_OP_N
            }
        };
        let (doubles, singles) = ([1.0, beta], [1.0f32, beta as f32]);
        let factors: [*const c_void; 2] = std::array::from_fn(|i| {
            if self.double {
                (&raw const doubles[i]).cast()
            } else {
                (&raw const singles[i]).cast()
            }
        });
        // SAFETY: the callers give addresses of live buffers that hold the matrices stated; the factors are read before the
        // call returns (host pointer mode).
        unsafe {
            cudarc::cublas::result::gemm_ex(
                *self.handle.handle(),
                operation(a.transposed),
                operation(b.transposed),
                m,
                n,
                k,
                factors[0],
                a.address as *const c_void,
                self.data,
                a.leading,
                b.address as *const c_void,
                self.data,
                b.leading,
                factors[1],
                c.0 as *mut c_void,
                self.data,
                c.1,
                self.compute,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
        .map_err(failed("multiplying matrices"))
    }
}
