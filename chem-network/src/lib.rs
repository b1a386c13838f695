//! Chemical reaction networks of astrochemistry: strict readers, stoichiometry, rate coefficients, right-hand side and sparse Jacobian.
