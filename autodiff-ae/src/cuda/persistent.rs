//! Small networks: one kernel trains every member of an ensemble, one a block, all steps of a launch inside it.

use super::CudaDevice;
use super::launch::{Arg, Kernels, address, int, zeros};
use super::layout::Layout;
use super::source::Problem;
use super::state::{CudaTable, Members, Run, State};
use crate::{Error, Scalar};
use cudarc::driver::CudaSlice;

const TRAIN: &str = "ae_train";
const LOSSES: &str = "ae_losses";

/// The compiled kernel and its workspace.
pub(crate) struct Persistent<T> {
    kernels: Kernels,
    layout: Layout,
    workspace: CudaSlice<T>,
}

impl<T: Scalar> Persistent<T> {
    /// # Errors
    /// [`Error::SharedMemory`] when the parameters do not fit, and those of compiling and loading.
    pub fn new(device: &CudaDevice, problem: &Problem, members: usize) -> Result<Self, Error> {
        let available = device.shared_memory_per_block();
        let layout = Layout::choose(problem, available).ok_or_else(|| Error::SharedMemory {
            needed: Layout::least(problem),
            available,
        })?;
        let kernels = Kernels::new(
            device,
            "persistent",
            &layout.source(problem),
            &[TRAIN, LOSSES],
        )?;
        for function in [TRAIN, LOSSES] {
            kernels.allow_shared(function, layout.shared_bytes)?;
        }
        Ok(Self {
            workspace: zeros(device, members * layout.workspace)?,
            kernels,
            layout,
        })
    }

    /// All steps of `run`, for every member.
    pub fn train(&self, state: &State<T>, table: &CudaTable<T>, run: &Run<T>) -> Result<(), Error> {
        let average = state.average.as_ref().map_or(0, address);
        self.kernels.launch(
            TRAIN,
            state.members,
            self.layout.threads,
            self.layout.shared_bytes,
            &[
                Arg::Pointer(address(&state.params)),
                Arg::Pointer(address(&state.first)),
                Arg::Pointer(address(&state.second)),
                Arg::Pointer(average),
                Arg::Pointer(address(&self.workspace)),
                Arg::Pointer(address(&table.x)),
                Arg::Pointer(address(&table.xdot)),
                Arg::Pointer(address(&table.conditions)),
                Arg::Pointer(address(&run.order)),
                Arg::Long(run.order_stride as u64),
                Arg::Pointer(address(&run.schedule)),
                Arg::Pointer(address(&state.settings)),
                Arg::Pointer(address(&state.masses)),
                Arg::Pointer(address(&run.report)),
                Arg::Pointer(address(&state.status)),
                Arg::Int(int("steps", run.steps)?),
                Arg::Int(int("batch", run.batch)?),
            ],
        )
    }

    /// The losses of every member on a table, into `report`.
    pub fn losses(
        &self,
        members: Members<'_, T>,
        table: &CudaTable<T>,
        report: &CudaSlice<T>,
    ) -> Result<(), Error> {
        self.kernels.launch(
            LOSSES,
            members.count,
            self.layout.threads,
            self.layout.shared_bytes,
            &[
                Arg::Pointer(address(members.params)),
                Arg::Pointer(address(&self.workspace)),
                Arg::Pointer(address(&table.x)),
                Arg::Pointer(address(&table.xdot)),
                Arg::Pointer(address(&table.conditions)),
                Arg::Pointer(address(members.settings)),
                Arg::Pointer(address(members.masses)),
                Arg::Pointer(address(report)),
                Arg::Int(int("samples", table.samples)?),
            ],
        )
    }
}
