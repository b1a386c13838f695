//! A loss with tangents: a network learns a function of two variables from few points, once from values alone, once from values and both
//! slopes (Czarnecki et al. 2017). Two tangents go with the value in one pass, and the reverse pass goes through all three.
//!
//! `cargo run --release -p autodiff-ae --example tangent_loss`

use autodiff_ae::train::{Control, Draw, Objective, Trainer, TrainerOptions};
use autodiff_ae::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The function and its two slopes.
fn truth(x: f64, y: f64) -> [f64; 3] {
    let (s, c) = (3.0 * x).sin_cos();
    [s * y + x * x, 3.0 * c * y + 2.0 * x, s]
}

struct Slopes {
    pass: Pass<f64>,
    /// Points, 2 × samples.
    points: Vec<f64>,
    /// Value and slopes at each, 3 × samples.
    targets: Vec<f64>,
    /// Factor of the slopes in the loss.
    weight: f64,
    input: Batch<f64>,
    directions: Vec<Batch<f64>>,
    /// Value, then one tangent per variable; and their cotangents.
    output: Batch<f64>,
    tangents: Vec<Batch<f64>>,
    bars: Vec<Batch<f64>>,
}

impl Slopes {
    fn new(net: &Mlp, samples: usize, weight: f64, rng: &mut ChaCha8Rng) -> Self {
        let points: Vec<f64> = (0..2 * samples)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect();
        let targets = points.chunks_exact(2).flat_map(|p| truth(p[0], p[1]));
        Self {
            pass: Pass::new(net),
            targets: targets.collect(),
            points,
            weight,
            input: Batch::zeros(2, 0),
            directions: vec![Batch::zeros(2, 0); 2],
            output: Batch::zeros(1, 0),
            tangents: vec![Batch::zeros(1, 0); 2],
            bars: vec![Batch::zeros(1, 0); 3],
        }
    }
}

impl Objective<f64> for Slopes {
    fn param_len(&self) -> usize {
        self.pass.mlp().param_len()
    }

    fn samples(&self) -> usize {
        self.points.len() / 2
    }

    fn evaluate(
        &mut self,
        params: &[f64],
        draw: &Draw<'_>,
        _terms: &mut [f64],
        gradient: &mut [f64],
    ) -> Result<f64, Error> {
        let n = draw.members.len();
        self.input.gather(&self.points, draw.members)?;
        for (variable, direction) in self.directions.iter_mut().enumerate() {
            direction.resize(n);
            (0..n).for_each(|s| direction.set(variable, s, 1.0));
        }
        self.pass.forward_tangents(
            params,
            &self.input,
            &self.directions,
            &mut self.output,
            &mut self.tangents,
        )?;
        let mut loss = 0.0;
        let outputs = std::iter::once(&self.output).chain(&self.tangents);
        for (k, (output, bar)) in outputs.zip(&mut self.bars).enumerate() {
            let factor = if k == 0 { 1.0 } else { self.weight } / n as f64;
            bar.reshape(1, n);
            for (s, &member) in draw.members.iter().enumerate() {
                let difference = output.get(0, s) - self.targets[3 * member + k];
                loss += factor * difference * difference;
                bar.set(0, s, 2.0 * factor * difference);
            }
        }
        let (value_bar, tangent_bars) = (&self.bars[0], &self.bars[1..]);
        self.pass
            .reverse_tangents(value_bar, tangent_bars, None, gradient)?;
        Ok(loss)
    }
}

/// Root mean square error of the trained value at new points.
fn error(net: &Mlp, params: &[f64], rng: &mut ChaCha8Rng) -> Result<f64, Error> {
    let test = Slopes::new(net, 2000, 0.0, rng);
    let (input, mut output) = (
        Batch::from_columns(&test.points, 2, 2000)?,
        Batch::zeros(1, 0),
    );
    Pass::new(net).predict(params, &input, &mut output)?;
    let squares = (0..2000).map(|s| (output.get(0, s) - test.targets[3 * s]).powi(2));
    Ok((squares.sum::<f64>() / 2000.0).sqrt())
}

fn main() -> Result<(), Error> {
    let net = Mlp::new(&[2, 40, 40, 1], Activation::Tanh, Activation::Identity)?;
    for weight in [0.0, 0.3] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut params = vec![0.0; net.param_len()];
        net.initialise(Initialiser::Glorot, &mut rng, &mut params)?;
        let objective = Slopes::new(&net, 40, weight, &mut rng);
        let steps = 4000;
        let options = TrainerOptions::new(steps, 40).with_schedule(Schedule::Cosine {
            peak: 5e-3,
            floor: 0.0,
            warmup: 50,
            total: steps,
        });
        let mut trainer = Trainer::new(objective, options, params)?;
        trainer.run(&mut Control::default())?;
        println!(
            "slopes weighted {weight}: root mean square error at unseen points {:.2e}",
            error(&net, trainer.best(), &mut rng)?
        );
    }
    Ok(())
}
