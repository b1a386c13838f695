//! An autoencoder of a curve in eight dimensions with one latent variable, its loss written by hand behind `Objective`.
//!
//! `cargo run --release -p autodiff-ae --example toy_manifold`

use autodiff_ae::train::{Control, Draw, Objective, Trainer, TrainerOptions};
use autodiff_ae::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FEATURES: usize = 8;

/// Points of a closed curve that winds through all eight dimensions, and where they lie on it.
fn curve(points: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..points)
        .flat_map(|_| {
            let t = 2.0 * rng.random::<f32>() - 1.0;
            (0..FEATURES).map(move |f| (t * (1.0 + 0.5 * f as f32) + f as f32).sin())
        })
        .collect()
}

/// Mean square of ψ(φ(x)) − x.
struct Reconstruction {
    model: Autoencoder,
    encoder: Pass<f32>,
    decoder: Pass<f32>,
    data: Vec<f32>,
    held_back: Vec<f32>,
    x: Batch<f32>,
    z: Batch<f32>,
    z_bar: Batch<f32>,
}

impl Objective<f32> for Reconstruction {
    fn param_len(&self) -> usize {
        self.model.param_len()
    }

    fn samples(&self) -> usize {
        self.data.len() / FEATURES
    }

    fn evaluate(
        &mut self,
        params: &[f32],
        draw: &Draw<'_>,
        _terms: &mut [f64],
        gradient: &mut [f32],
    ) -> Result<f64, Error> {
        let (encoder, decoder) = params.split_at(self.model.encoder().param_len());
        let (encoder_bar, decoder_bar) = gradient.split_at_mut(encoder.len());
        self.x.gather(&self.data, draw.members)?;
        self.encoder.forward(encoder, &self.x, &mut self.z)?;
        let scale = 1.0 / self.x.as_blocked().len() as f32;
        let x = &self.x;
        let loss = self.decoder.forward_reverse(
            decoder,
            &self.z,
            |block, weight, out, bar| losses::square_error(out, x.block(block), weight, scale, bar),
            Some(&mut self.z_bar),
            decoder_bar,
        )?;
        self.encoder.reverse(&self.z_bar, None, encoder_bar)?;
        Ok(loss)
    }

    fn validate(&mut self, params: &[f32]) -> Result<Option<f64>, Error> {
        let (encoder, decoder) = params.split_at(self.model.encoder().param_len());
        let x = Batch::from_columns(&self.held_back, FEATURES, self.held_back.len() / FEATURES)?;
        let mut y = Batch::zeros(FEATURES, 0);
        self.encoder.predict(encoder, &x, &mut self.z)?;
        self.decoder.predict(decoder, &self.z, &mut y)?;
        let squares = y.to_columns().into_iter().zip(&self.held_back);
        let sum: f32 = squares.map(|(a, b)| (a - b) * (a - b)).sum();
        Ok(Some(f64::from(sum) / self.held_back.len() as f64))
    }

    fn views(&self) -> Vec<ParamView> {
        self.model.views()
    }
}

fn main() -> Result<(), Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let encoder = Mlp::new(&[FEATURES, 32, 32, 1], Activation::Silu, Activation::Tanh)?;
    let decoder = Mlp::new(
        &[1, 32, 32, FEATURES],
        Activation::Silu,
        Activation::Identity,
    )?;
    let model = Autoencoder::new(encoder, decoder)?;
    let mut params = vec![0.0; model.param_len()];
    model.initialise(Initialiser::LeCun, &mut rng, &mut params)?;
    let objective = Reconstruction {
        encoder: Pass::new(model.encoder()),
        decoder: Pass::new(model.decoder()),
        model,
        data: curve(4096, &mut rng),
        held_back: curve(512, &mut rng),
        x: Batch::zeros(FEATURES, 0),
        z: Batch::zeros(1, 0),
        z_bar: Batch::zeros(1, 0),
    };
    let steps = 6000;
    let mut options = TrainerOptions::new(steps, 64).with_schedule(Schedule::Cosine {
        peak: 3e-3,
        floor: 0.0,
        warmup: 100,
        total: steps,
    });
    options.review_every = 1000;
    let mut trainer = Trainer::new(objective, options, params)?;
    let outcome = trainer.run(&mut Control {
        report: Some(&mut |r| {
            let held_back = r.validation.unwrap_or(f64::NAN);
            println!(
                "step {:5}: training {:.2e}, held back {held_back:.2e}",
                r.step, r.losses["total"]
            );
        }),
        ..Control::default()
    })?;
    println!(
        "one number instead of eight, mean square error {:.1e}; {:.0} µs a step",
        outcome.best_score.unwrap_or(f64::NAN),
        outcome.seconds_per_step * 1e6
    );
    Ok(())
}
