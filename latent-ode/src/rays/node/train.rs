//! Training of the family `node`: scalings fitted to the training rays, schedules turned into steps, one run of the trainer.

use super::super::config::{Precision, RayConfig};
use super::super::control::{RayControl, drive};
use super::super::moments::Moments;
use super::super::point::Affine;
use super::super::scaling::{LogScaling, Pooling};
use super::super::series::{Quantity, SeriesSource, position};
use super::super::split::Split;
use super::config::NodeConfig;
#[cfg(feature = "cuda")]
use super::cuda::NodeDevice;
use super::draw::{Drawer, Plan};
use super::net::{Keeps, NodeFrame, NodeNet, start_from};
use super::objective::NodeObjective;
use super::rays::{NodeScaling, Rays, ScaledBy, Targets, raw_features, raw_targets};
use super::shape::NodeShape;
use super::step::NodePass;
use crate::Error;
#[cfg(feature = "cuda")]
use autodiff_ae::cuda::CudaDevice;
use autodiff_ae::optim::Stage;
use autodiff_ae::train::{Method, Outcome, Progress, Stop, Trainer};
use autodiff_ae::{Error as LayerError, Schedule, TrainerOptions};

/// Trains on the series of a split.
pub fn train_node(
    source: &dyn SeriesSource,
    split: &Split,
    config: &RayConfig,
    control: &mut RayControl<'_>,
) -> Result<(NodeNet, Outcome, Progress), Error> {
    let found = source.quantities();
    for q in config.inputs.quantities() {
        position(found, *q)?;
    }
    if config.inputs.predicts_temperature() {
        position(found, Quantity::GasTemperature)?;
    }
    match config.precision {
        Precision::F32 => train::<f32>(source, split, config, control),
        Precision::F64 => train::<f64>(source, split, config, control),
    }
}

/// Scalings of the training rays, read one after the other.
fn fit(
    source: &dyn SeriesSource,
    members: &[usize],
    config: &RayConfig,
    shape: &NodeShape,
) -> Result<NodeScaling, Error> {
    let (rule, species) = (config.scaling, source.species().len());
    let outputs = shape.decoder.outputs();
    let mut offsets = vec![rule.abundance_offset; species];
    offsets.resize(outputs, 0.0);
    let (mut s, mut x, mut t, mut aux) = (
        Moments::new(1),
        Moments::new(species),
        Moments::new(outputs - species),
        Moments::new(shape.aux),
    );
    for &i in members {
        let series = source.series(i)?;
        let (found, offset) = (source.quantities(), rule.extinction_offset);
        s.push(series.s.iter().map(|av| (av + offset).log10()));
        let features = raw_features(config.node.features, config.inputs, offset, &series, found)?;
        aux.push(features.into_iter());
        let targets = raw_targets(config.inputs, &series, found)?;
        let log = |(i, v): (usize, &f64)| (v.max(0.0) + offsets[i % outputs]).log10();
        let logs: Vec<f64> = targets.iter().enumerate().map(log).collect();
        let rows = logs.chunks_exact(outputs);
        x.push(rows.clone().flat_map(|r| r[..species].iter().copied()));
        t.push(rows.flat_map(|r| r[species..].iter().copied()));
    }
    let abundances = LogScaling::from_moments(offsets[..species].to_vec(), &x, rule.abundances);
    let rest = LogScaling::from_moments(offsets[species..].to_vec(), &t, Pooling::PerColumn);
    Ok(NodeScaling {
        s: LogScaling::from_moments(vec![rule.extinction_offset], &s, Pooling::PerColumn),
        outputs: abundances.with(&rest),
        aux: Affine::new(aux.per_column()),
    })
}

/// The trainer's options, its stages in steps.
fn options(node: &NodeConfig, per_epoch: u64, seed: u64) -> TrainerOptions {
    let stages = node.stages.iter().map(|s| Stage {
        steps: s.epochs * per_epoch,
        peak: node.rate,
        floor: node.rate * node.rate_end,
        warmup: s.warmup * per_epoch,
        start: node.rate_start,
        exponent: node.rate_exponent,
    });
    let mut options = TrainerOptions::new(node.epochs() * per_epoch, node.batch)
        .with_method(Method::adam_w(node.weight_decay))
        .with_seed(seed)
        .with_schedule(Schedule::Stages {
            stages: stages.collect(),
        });
    options.clip_norm = node.clip_norm;
    options.average = node.average;
    options.review_every = node.review_epochs * per_epoch;
    options.max_seconds = node.max_seconds;
    options
}

/// The objective on the series of a split, with its scalings.
pub(super) fn objective<T: Keeps>(
    source: &dyn SeriesSource,
    split: &Split,
    config: &RayConfig,
    #[cfg(feature = "cuda")] gpu: Option<&CudaDevice>,
) -> Result<(NodeObjective<T>, NodeFrame), Error> {
    let (node, inputs, species) = (&config.node, config.inputs, source.species().len());
    let shape = NodeShape::new(node, inputs, species)?;
    let long: Vec<usize> = split
        .train
        .iter()
        .copied()
        .filter(|&i| source.points(i) >= node.min_points)
        .collect();
    let scaling = fit(source, &long, config, &shape)?;
    let by = ScaledBy {
        features: node.features,
        inputs,
    };
    let load = |members: &[usize]| {
        let mut rays = Rays::new(shape.decoder.outputs(), shape.aux);
        for &i in members {
            let series = source.series(i)?;
            scaling.push(&mut rays, by, &series, source.quantities(), Targets::All)?;
        }
        Ok::<_, Error>(rays)
    };
    let (train, validation) = (load(&long)?, load(&split.validation)?);
    let outputs = shape.decoder.outputs();
    let weight = |j: usize| {
        if j < species {
            1.0
        } else {
            node.temperature_weight
        }
    };
    let mean = (0..outputs).map(weight).sum::<f64>() / outputs as f64;
    let frame = NodeFrame {
        precision: T::PRECISION,
        scaling,
    };
    let start = start_from(inputs, node.features);
    let pass = || NodePass::new(&shape, node, start.clone());
    let mut settings = node.clone();
    settings.max_seconds = 0.0;
    let parts = (&frame, settings, &split.train, &split.validation);
    let fingerprint = serde_json::to_string(&parts).map_err(|e| Error::Config(e.to_string()))?;
    let weights: Vec<T> = (0..outputs)
        .map(|j| <T as autodiff_ae::Scalar>::of(weight(j) / mean))
        .collect();
    let objective = NodeObjective {
        #[cfg(feature = "cuda")]
        gpu: gpu
            .map(|gpu| NodeDevice::new(gpu, &shape, node, &start, &train, &weights))
            .transpose()?,
        config: node.clone(),
        drawer: Drawer::new(
            config.seed,
            (node.batch, node.alpha),
            node.points,
            (!inputs.predicts_temperature()).then_some(node.random_starts),
            &train,
        )?,
        train,
        validation,
        outputs: frame.scaling.outputs.clone(),
        species,
        weights,
        pass: pass(),
        judge: pass(),
        plan: Plan::default(),
        fingerprint,
        shape,
    };
    Ok((objective, frame))
}

fn train<T: Keeps>(
    source: &dyn SeriesSource,
    split: &Split,
    config: &RayConfig,
    control: &mut RayControl<'_>,
) -> Result<(NodeNet, Outcome, Progress), Error> {
    let long = |&&i: &&usize| source.points(i) >= config.node.min_points;
    let mut config = config.clone();
    config.node = config
        .node
        .shortened_for(split.train.iter().filter(long).count());
    let config = &config;
    let (objective, frame) = objective::<T>(
        source,
        split,
        config,
        #[cfg(feature = "cuda")]
        control.gpu.as_ref(),
    )?;
    let (shape, species) = (objective.shape.clone(), objective.species);
    let options = options(&config.node, objective.drawer.per_epoch(), config.seed);
    let params = shape.initialise(config.seed)?;
    let mut trainer = Trainer::new(objective, options, params)?;
    let outcome = match drive(&mut trainer, control) {
        // What was best before it diverged for good is a model all the same.
        Err(Error::Layers(LayerError::Diverged { .. }))
            if trainer.progress().best_score.is_some() =>
        {
            let progress = trainer.progress();
            Outcome {
                stopped: Stop::Standstill,
                steps: trainer.steps(),
                best_step: progress.best_step,
                best_score: progress.best_score,
                seconds: progress.seconds,
                seconds_per_step: progress.seconds / trainer.steps().max(1) as f64,
            }
        }
        other => other?,
    };
    let net = NodeNet {
        frame,
        config: config.node.clone(),
        inputs: config.inputs,
        species,
        shape,
        params: T::keep(trainer.best().to_vec()),
    };
    Ok((net, outcome, trainer.progress().clone()))
}
