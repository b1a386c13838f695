//! A run of 3D-PDR as the files it leaves, all with one prefix: read as a model or a cube, and written again.

use super::{COOLING, HEATING, LINES, line_names, pdr, terms};
use crate::{
    Error,
    cube::{SolvedCube, Surroundings},
    density::DensityCube,
    sightline::LineOfSight,
    table::Table,
};
use std::path::{Path, PathBuf};

/// The files of a run: a path without its endings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// Folder and beginning of the names of its files.
    pub prefix: PathBuf,
}

/// What a run along one line of sight left.
#[derive(Debug, Clone, PartialEq)]
pub struct LineRun {
    /// Conditions and abundances.
    pub points: LineOfSight,
    /// Heating rates (erg cm⁻³ s⁻¹).
    pub heat: Option<Table>,
    /// Cooling rates (erg cm⁻³ s⁻¹).
    pub cool: Option<Table>,
    /// Emissivities of the lines of all coolants (erg cm⁻³ s⁻¹).
    pub line: Option<Table>,
    /// What it was computed for.
    pub surroundings: Option<Surroundings>,
}

impl Run {
    /// The runs in a folder: one for every file that ends in `.pdr.fin` or `.pdr.fin.gz`, by name, numbers in their order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn in_folder(folder: impl AsRef<Path>) -> Result<Vec<Self>, Error> {
        let folder = folder.as_ref();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
            let name = entry.map_err(Error::io(folder))?.file_name();
            let Some(name) = name.to_str() else { continue };
            let bare = name.strip_suffix(".gz").unwrap_or(name);
            if let Some(prefix) = bare.strip_suffix(".pdr.fin") {
                found.push(Self {
                    prefix: folder.join(prefix),
                });
            }
        }
        found.sort_by_key(|run| {
            let name = run.name();
            let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let number: Option<u64> = name[name.len() - digits..].parse().ok();
            (name[..name.len() - digits].to_string(), number, name)
        });
        found.dedup();
        Ok(found)
    }

    /// The last part of its prefix.
    pub fn name(&self) -> String {
        self.prefix
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    fn with(&self, ending: &str) -> PathBuf {
        let mut path = self.prefix.as_os_str().to_owned();
        path.push(ending);
        path.into()
    }

    /// The file with this ending, packed or not, where there is one.
    pub fn file(&self, ending: &str) -> Option<PathBuf> {
        [ending.to_string(), format!("{ending}.gz")]
            .iter()
            .map(|e| self.with(e))
            .find(|p| p.exists())
    }

    fn pdr(&self) -> PathBuf {
        self.file(".pdr.fin")
            .unwrap_or_else(|| self.with(".pdr.fin"))
    }

    /// Whether the run is a line of sight or a cube.
    ///
    /// # Errors
    /// As [`pdr::geometry`].
    pub fn geometry(&self, species: usize) -> Result<pdr::Geometry, Error> {
        pdr::geometry(self.pdr(), species)
    }

    /// Reads a run along one line of sight: `.pdr.fin`, and `.heat.fin`, `.cool.fin`, `.X.line.fin`, `.params` as far as they are
    /// there. The lines of all four coolants make one table, as NeuralPDR has it; one that is missing leaves it out.
    ///
    /// # Errors
    /// A file that is there cannot be read, is cut, or has other numbers of fields or rows than it should.
    pub fn read_line(&self, species: usize) -> Result<LineRun, Error> {
        let points = pdr::read_line(self.pdr(), species)?;
        let place = ["p", "x", "Av"];
        let rows = points.len();
        let table = |ending: &str, terms: &[&str]| {
            let columns = terms::columns(&place, terms);
            let read = |path: PathBuf| terms::read_rows(&path, &columns, rows, false);
            self.file(ending).map(read).transpose()
        };
        let heat = table(".heat.fin", &HEATING)?;
        let cool = table(".cool.fin", &COOLING)?;
        let mut lines = Vec::new();
        for (name, transitions) in LINES {
            if let Some(path) = self.file(&format!(".{name}.line.fin")) {
                let names: Vec<String> = (0..transitions).map(|i| format!("{name}({i})")).collect();
                let columns = terms::columns(&place, &names);
                lines.push(terms::read_rows(&path, &columns, rows, false)?);
            }
        }
        let line = if lines.len() == LINES.len() {
            let mut values = Vec::new();
            for i in 0..rows {
                values.extend_from_slice(&lines[0].row(i)[..3]);
                for part in &lines {
                    values.extend_from_slice(&part.row(i)[3..]);
                }
            }
            Some(Table::new(terms::columns(&place, &line_names()), values)?)
        } else {
            None
        };
        Ok(LineRun {
            points,
            heat,
            cool,
            line,
            surroundings: self.file(".params").map(terms::read_params).transpose()?,
        })
    }

    /// Writes a run along one line of sight, as 3D-PDR does.
    ///
    /// # Errors
    /// Tables have another number of rows than there are points, or a file cannot be written.
    pub fn write_line(&self, run: &LineRun) -> Result<(), Error> {
        for table in [&run.heat, &run.cool, &run.line].into_iter().flatten() {
            if table.rows() != run.points.len() {
                return Err(Error::Length {
                    what: "points of a run and rows of a table beside it",
                    left: run.points.len(),
                    right: table.rows(),
                });
            }
        }
        pdr::write_line(self.with(".pdr.fin"), &run.points)?;
        for (ending, table) in [(".heat.fin", &run.heat), (".cool.fin", &run.cool)] {
            if let Some(table) = table {
                terms::write_table(self.with(ending), table, false)?;
            }
        }
        if let Some(line) = &run.line {
            let mut first = 3;
            for (name, n) in LINES {
                let columns = (0..3).chain(first..first + n).collect::<Vec<_>>();
                let names = columns.iter().filter_map(|&c| line.columns.get(c).cloned());
                let values = (0..line.rows()).flat_map(|i| {
                    let row = line.row(i);
                    columns.iter().filter_map(|&c| row.get(c).copied())
                });
                let part = Table::new(names.collect(), values.collect())?;
                terms::write_table(self.with(&format!(".{name}.line.fin")), &part, true)?;
                first += n;
            }
        }
        match &run.surroundings {
            Some(s) => terms::write_params(self.with(".params"), s),
            None => Ok(()),
        }
    }

    /// Reads a run over a cube: `.pdr.fin`, and `.heat.fin`, `.cool.fin`, `.rayDir.fin`, `.rayAV.fin`, `.params` and the density
    /// input `.dat` (for the extent of the box) as far as they are there.
    ///
    /// # Errors
    /// As [`Run::read_line`].
    pub fn read_cube(&self, species: &[String]) -> Result<SolvedCube, Error> {
        let mut cube = pdr::read_cube(self.pdr(), species)?;
        let cells = cube.len();
        let table = |ending: &str, terms: &[&str]| {
            let columns = terms::columns(&["p", "x", "y", "z"], terms);
            let read = |path: PathBuf| terms::read_rows(&path, &columns, cells, false);
            self.file(ending).map(read).transpose()
        };
        cube.heat = table(".heat.fin", &HEATING)?;
        cube.cool = table(".cool.fin", &COOLING)?;
        if let Some(path) = self.file(".rayDir.fin") {
            cube.ray_directions = terms::read_ray_directions(path)?;
        }
        if let Some(path) = self.file(".rayAV.fin") {
            let rays = match cube.ray_directions.len() {
                0 => 12,
                n => n,
            };
            cube.ray_extinction = terms::read_ray_extinctions(path, cells, rays)?;
        }
        cube.surroundings = self.file(".params").map(terms::read_params).transpose()?;
        if let Some(path) = self.file(".dat") {
            let input = DensityCube::read(&path)?;
            if input.cells != cube.cells {
                return Err(Error::RowCount {
                    file: path.display().to_string(),
                    found: input.density.len(),
                    expected: format!("the {:?} cells of the .pdr.fin file", cube.cells),
                });
            }
            cube.box_pc = Some(input.box_pc);
        }
        Ok(cube)
    }

    /// Writes a run over a cube, as 3D-PDR does, and its density input (`.dat`) where the extent of the box is known.
    ///
    /// # Errors
    /// Columns differ in length, or a file cannot be written.
    pub fn write_cube(&self, cube: &SolvedCube) -> Result<(), Error> {
        pdr::write_cube(self.with(".pdr.fin"), cube)?;
        for (ending, table) in [(".heat.fin", &cube.heat), (".cool.fin", &cube.cool)] {
            if let Some(table) = table {
                terms::write_table(self.with(ending), table, false)?;
            }
        }
        terms::write_rays(&self.prefix.to_string_lossy(), cube)?;
        if let Some(s) = &cube.surroundings {
            terms::write_params(self.with(".params"), s)?;
        }
        match cube.box_pc {
            None => Ok(()),
            Some(box_pc) => DensityCube {
                cells: cube.cells,
                box_pc,
                centres_pc: cube.positions_pc.clone(),
                density: cube.density.clone(),
            }
            .write(self.with(".dat")),
        }
    }
}
