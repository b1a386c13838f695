//! Autoencoders on value and tangent: dense layers, reverse pass, losses, optimisers and checkpoints, fast on small networks.
