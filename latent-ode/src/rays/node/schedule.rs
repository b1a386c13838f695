//! Courses of windows, weights and length of a training of the family `node`, counted in passes over the rays.

use super::config::{LossWeight, NodeConfig};

impl NodeConfig {
    /// Epochs of all stages.
    pub fn epochs(&self) -> u64 {
        self.stages.iter().map(|s| s.epochs).sum()
    }

    /// Stretches or shortens all stages, and the course of the weights with them, to so many epochs in all, at least one each.
    pub fn set_epochs(&mut self, epochs: u64) {
        let factor = epochs as f64 / self.epochs().max(1) as f64;
        for stage in &mut self.stages {
            stage.epochs = ((stage.epochs as f64 * factor).round() as u64).max(1);
            // A warm-up stays one, however short the stage becomes.
            let warmup = (stage.warmup as f64 * factor).round() as u64;
            stage.warmup = warmup.max(stage.warmup.min(1)).min(stage.epochs - 1);
        }
        for weight in &mut self.weights {
            weight.epoch *= factor;
        }
        let reviews = (self.review_epochs as f64 * factor).round() as u64;
        self.review_epochs = reviews.clamp(1, self.epochs());
    }

    /// The same with its stages shortened, where so many rays make more than `max_steps` steps of them.
    pub(crate) fn shortened_for(&self, rays: usize) -> Self {
        let mut node = self.clone();
        let per_epoch = (rays.div_ceil(self.batch.max(1)) as u64).max(1);
        if self.max_steps > 0 && self.epochs().saturating_mul(per_epoch) > self.max_steps {
            node.set_epochs((self.max_steps / per_epoch).max(1));
        }
        node
    }

    /// Points of the windows in an epoch; 0: whole rays.
    pub(crate) fn window(&self, epoch: u64) -> usize {
        let mut left = epoch;
        for stage in &self.stages {
            if left < stage.epochs {
                return stage.window;
            }
            left -= stage.epochs;
        }
        self.stages.last().map_or(0, |s| s.window)
    }

    /// Weights of (auto, rollout, latent) after so many epochs.
    pub(crate) fn weights(&self, epoch: f64) -> [f64; 3] {
        let of = |w: &LossWeight| [w.auto, w.rollout, w.latent];
        let after = self.weights.iter().position(|w| w.epoch > epoch);
        match after {
            Some(0) => of(&self.weights[0]),
            None => self.weights.last().map_or([0.0, 1.0, 0.0], of),
            Some(i) => {
                let (a, b) = (&self.weights[i - 1], &self.weights[i]);
                let f = (epoch - a.epoch) / (b.epoch - a.epoch);
                let (a, b) = (of(a), of(b));
                std::array::from_fn(|k| a[k] + f * (b[k] - a[k]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn many_rays_shorten_all_stages_and_few_change_nothing(rays in 0usize..1_000_000, most in 0u64..100_000) {
            let node = NodeConfig { max_steps: most, ..NodeConfig::paper() };
            let short = node.shortened_for(rays);
            let per_epoch = rays.div_ceil(node.batch).max(1) as u64;
            let steps = |n: &NodeConfig| n.epochs() * per_epoch;
            if most == 0 || steps(&node) <= most {
                prop_assert_eq!(&short, &node);
            } else {
                // A stage has one pass at least; beyond that, rounding is half a pass a stage.
                let stages = node.stages.len() as u64;
                prop_assert!(steps(&short) <= most.max(per_epoch) + stages * per_epoch);
                prop_assert!(short.stages.iter().all(|s| s.epochs >= 1 && s.warmup < s.epochs));
                prop_assert!(short.validate().is_ok());
                let last = |n: &NodeConfig| n.weights.last().map(|w| w.epoch / n.epochs() as f64);
                let (short, long) = (last(&short).unwrap(), last(&node).unwrap());
                prop_assert!(short <= long * 1.1, "weights change later: {} {}", short, long);
            }
        }
    }
}
