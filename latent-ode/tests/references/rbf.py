"""Reference of `the_interpolation_is_scipys` in ray_models.rs: linear radial basis functions by SciPy. (pip install scipy)"""
import numpy as np
from scipy.interpolate import RBFInterpolator

nodes = np.array([[1.0, 2.0, -17.0], [2.0, 3.0, -16.5], [3.5, 2.5, -16.0], [0.5, 5.0, -15.2], [2.2, 4.1, -16.8], [4.0, 6.0, -15.9]])
values = np.array([-1.0, -3.5, -2.25, -7.0, -4.0, -0.5])
points = np.array([[1.5, 2.5, -16.2], [3.0, 5.0, -16.0], [0.0, 0.0, -18.0]])
for point, value in zip(points, RBFInterpolator(nodes, values, kernel="linear")(points)):
    print(f"    ({point.tolist()}, {float(value)!r}),")
