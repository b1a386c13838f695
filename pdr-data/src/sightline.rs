//! One line of sight of a solved PDR model: what every reader of one gives and every writer of one takes.

use crate::Error;

/// Names of the columns before the abundances, as NeuralPDR calls them (its PHYSICS_HEADER).
pub const PHYSICS_COLUMNS: [&str; 8] = [
    "time_idx",
    "position",
    "visual_extinction",
    "tgas",
    "tdust",
    "etype",
    "density",
    "radfield",
];

/// Points along one line of sight; every vector but the abundances has one entry per point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineOfSight {
    /// Distance from the first point (pc).
    pub position_pc: Vec<f64>,
    /// Visual extinction from the illuminated face (mag).
    pub visual_extinction: Vec<f64>,
    /// Gas temperature (K).
    pub gas_temperature: Vec<f64>,
    /// Dust temperature (K).
    pub dust_temperature: Vec<f64>,
    /// Kind of the element (1: inside the PDR).
    pub element_type: Vec<f64>,
    /// n_H (cm⁻³).
    pub density: Vec<f64>,
    /// Attenuated radiation field (Draine).
    pub radiation_field: Vec<f64>,
    /// Abundances relative to n_H, points × species, a point's species one after another.
    pub abundances: Vec<f64>,
}

impl LineOfSight {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.visual_extinction.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.visual_extinction.is_empty()
    }

    /// Number of species.
    pub fn species(&self) -> usize {
        self.abundances.len().checked_div(self.len()).unwrap_or(0)
    }

    /// Abundances of point `i`.
    pub fn point(&self, i: usize) -> &[f64] {
        let n = self.species();
        self.abundances.get(i * n..(i + 1) * n).unwrap_or(&[])
    }

    /// Appends a point; `physics` in the order of [`PHYSICS_COLUMNS`] (the index in it is not kept).
    pub fn push(&mut self, physics: &[f64; 8], abundances: &[f64]) {
        self.position_pc.push(physics[1]);
        self.visual_extinction.push(physics[2]);
        self.gas_temperature.push(physics[3]);
        self.dust_temperature.push(physics[4]);
        self.element_type.push(physics[5]);
        self.density.push(physics[6]);
        self.radiation_field.push(physics[7]);
        self.abundances.extend_from_slice(abundances);
    }

    /// The physics of point `i`, in the order of [`PHYSICS_COLUMNS`]; the index counts from 1.
    pub fn physics(&self, i: usize) -> [f64; 8] {
        [
            (i + 1) as f64,
            self.position_pc[i],
            self.visual_extinction[i],
            self.gas_temperature[i],
            self.dust_temperature[i],
            self.element_type[i],
            self.density[i],
            self.radiation_field[i],
        ]
    }

    /// Keeps the points whose index `keep` names, in that order; an index behind the end is left out.
    #[must_use]
    pub fn select(&self, keep: &[usize]) -> Self {
        let mut out = Self::default();
        for &i in keep.iter().filter(|&&i| i < self.len()) {
            out.push(&self.physics(i), self.point(i));
        }
        out
    }

    /// All columns have as many entries as there are points, and abundances a multiple of it.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn check_lengths(&self) -> Result<(), Error> {
        let points = self.len();
        let lengths = [
            self.position_pc.len(),
            self.gas_temperature.len(),
            self.dust_temperature.len(),
            self.element_type.len(),
            self.density.len(),
            self.radiation_field.len(),
        ];
        for right in lengths {
            if right != points {
                return Err(Error::Length {
                    what: "columns of a line of sight",
                    left: points,
                    right,
                });
            }
        }
        if self.abundances.len() != points * self.species() {
            return Err(Error::Length {
                what: "points of a line of sight and abundances (a multiple)",
                left: points,
                right: self.abundances.len(),
            });
        }
        Ok(())
    }
}
