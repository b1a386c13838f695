//! Lines of sight as arrays: what every family of ray surrogates is trained on, and the trait that streams them.

use crate::Error;
use serde::{Deserialize, Serialize};

/// A physical quantity given at every point of a series beside A_V and the abundances. Constants of a model are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Gas temperature \[K\].
    GasTemperature,
    /// Dust temperature \[K\].
    DustTemperature,
    /// Density of hydrogen nuclei n_H \[cm⁻³\].
    Density,
    /// Attenuated ultraviolet field at the point \[Draine\].
    Field,
    /// Cosmic-ray ionisation rate ζ \[s⁻¹\].
    IonisationRate,
    /// Ultraviolet field at the surface χ₀ \[Draine\], a constant of the model.
    SurfaceField,
}

impl Quantity {
    /// What is added before the logarithm is taken, so that zero has one.
    pub fn offset(self) -> f64 {
        match self {
            Self::Field | Self::SurfaceField => 1e-20,
            _ => 0.0,
        }
    }

    /// Name and unit, for messages and axes.
    pub fn label(self) -> &'static str {
        match self {
            Self::GasTemperature => "T_gas [K]",
            Self::DustTemperature => "T_dust [K]",
            Self::Density => "n_H [cm⁻³]",
            Self::Field => "field [Draine]",
            Self::IonisationRate => "ζ [s⁻¹]",
            Self::SurfaceField => "χ₀ [Draine]",
        }
    }
}

/// One line of sight of n points, arrays row-major. The widths are those of the source it came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Visual extinction A_V \[mag\], from the surface inwards, not decreasing; n numbers.
    pub s: Vec<f64>,
    /// Abundances relative to hydrogen nuclei, n × species.
    pub x: Vec<f64>,
    /// The source's quantities, n × quantities, in their physical units.
    pub aux: Vec<f64>,
}

impl Series {
    /// Points.
    pub fn len(&self) -> usize {
        self.s.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.s.is_empty()
    }

    /// Abundances of a point; empty beyond the last.
    pub fn abundances(&self, point: usize) -> &[f64] {
        row(&self.x, self.len(), point)
    }

    /// Quantities of a point; empty beyond the last.
    pub fn quantities(&self, point: usize) -> &[f64] {
        row(&self.aux, self.len(), point)
    }

    /// The contiguous part of `points` points from `start`, shorter where the series ends before.
    #[must_use]
    pub fn window(&self, start: usize, points: usize) -> Self {
        let n = self.len();
        let (from, to) = (start.min(n), start.saturating_add(points).min(n));
        let part = |v: &[f64]| match n {
            0 => Vec::new(),
            _ => v[from * (v.len() / n)..to * (v.len() / n)].to_vec(),
        };
        Self {
            s: part(&self.s),
            x: part(&self.x),
            aux: part(&self.aux),
        }
    }

    /// Refuses arrays that do not belong together, and values no cloud has.
    ///
    /// # Errors
    /// [`Error::Series`] with the name, the point and the value.
    pub fn check(&self, name: &str, species: usize, quantities: &[Quantity]) -> Result<(), Error> {
        let fail = |reason: String| {
            Err(Error::Series {
                name: name.to_owned(),
                reason,
            })
        };
        let n = self.len();
        if n == 0 {
            return fail("no point".into());
        }
        for (what, found, columns) in [
            ("abundances", self.x.len(), species),
            ("quantities", self.aux.len(), quantities.len()),
        ] {
            if found != n * columns {
                return fail(format!(
                    "{found} {what} for {n} points of {columns} columns"
                ));
            }
        }
        for (k, &av) in self.s.iter().enumerate() {
            if !(av.is_finite() && av >= 0.0) {
                return fail(format!("point {k}: A_V = {av}"));
            }
            if k > 0 && av < self.s[k - 1] {
                return fail(format!(
                    "point {k}: A_V falls from {} to {av}",
                    self.s[k - 1]
                ));
            }
        }
        if let Some(i) = self.x.iter().position(|x| !(x.is_finite() && *x >= 0.0)) {
            let (k, j) = (i / species, i % species);
            return fail(format!(
                "point {k}, species {j}: {:e} is not an abundance",
                self.x[i]
            ));
        }
        for (i, &value) in self.aux.iter().enumerate() {
            let (k, quantity) = (i / quantities.len(), quantities[i % quantities.len()]);
            if !(value.is_finite() && value + quantity.offset() > 0.0) {
                return fail(format!("point {k}: {} = {value}", quantity.label()));
            }
        }
        Ok(())
    }
}

fn row(values: &[f64], points: usize, point: usize) -> &[f64] {
    if point >= points {
        return &[];
    }
    let width = values.len() / points;
    &values[point * width..(point + 1) * width]
}

/// Position of a quantity among the columns of a source.
///
/// # Errors
/// [`Error::MissingQuantity`] where it is not among them.
pub fn position(quantities: &[Quantity], wanted: Quantity) -> Result<usize, Error> {
    quantities
        .iter()
        .position(|q| *q == wanted)
        .ok_or(Error::MissingQuantity {
            wanted: wanted.label(),
            found: quantities.iter().map(|q| q.label()).collect(),
        })
}

/// Lines of sight that are read one at a time, so that a set may be larger than memory. Series and their order never change.
pub trait SeriesSource: Sync {
    /// Names of the species, the columns of [`Series::x`].
    fn species(&self) -> &[String];

    /// The columns of [`Series::aux`].
    fn quantities(&self) -> &[Quantity];

    /// Number of series.
    fn len(&self) -> usize;

    /// Points of series `i`, told without reading it where possible.
    fn points(&self, i: usize) -> usize;

    /// Series `i`.
    ///
    /// # Errors
    /// What reading it runs into.
    fn series(&self, i: usize) -> Result<Series, Error>;

    /// Name of series `i` for messages.
    fn name(&self, i: usize) -> String {
        i.to_string()
    }

    /// Whether there is no series.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Lines of sight in memory.
#[derive(Clone, Debug, Default)]
pub struct SeriesSet {
    species: Vec<String>,
    quantities: Vec<Quantity>,
    names: Vec<String>,
    series: Vec<Series>,
}

impl SeriesSet {
    /// Checked series with their names.
    ///
    /// # Errors
    /// [`Error::Series`] from [`Series::check`].
    pub fn new(
        species: Vec<String>,
        quantities: Vec<Quantity>,
        series: impl IntoIterator<Item = (String, Series)>,
    ) -> Result<Self, Error> {
        let (names, series): (Vec<_>, Vec<_>) = series.into_iter().unzip();
        for (name, series) in names.iter().zip(&series) {
            series.check(name, species.len(), &quantities)?;
        }
        Ok(Self {
            species,
            quantities,
            names,
            series,
        })
    }
}

impl SeriesSource for SeriesSet {
    fn species(&self) -> &[String] {
        &self.species
    }

    fn quantities(&self) -> &[Quantity] {
        &self.quantities
    }

    fn len(&self) -> usize {
        self.series.len()
    }

    fn points(&self, i: usize) -> usize {
        self.series.get(i).map_or(0, Series::len)
    }

    fn series(&self, i: usize) -> Result<Series, Error> {
        self.series.get(i).cloned().ok_or_else(|| Error::Series {
            name: i.to_string(),
            reason: format!("there are {} series", self.series.len()),
        })
    }

    fn name(&self, i: usize) -> String {
        self.names.get(i).cloned().unwrap_or_default()
    }
}
