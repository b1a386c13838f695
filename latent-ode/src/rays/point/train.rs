//! Training of the point families: data streamed for their scaling, then one run of the trainer over all members.

use super::super::config::{Inputs, PointConfig, Precision, RayConfig};
use super::super::conserve::{Conservation, Sums};
use super::super::control::{RayControl, drive};
use super::super::moments::Moments;
use super::super::scaling::{LogScaling, Pooling};
use super::super::series::{Quantity, SeriesSource, position};
use super::super::split::Split;
use super::PointSource;
use super::cell::{CellSet, Cells};
use super::cpu::OnCpu;
use super::features;
#[cfg(feature = "cuda")]
use super::gpu::OnGpu;
use super::network::{Affine, Frame, Keeps, PointNet, shape};
use super::objective::{Judge, Place, Regression};
use super::pools::{Points, Pools};
use crate::Error;
use autodiff_ae::train::{Method, Outcome, Progress, Trainer};
use autodiff_ae::{Initialiser, Mlp, Schedule, TrainerOptions};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The series of a source as points.
struct RayPoints<'a> {
    source: &'a dyn SeriesSource,
    inputs: Inputs,
    /// Column of the gas temperature, where it is an output.
    temperature: Option<usize>,
}

impl PointSource for RayPoints<'_> {
    fn features(&self) -> usize {
        features::width(self.inputs)
    }

    fn targets(&self) -> usize {
        self.source.species().len() + usize::from(self.temperature.is_some())
    }

    fn points(&self, i: usize) -> usize {
        self.source.points(i)
    }

    fn load(&self, i: usize) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let series = self.source.series(i)?;
        let found = self.source.quantities();
        let features = features::of_series(self.inputs, &series, found)?;
        let Some(t) = self.temperature else {
            return Ok((features, series.x));
        };
        let targets = (0..series.len()).flat_map(|k| {
            let temperature = series.quantities(k)[t];
            series.abundances(k).iter().copied().chain([temperature])
        });
        Ok((features, targets.collect()))
    }
}

/// Trains `pointwise` on the series of a split.
pub fn train_rays(
    source: &dyn SeriesSource,
    split: &Split,
    config: &RayConfig,
    control: &mut RayControl<'_>,
) -> Result<(PointNet, Outcome, Progress), Error> {
    let found = source.quantities();
    let temperature = match config.inputs.predicts_temperature() {
        true => Some(position(found, Quantity::GasTemperature)?),
        false => None,
    };
    for q in config.inputs.quantities() {
        position(found, *q)?;
    }
    let points = RayPoints {
        source,
        inputs: config.inputs,
        temperature,
    };
    let species = source.species();
    match config.precision {
        Precision::F32 => train::<f32>(&points, species, split, config, &config.pointwise, control),
        Precision::F64 => train::<f64>(&points, species, split, config, &config.pointwise, control),
    }
}

/// Trains `cell` on the cells of a split.
pub fn train_cells(
    cells: &Cells,
    split: &Split,
    config: &RayConfig,
    control: &mut RayControl<'_>,
) -> Result<(PointNet, Outcome, Progress), Error> {
    let (points, species) = (CellSet(cells), &cells.species);
    match config.precision {
        Precision::F32 => train::<f32>(&points, species, split, config, &config.cell, control),
        Precision::F64 => train::<f64>(&points, species, split, config, &config.cell, control),
    }
}

/// Means and deviations of features and targets over the training set, and what it conserves, one group at a time.
fn fit_scaling(
    source: &dyn PointSource,
    names: &[String],
    split: &Split,
    config: &RayConfig,
) -> Result<(Affine, LogScaling, Conservation), Error> {
    let species = names.len();
    let mut sums = Sums::new(names);
    let rule = config.scaling;
    let mut offsets = vec![rule.abundance_offset; species];
    offsets.resize(source.targets(), 0.0);
    let (mut x, mut y, mut t) = (
        Moments::new(source.features()),
        Moments::new(species),
        Moments::new(offsets.len() - species),
    );
    for &i in &split.train {
        let (features, targets) = source.load(i)?;
        x.push(features.into_iter());
        for row in targets.chunks_exact(offsets.len()) {
            sums.push(&row[..species]);
        }
        let log = |(i, v): (usize, &f64)| (v.max(0.0) + offsets[i % offsets.len()]).log10();
        let logs: Vec<f64> = targets.iter().enumerate().map(log).collect();
        let rows = logs.chunks_exact(offsets.len());
        y.push(rows.clone().flat_map(|r| r[..species].iter().copied()));
        t.push(rows.flat_map(|r| r[species..].iter().copied()));
    }
    let abundances = LogScaling::from_moments(offsets[..species].to_vec(), &y, rule.abundances);
    let rest = LogScaling::from_moments(offsets[species..].to_vec(), &t, Pooling::PerColumn);
    let conservation = match config.conserve {
        true => sums.conserved(),
        false => Conservation::default(),
    };
    Ok((
        Affine::new(x.per_column()),
        abundances.with(&rest),
        conservation,
    ))
}

fn options(settings: &PointConfig, per_epoch: u64, seed: u64) -> TrainerOptions {
    let steps = settings.epochs * per_epoch;
    let mut options = TrainerOptions::new(steps, settings.batch)
        .with_method(Method::adam_w(settings.weight_decay))
        .with_seed(seed)
        .with_schedule(Schedule::Cosine {
            peak: settings.rate,
            floor: 0.0,
            warmup: settings.warmup.min(steps / 4),
            total: steps,
        });
    options.clip_norm = settings.clip_norm;
    options.average = settings.average;
    options.review_every = (steps / settings.reviews).max(1);
    options.max_seconds = settings.max_seconds;
    options
}

fn train<T: Keeps>(
    source: &dyn PointSource,
    names: &[String],
    split: &Split,
    config: &RayConfig,
    settings: &PointConfig,
    control: &mut RayControl<'_>,
) -> Result<(PointNet, Outcome, Progress), Error> {
    let species = names.len();
    let (features, outputs, conservation) = fit_scaling(source, names, split, config)?;
    let frame = Frame {
        precision: T::PRECISION,
        members: settings.members,
        shape: shape(settings, source.features(), source.targets()),
        features,
        outputs,
        conservation,
    };
    let mlp = Mlp::from_shape(&frame.shape)?;
    let mut params = vec![T::zero(); settings.members * mlp.param_len()];
    for (k, own) in params.chunks_exact_mut(mlp.param_len()).enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(1 + k as u64);
        let scale = if settings.residual { 1.0 } else { 2.0 };
        let initialiser = Initialiser::TruncatedNormal {
            scale,
            truncation: 3.0,
        };
        mlp.initialise(initialiser, &mut rng, own)?;
    }
    let pools = Pools::new(
        source,
        &split.train,
        settings.pool,
        settings.batch,
        config.seed,
    )?;
    let options = options(settings, pools.per_epoch(), config.seed);
    let weight = |j: usize| {
        if j < species {
            1.0
        } else {
            settings.temperature_weight
        }
    };
    let total: f64 = (0..source.targets()).map(weight).sum();
    let judge = Judge {
        loss: settings.loss,
        weights: (0..source.targets())
            .map(|j| T::of(weight(j) / total))
            .collect(),
        dex: (0..species).map(|j| frame.outputs.column(j).1).collect(),
    };
    let held_back = judged(source, &split.validation, settings.pool);
    let validation = Points::load(source, &held_back, &frame.features, &frame.outputs)?;
    let members = settings.members;
    #[cfg(feature = "cuda")]
    let place: Box<dyn Place<T>> = match &control.gpu {
        Some(gpu) => {
            let batch = settings.batch;
            Box::new(OnGpu::new(gpu, &mlp, members, batch, &judge, &validation)?)
        }
        None => Box::new(OnCpu::new(&mlp, members, judge, validation)),
    };
    #[cfg(not(feature = "cuda"))]
    let place: Box<dyn Place<T>> = Box::new(OnCpu::new(&mlp, members, judge, validation));
    let objective = Regression {
        source,
        members,
        features: frame.features.clone(),
        targets: frame.outputs.clone(),
        pools,
        place,
        fingerprint: fingerprint(&frame, settings, split)?,
        mlp,
    };
    let mut trainer = Trainer::new(objective, options, params)?;
    let outcome = drive(&mut trainer, control)?;
    let net = PointNet::new(frame, trainer.best())?;
    Ok((net, outcome, trainer.progress().clone()))
}

/// Validation groups, every so many left out where they would not fit into memory.
fn judged(source: &dyn PointSource, groups: &[usize], capacity: usize) -> Vec<usize> {
    let points: usize = groups.iter().map(|&i| source.points(i)).sum();
    let every = points.div_ceil(capacity.max(1)).max(1);
    groups.iter().copied().step_by(every).collect()
}

/// Scaling, settings and division as text: a checkpoint of another training is refused by it.
fn fingerprint(frame: &Frame, settings: &PointConfig, split: &Split) -> Result<String, Error> {
    let mut settings = settings.clone();
    settings.max_seconds = 0.0;
    let parts = (frame, settings, &split.train, &split.validation);
    serde_json::to_string(&parts).map_err(|e| Error::Config(e.to_string()))
}
