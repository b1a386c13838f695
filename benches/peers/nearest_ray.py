"""What a look-up reaches on rays of a solved cube: the nearest ray learned from, as `surrogate pdr evaluate` has it, and the nearest
point of any ray learned from. (pip install h5py numpy scipy)

    python nearest_ray.py RAYS.h5

RAYS.h5 is in NeuralPDR's layout (`surrogate pdr rays --fraction`), divided 70/15/15 in its order; errors as `mae_dex`, local inputs.
"""
import sys

import h5py
import numpy as np
from scipy.spatial import cKDTree

file = h5py.File(sys.argv[1])
names, rates = [n.decode() for n in file["model_ids"][:]], file["model_df"][:, 2].astype(float)
count = len(names)
known, unseen = range(count * 70 // 100), range(count * 85 // 100, count)

depth, inputs, logs, described = {}, {}, {}, {}
for i in [*known, *unseen]:
    p = file[f"{names[i]}/pdr"][:].astype(float)
    u = np.log10(p[:, 2] + 1e-8)
    q = np.log10(np.stack([p[:, 3], p[:, 4], p[:, 6], p[:, 7] + 1e-20, np.full(len(p), rates[i])]))
    at = u[0] + (u[-1] - u[0]) * np.arange(8) / 7
    depth[i], inputs[i], logs[i] = u, q, np.log10(p[:, 8:] + 1e-20)
    described[i] = np.concatenate([[u[0], u[-1]], *(np.interp(at, u, row) for row in q)])

table = np.array([described[i] for i in known])
weight = lambda s: 1 / s if s > 1e-9 else 0.0
weights = [weight(table[:, k].std()) for k in (0, 1)]
for k in range(len(q)):
    weights += [weight(table[:, 2 + 8 * k : 10 + 8 * k].std()) / np.sqrt(8)] * 8
tree = cKDTree(table * weights)
errors = []
for i in unseen:
    near = tree.query(described[i] * weights)[1]
    found = np.stack([np.interp(depth[i], depth[near], x) for x in logs[near].T], axis=1)
    errors.append(np.abs(found - logs[i])[1:].ravel())
print(f"nearest ray: {np.concatenate(errors).mean():.4f} dex")

points, values = np.concatenate([inputs[i].T for i in known]), np.concatenate([logs[i] for i in known])
weights = [weight(s) for s in points.std(axis=0)]
tree = cKDTree(points * weights)
errors, same = [], []
for i in unseen:
    far, near = tree.query(inputs[i].T * weights)
    errors.append(np.abs(values[near] - logs[i])[1:].ravel())
    same.append(far[1:] == 0)
print(f"nearest point: {np.concatenate(errors).mean():.4f} dex; {np.concatenate(same).mean():.1%} of the points are among those learned from")
