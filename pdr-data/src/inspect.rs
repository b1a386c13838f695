//! What a set of models or cells holds: ranges, floors, sums of elements, and what looks wrong.

use crate::{sightline::LineOfSight, species::atoms};

/// The floor under abundances in log10 (x + 1e-20), the one of both methods.
pub const FLOOR: f64 = 1e-20;

/// Least and greatest value seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Least.
    pub least: f64,
    /// Greatest.
    pub greatest: f64,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl Range {
    /// Takes a value in; one that is not finite changes nothing.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.least = self.least.min(value);
            self.greatest = self.greatest.max(value);
        }
    }
}

/// What was seen of one species.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpeciesSurvey {
    /// Name.
    pub name: String,
    /// Range of its abundance.
    pub range: Range,
    /// Values at or below [`FLOOR`].
    pub at_floor: usize,
}

/// Sums of elements over the species, relative to n_H.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementSum {
    /// The element.
    pub element: &'static str,
    /// Range of its total over all points.
    pub range: Range,
}

/// Conditions and abundances seen, added up point by point.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Points or cells seen.
    pub points: usize,
    /// Gas temperature (K), dust temperature (K), n_H (cm⁻³), radiation field (Draine), A_V (mag).
    pub conditions: [Range; 5],
    /// Each species.
    pub species: Vec<SpeciesSurvey>,
    /// Sum of each element.
    pub elements: Vec<ElementSum>,
    /// Names that are no formula, left out of the sums.
    pub no_formula: Vec<String>,
    /// Points whose A_V is not above that of the point before it.
    pub not_increasing: usize,
    /// Shortest and longest line of sight (points).
    pub lengths: Range,
    weights: Vec<Vec<f64>>,
}

/// Names of [`Survey::conditions`], with units.
pub const CONDITIONS: [&str; 5] = [
    "T_gas [K]",
    "T_dust [K]",
    "n_H [cm^-3]",
    "field [Draine]",
    "A_V [mag]",
];

impl Survey {
    /// An empty survey of these species.
    pub fn new(species: &[String]) -> Self {
        let mut survey = Self::default();
        let mut elements: Vec<&'static str> = Vec::new();
        let composition: Vec<_> = species.iter().map(|name| atoms(name)).collect();
        for (name, parts) in species.iter().zip(&composition) {
            survey.species.push(SpeciesSurvey {
                name: name.clone(),
                ..SpeciesSurvey::default()
            });
            match parts {
                None => survey.no_formula.push(name.clone()),
                Some(parts) => {
                    for (element, _) in parts {
                        if !elements.contains(element) {
                            elements.push(element);
                        }
                    }
                }
            }
        }
        for element in elements {
            let weight = |parts: &Option<Vec<(&str, u32)>>| {
                let parts = parts.as_deref().unwrap_or(&[]);
                parts
                    .iter()
                    .filter(|(e, _)| *e == element)
                    .map(|(_, n)| f64::from(*n))
                    .sum()
            };
            survey
                .weights
                .push(composition.iter().map(weight).collect());
            survey.elements.push(ElementSum {
                element,
                range: Range::default(),
            });
        }
        survey
    }

    /// Takes in one point: gas and dust temperature, n_H, field, A_V (NaN where it has none), abundances.
    pub fn add_point(&mut self, conditions: [f64; 5], abundances: &[f64]) {
        self.points += 1;
        for (range, value) in self.conditions.iter_mut().zip(conditions) {
            range.add(value);
        }
        for (seen, &x) in self.species.iter_mut().zip(abundances) {
            seen.range.add(x);
            seen.at_floor += usize::from(x <= FLOOR);
        }
        for (sum, weights) in self.elements.iter_mut().zip(&self.weights) {
            let total = weights.iter().zip(abundances).map(|(w, x)| w * x).sum();
            sum.range.add(total);
        }
    }

    /// Takes in one line of sight.
    pub fn add(&mut self, line: &LineOfSight) {
        self.lengths.add(line.len() as f64);
        for i in 0..line.len() {
            let conditions = [
                line.gas_temperature[i],
                line.dust_temperature[i],
                line.density[i],
                line.radiation_field[i],
                line.visual_extinction[i],
            ];
            self.add_point(conditions, line.point(i));
            let a_v = &line.visual_extinction;
            self.not_increasing += usize::from(i > 0 && a_v[i] <= a_v[i - 1]);
        }
    }

    /// Fraction of all abundances at or below [`FLOOR`].
    pub fn floor_fraction(&self) -> f64 {
        let floors: usize = self.species.iter().map(|s| s.at_floor).sum();
        floors as f64 / (self.points * self.species.len()).max(1) as f64
    }
}
