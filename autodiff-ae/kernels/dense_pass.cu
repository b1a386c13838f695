// One network on a whole batch, forward and in reverse: tiles are dealt out to the blocks.
//
// The kernel builder writes the network in front of this text under the prefix `net`, and where the arrays of a block lie.

// output, input_bar: tiles as input has them. `partial` [gridDim.x][net_PARAMS]: the gradient of each block's tiles. output_bar is
// zero where a lane holds no sample. Without output_bar (null) the output alone.
extern "C" __global__ void __launch_bounds__(THREADS)
    pass_product(const real* params, const real* input, const real* output_bar, real* output, real* input_bar, real* partial,
                 real* workspace, int tiles) {
    DYNAMIC_SHARED(shared);
    real* room = workspace + (size_t)blockIdx.x * WORKSPACE;
    real *values = PLACE(VALUES), *slopes = PLACE(SLOPES), *scratch = PLACE(SCRATCH);
    real* gradient = partial + (size_t)blockIdx.x * net_PARAMS;
    if (output_bar) dense_clear(gradient, net_PARAMS);
    for (int t = blockIdx.x; t < tiles; t += gridDim.x) {
        const size_t in_at = (size_t)t * net_INPUTS * DENSE_LANES, out_at = (size_t)t * net_OUTPUTS * DENSE_LANES;
        if (output_bar) {
            net_forward_apart(params, input + in_at, output + out_at, values, slopes);
            net_reverse_apart(params, input + in_at, values, slopes, output_bar + out_at, input_bar ? input_bar + in_at : nullptr,
                              gradient, scratch);
        } else {
            net_value(params, input + in_at, output + out_at, scratch);
        }
    }
}
