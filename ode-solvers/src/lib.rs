//! Explicit and stiff ODE solvers for chemical kinetics: Rosenbrock and Runge-Kutta methods, sparse LU, dense output, gradients through a solve.
