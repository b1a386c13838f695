//! Surrogates of chemical networks that evolve in a latent space: latent chemical networks, data sets, training through the rollout, evaluation.
