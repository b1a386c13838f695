//! The one error type of the crate: every variant carries the values that made it happen.

use std::path::PathBuf;

/// Where in a text something was found; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// File name, or the label under which a text was handed in.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read or unpacked.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system (or the gzip decoder) said.
        source: std::io::Error,
    },
    /// A line of a network file is none of the things its format knows.
    #[error("{at}: found {found:?}, expected {expected}")]
    Syntax {
        /// File, line and column.
        at: Position,
        /// The text found there.
        found: String,
        /// What the format wants there.
        expected: String,
    },
    /// The content of a file is in no format this crate reads.
    #[error("{file}: not in a known network format (known: {known})")]
    UnknownFormat {
        /// The file.
        file: String,
        /// The formats that are known, separated by commas.
        known: String,
    },
    /// A text that is larger than any network.
    #[error("{file}: more than {limit} bytes, no network is that large")]
    TooLarge {
        /// The file.
        file: String,
        /// The largest size that is read \[bytes\].
        limit: u64,
    },
    /// A text that cannot be read as the name of a species.
    #[error("{name:?} is not the name of a species: {reason}")]
    SpeciesName {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A species that the network does not have.
    #[error("unknown species {name:?} ({context})")]
    UnknownSpecies {
        /// The name as given.
        name: String,
        /// Where it was used.
        context: String,
    },
    /// The same species twice in one network.
    #[error("species {name:?} appears twice")]
    DuplicateSpecies {
        /// The common (normalised) name.
        name: String,
    },
    /// Two networks that call different species by the same name.
    #[error("species {name:?} is {first} in one network and {second} in the other")]
    ConflictingSpecies {
        /// The common name.
        name: String,
        /// Atoms and charge in the first.
        first: String,
        /// Atoms and charge in the second.
        second: String,
    },
    /// A property of a species outside its domain.
    #[error("species {name:?}: {property} = {value}, expected {expected}")]
    SpeciesProperty {
        /// The species.
        name: String,
        /// Which property.
        property: &'static str,
        /// The value given.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A reaction that is not one: an index out of range, no reactants or no products.
    #[error("reaction {reaction}: {reason}")]
    Reaction {
        /// Its number in the network, from 0.
        reaction: usize,
        /// What is wrong.
        reason: String,
    },
    /// A parameter of a rate law outside its domain.
    #[error("reaction {reaction:?}: rate parameter {parameter} = {value}, expected {expected}")]
    RateParameter {
        /// The reaction, as text.
        reaction: String,
        /// Which parameter.
        parameter: &'static str,
        /// The value given.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The ends of a temperature range that is none.
    #[error("temperature range from {min} K to {max} K, expected 0 ≤ T_min ≤ T_max, T_max above 0")]
    TemperatureRange {
        /// The lower end \[K\].
        min: f64,
        /// The upper end \[K\].
        max: f64,
    },
    /// A table of CO shielding that is none.
    #[error("table of CO shielding: found {value}, expected {expected}")]
    ShieldingTable {
        /// The value found; not a number where there is none.
        value: f64,
        /// What is wanted.
        expected: &'static str,
    },
    /// Fits that cannot make up the rate of one reaction.
    #[error("fits of one reaction: {0}")]
    Fits(&'static str),
    /// A rate law needs a quantity that the environment or the options do not give.
    #[error(
        "{law} of {reaction:?} needs {quantity}, which is not given{}",
        hint(option)
    )]
    MissingQuantity {
        /// The reaction, as text.
        reaction: String,
        /// Name of the rate law.
        law: &'static str,
        /// The missing quantity, with symbol and unit.
        quantity: &'static str,
        /// The option of the command line that gives it; empty if none does.
        option: &'static str,
    },
    /// A reaction whose rate law has no implementation; it is never taken as zero.
    #[error("the rate of {reaction:?} is not supported: {reason}")]
    Unsupported {
        /// The reaction, as text.
        reaction: String,
        /// What has no implementation.
        reason: String,
    },
    /// A rate expression needs a variable that the caller has not given.
    #[error("the rate {of:?} needs {variable}, which is not given (command line: {option})")]
    ExpressionVariable {
        /// The reaction or the expression.
        of: String,
        /// The variable.
        variable: String,
        /// The option of the command line that gives it.
        option: String,
    },
    /// A rate expression without a finite value.
    #[error("the rate {of:?} is {value} at T = {temperature} K")]
    ExpressionValue {
        /// The reaction or the expression.
        of: String,
        /// The gas temperature \[K\].
        temperature: f64,
        /// The value or the derivative.
        value: f64,
    },
    /// A physical condition outside its domain.
    #[error("{quantity} = {value}, expected {expected}")]
    Environment {
        /// Which quantity, with symbol and unit.
        quantity: &'static str,
        /// The value given.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A row of conditions that vary in time.
    #[error("conditions in time, row {row} (from 0): {reason}")]
    Track {
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An array of the wrong length.
    #[error("{what} has length {found}, expected {expected}")]
    Length {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
    },
    /// Kinetics of another network than the lanes were made for.
    #[error("these lanes belong to another network")]
    OtherNetwork,
    /// Exact integer arithmetic left the range of 128 bits.
    #[error("conservation laws: an integer coefficient exceeds 128 bits")]
    IntegerOverflow,
    /// A network that the native format cannot hold.
    #[error("cannot write {what} {text:?}: {reason}")]
    NotRepresentable {
        /// What was to be written.
        what: &'static str,
        /// Its text.
        text: String,
        /// Why it cannot be written.
        reason: &'static str,
    },
    /// An entry of a description of initial states.
    #[error("initial states, {key}: found {found}, expected {expected}")]
    Distribution {
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// The TOML text of a description of initial states cannot be parsed.
    #[error("initial states: {0}")]
    Toml(String),
    /// A closure would need a negative number density.
    #[error(
        "initial states: closing {quantity} with {species} in model {model} needs n({species}) = {value:e} cm^-3"
    )]
    Closure {
        /// The element, or `charge`.
        quantity: String,
        /// The species that takes the remainder.
        species: String,
        /// The model, from 0.
        model: u64,
        /// The number density that would be needed.
        value: f64,
    },
}

/// Names the option that gives a missing quantity.
fn hint(option: &str) -> String {
    match option {
        "" => String::new(),
        option => format!(" (command line: {option})"),
    }
}

impl Error {
    /// A syntax error; `line` and `column` count from 1.
    pub(crate) fn syntax(
        file: &str,
        line: usize,
        column: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        // A line of garbage may be long: show its beginning.
        let short = |text: String, most: usize| match text.char_indices().nth(most) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        let found = short(found.into(), 60);
        let expected = short(expected.into(), 300);
        Self::Syntax {
            at: Position {
                file: file.to_owned(),
                line,
                column,
            },
            found,
            expected,
        }
    }
}
