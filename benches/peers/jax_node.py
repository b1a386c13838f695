"""Training step of the latent neural ODE of Vermarien et al. (2025) in diffrax, equinox and optax: the peer of examples/node_step.rs.

    pip install "jax[cpu]" diffrax equinox optax h5py
    taskset -c 1 python benches/peers/jax_node.py GRID.h5

Batch 32, whole rays of 300 points, 33 species, latent 16, encoder and decoder 3 x 128, right-hand side 3 x 32, softplus, Tsit5, float32, losses
auto + rollout + latent, AdamW with clipping. Once adaptive (rtol 1e-3, atol 1e-6, PIDController's defaults), once with one step per interval of the grid.
"""
import os
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
import sys, time
import numpy as np, h5py
import jax, jax.numpy as jnp, equinox as eqx, diffrax, optax

BATCH, LATENT, WIDTH, FIELD, DEPTH, STEPS = 32, 16, 128, 32, 3, int(os.environ.get("STEPS", "5"))


def load(path):
    """Standardised (s, x, aux) of the first BATCH models."""
    s, x, aux = [], [], []
    with h5py.File(path) as f:
        ids = [i.decode().strip() for i in f["model_ids"][:BATCH]]
        zeta = f["model_df"][:BATCH, 2]
        for i, z in zip(ids, zeta):
            t = f[i]["pdr"][:].astype(np.float64)
            s.append(np.log10(t[:, 2] + 1e-8))
            x.append(np.log10(t[:, 8:] + 1e-20))
            cols = [np.log10(t[:, 2] + 1e-8), np.log10(t[:, 3]), np.log10(t[:, 4]), np.log10(t[:, 6]),
                    np.log10(t[:, 7] + 1e-20), np.full(len(t), np.log10(z))]
            aux.append(np.stack(cols, 1))
    std = lambda a, axis: (a - a.mean(axis)) / np.maximum(a.std(axis), 1e-9)
    return [jnp.asarray(std(np.array(a), ax), jnp.float32) for a, ax in ((s, None), (x, (0, 1)), (aux, (0, 1)))]


class Model(eqx.Module):
    encoder: eqx.nn.MLP
    field: eqx.nn.MLP
    decoder: eqx.nn.MLP

    def __init__(self, species, aux, key):
        a, b, c = jax.random.split(key, 3)
        self.encoder = eqx.nn.MLP(species, LATENT, WIDTH, DEPTH, jax.nn.softplus, key=a)
        self.field = eqx.nn.MLP(LATENT + aux, LATENT, FIELD, DEPTH, jax.nn.softplus, final_activation=jnp.tanh, key=b)
        self.decoder = eqx.nn.MLP(LATENT, species, WIDTH, DEPTH, jax.nn.softplus, key=c)

    def solve(self, s, z0, aux, adaptive):
        def rhs(t, z, args):
            k = jnp.clip(jnp.searchsorted(s, t, side="right") - 1, 0, len(s) - 1)
            return self.field(jnp.concatenate([z, aux[k]]))
        if adaptive:
            control, dt0 = diffrax.PIDController(rtol=1e-3, atol=1e-6), None
        else:
            control, dt0 = diffrax.StepTo(s), None
        return diffrax.diffeqsolve(diffrax.ODETerm(rhs), diffrax.Tsit5(), s[0], s[-1], dt0, z0, stepsize_controller=control,
                                   saveat=diffrax.SaveAt(ts=s), max_steps=1024, throw=False)


def loss(model, s, x, aux, adaptive):
    over = jax.vmap(jax.vmap(model.encoder)), jax.vmap(jax.vmap(model.decoder))
    coded = over[0](x)
    sol = jax.vmap(lambda s, z, a: model.solve(s, z, a, adaptive))(s, coded[:, 0], aux)
    roll = jnp.mean((over[1](sol.ys) - x) ** 2)
    auto = jnp.mean((over[1](coded) - x) ** 2)
    latent = jnp.mean((sol.ys - coded) ** 2)
    return roll + 0.25 * auto + 1e-3 * latent, sol.stats["num_accepted_steps"]


def main():
    s, x, aux = load(sys.argv[1])
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(2e-4, weight_decay=1e-4))
    for adaptive in (True, False):
        model = Model(x.shape[-1], aux.shape[-1], jax.random.PRNGKey(0))
        state = optimiser.init(eqx.filter(model, eqx.is_array))

        @eqx.filter_jit
        def step(model, state):
            (value, steps), grads = eqx.filter_value_and_grad(loss, has_aux=True)(model, s, x, aux, adaptive)
            updates, state = optimiser.update(grads, state, eqx.filter(model, eqx.is_array))
            return eqx.apply_updates(model, updates), state, value, steps

        model, state, value, steps = step(model, state)
        jax.block_until_ready(value)
        times = []
        for _ in range(STEPS):
            start = time.perf_counter()
            model, state, value, steps = step(model, state)
            jax.block_until_ready(value)
            times.append(time.perf_counter() - start)
        name = "adaptive" if adaptive else "one step per interval"
        print(f"diffrax, {name}: best {1e3 * min(times):.1f} ms a training step, {float(np.mean(steps)):.1f} solver steps a ray", flush=True)


main()
