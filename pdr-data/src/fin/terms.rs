//! The other files of a run: `.cool.fin`, `.heat.fin`, `.X.line.fin`, `.rayAV.fin`, `.rayDir.fin`, `.UV.fin`, `.params`.

use super::pdr::numbers;
use crate::{
    Error,
    cube::{SolvedCube, Surroundings},
    table::Table,
    text,
};
use std::path::Path;

/// Reads a file of as many numbers on every line as there are `columns`; `non_negative` ones may not be below zero.
///
/// # Errors
/// The file cannot be read, is empty or cut, a line has another number of fields, or a field is not a finite number or
/// negative where it may not be.
pub fn read_table(
    path: impl AsRef<Path>,
    columns: &[String],
    non_negative: bool,
) -> Result<Table, Error> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let source = text::read_whole(path)?;
    let names = columns.join(", ");
    let mut values = Vec::new();
    for line in text::lines(&source, &file) {
        line.expect_fields(columns.len(), &names)?;
        for (i, name) in columns.iter().enumerate() {
            values.push(if non_negative {
                line.non_negative(i, name)?
            } else {
                line.number(i, name)?
            });
        }
    }
    if values.is_empty() {
        return Err(Error::RowCount {
            file,
            found: 0,
            expected: format!("lines of {names}"),
        });
    }
    Table::new(columns.to_vec(), values)
}

/// As [`read_table`], and with as many rows as the `.pdr.fin` file beside it.
pub(super) fn read_rows(
    path: &Path,
    columns: &[String],
    rows: usize,
    non_negative: bool,
) -> Result<Table, Error> {
    let table = read_table(path, columns, non_negative)?;
    if table.rows() != rows {
        return Err(Error::RowCount {
            file: path.display().to_string(),
            found: table.rows(),
            expected: format!("{rows}, as many as in the .pdr.fin file"),
        });
    }
    Ok(table)
}

/// Columns of a file of terms: the place, then the terms.
pub fn columns<S: AsRef<str>>(place: &[&str], terms: &[S]) -> Vec<String> {
    let terms = terms.iter().map(|s| s.as_ref().to_string());
    place
        .iter()
        .map(|s| (*s).to_string())
        .chain(terms)
        .collect()
}

/// Writes a table whose first column is an index; `wide` is the spacing of the files of lines.
///
/// # Errors
/// The file cannot be written.
pub fn write_table(path: impl AsRef<Path>, table: &Table, wide: bool) -> Result<(), Error> {
    crate::atomic::write(path.as_ref(), |out| {
        for i in 0..table.rows() {
            let row = table.row(i);
            if wide {
                write!(out, "{:>5}", i + 1)?;
                for (k, v) in row[1..].iter().enumerate() {
                    let width = if k < 3 { 16 } else { 15 };
                    write!(out, "{}", text::scientific(*v, width, 7))?;
                }
            } else {
                write!(out, "{:>7}", i + 1)?;
                numbers(out, &row[1..])?;
            }
            writeln!(out)?;
        }
        Ok(())
    })
}

/// Reads `.params`: field (Draine), cosmic-ray ionisation rate (s⁻¹), metallicity.
///
/// # Errors
/// As [`read_table`]; there is more than one line.
pub fn read_params(path: impl AsRef<Path>) -> Result<Surroundings, Error> {
    let path = path.as_ref();
    let names = ["field [Draine]", "zeta [s^-1]", "Z"].map(str::to_string);
    let table = read_table(path, &names, true)?;
    match table.values.as_slice() {
        &[field, ionisation_rate, metallicity] => Ok(Surroundings {
            field,
            ionisation_rate,
            metallicity,
        }),
        _ => Err(Error::RowCount {
            file: path.display().to_string(),
            found: table.rows(),
            expected: "one".into(),
        }),
    }
}

/// Writes `.params`, with as many digits as needed to read the same numbers.
///
/// # Errors
/// The file cannot be written.
pub fn write_params(path: impl AsRef<Path>, s: &Surroundings) -> Result<(), Error> {
    crate::atomic::write(path.as_ref(), |out| {
        let fields = [s.field, s.ionisation_rate, s.metallicity].map(|v| {
            let short = text::scientific(v, 11, 3);
            if short.trim().parse() == Ok(v) {
                short
            } else {
                text::scientific(v, 18, 9)
            }
        });
        writeln!(out, "{}", fields.concat())
    })
}

/// Reads `.rayDir.fin`: (θ, φ) (rad) of every ray.
///
/// # Errors
/// As [`read_table`].
pub fn read_ray_directions(path: impl AsRef<Path>) -> Result<Vec<[f64; 2]>, Error> {
    let names = ["theta", "phi"].map(str::to_string);
    let table = read_table(path, &names, true)?;
    Ok(table.values.chunks_exact(2).map(|v| [v[0], v[1]]).collect())
}

/// Reads `.rayAV.fin`: A_V (mag) of the rays of every cell, `rays` to a line.
///
/// # Errors
/// As [`read_table`]; there are not `cells` lines.
pub fn read_ray_extinctions(
    path: impl AsRef<Path>,
    cells: usize,
    rays: usize,
) -> Result<Vec<f64>, Error> {
    let names: Vec<String> = (0..rays).map(|i| format!("A_V of ray {i}")).collect();
    Ok(read_rows(path.as_ref(), &names, cells, true)?.values)
}

/// Reads `.UV.fin`: x, y, z (pc), n_H (cm⁻³) and field (Draine) of every cell.
///
/// # Errors
/// As [`read_table`]; there are not `cells` lines.
pub fn read_field(path: impl AsRef<Path>, cells: usize) -> Result<Table, Error> {
    let names = ["x", "y", "z", "n_H", "radfield"].map(str::to_string);
    read_rows(path.as_ref(), &names, cells, false)
}

/// Writes `.rayAV.fin`, `.rayDir.fin` and `.UV.fin` beside each other (`prefix` and these endings), as far as the cube has
/// what they hold.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write_rays(prefix: &str, cube: &SolvedCube) -> Result<(), Error> {
    let digits = |v: &f64| text::scientific(*v, 25, 16);
    let lines = |path: String, width: usize, values: &[f64]| {
        crate::atomic::write(Path::new(&path), |out| {
            for row in values.chunks_exact(width.max(1)) {
                writeln!(out, "{}", row.iter().map(digits).collect::<String>())?;
            }
            Ok(())
        })
    };
    if cube.rays() > 0 {
        let path = format!("{prefix}.rayAV.fin");
        lines(path, cube.rays(), &cube.ray_extinction)?;
    }
    if !cube.ray_directions.is_empty() {
        let path = format!("{prefix}.rayDir.fin");
        lines(path, 2, cube.ray_directions.as_flattened())?;
    }
    let field: Vec<f64> = (0..cube.len())
        .flat_map(|i| {
            let [x, y, z] = cube.positions_pc[i];
            [x, y, z, cube.density[i], cube.radiation_field[i]]
        })
        .collect();
    lines(format!("{prefix}.UV.fin"), 5, &field)
}
