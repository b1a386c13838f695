//! Index tables of a network's structure, which the loops of generated code run over.

use crate::network::Network;

/// Structure of right-hand side and Jacobian. Tables of factors are padded with the number of
/// species, which stands for 1.
pub(super) struct Tables {
    pub species: usize,
    pub reactions: usize,
    /// Largest number of factors of a rate, at least 1.
    pub order: usize,
    /// Species whose densities multiply k: reactions × order.
    pub factors: Vec<usize>,
    /// Per reaction, where its changes begin; one more for the end.
    pub net_offsets: Vec<usize>,
    /// Changes of species by reactions.
    pub net_species: Vec<usize>,
    pub net_change: Vec<i32>,
    /// Derivatives of rates by one of their factors: reaction, multiplicity of the factor, the other
    /// factors (derivatives × max(order − 1, 1)).
    pub derivative_reaction: Vec<usize>,
    pub derivative_multiplicity: Vec<i32>,
    pub derivative_factors: Vec<usize>,
    /// Per derivative, where its entries begin; the entries go with the changes of its reaction.
    pub derivative_offsets: Vec<usize>,
    pub derivative_entries: Vec<usize>,
    /// Compressed columns of the Jacobian.
    pub column_offsets: Vec<usize>,
    pub rows: Vec<usize>,
}

impl Tables {
    pub fn new(network: &Network) -> Self {
        let species = network.species().len();
        let reactions = network.reactions();
        let order = reactions.iter().map(|r| r.factors().len()).max();
        let order = order.unwrap_or(1).max(1);
        let others = (order - 1).max(1);
        let (column_offsets, rows) = network.jacobian_pattern();
        let mut tables = Self {
            species,
            reactions: reactions.len(),
            order,
            factors: Vec::new(),
            net_offsets: vec![0],
            net_species: Vec::new(),
            net_change: Vec::new(),
            derivative_reaction: Vec::new(),
            derivative_multiplicity: Vec::new(),
            derivative_factors: Vec::new(),
            derivative_offsets: vec![0],
            derivative_entries: Vec::new(),
            column_offsets,
            rows,
        };
        for (j, reaction) in reactions.iter().enumerate() {
            let net = reaction.net();
            let factors = reaction.factors();
            tables.factors.extend(padded(factors, order, species));
            for &(i, change) in &net {
                tables.net_species.push(i);
                tables.net_change.push(change);
            }
            tables.net_offsets.push(tables.net_species.len());
            let mut columns = factors.to_vec();
            columns.sort_unstable();
            columns.dedup();
            for column in columns {
                let count = factors.iter().filter(|&&i| i == column).count();
                let mut rest = factors.to_vec();
                if let Some(at) = rest.iter().position(|&i| i == column) {
                    rest.remove(at);
                }
                tables.derivative_reaction.push(j);
                tables.derivative_multiplicity.push(count as i32);
                tables
                    .derivative_factors
                    .extend(padded(&rest, others, species));
                let begin = tables.column_offsets[column];
                let end = tables.column_offsets[column + 1];
                for &(row, _) in &net {
                    // The pattern has an entry for every species that a reaction changes.
                    let at = tables.rows[begin..end].partition_point(|&r| r < row);
                    tables.derivative_entries.push(begin + at);
                }
                tables
                    .derivative_offsets
                    .push(tables.derivative_entries.len());
            }
        }
        tables
    }

    /// Number of other factors of a derivative, as padded.
    pub fn others(&self) -> usize {
        (self.order - 1).max(1)
    }

    /// Tables of whole numbers by name, in the order in which they are written.
    pub fn named(&self) -> Vec<(&'static str, Vec<i64>)> {
        let wide = |numbers: &[usize]| numbers.iter().map(|&n| n as i64).collect();
        let signed = |numbers: &[i32]| numbers.iter().map(|&n| i64::from(n)).collect();
        vec![
            ("FACTORS", wide(&self.factors)),
            ("NET_OFFSETS", wide(&self.net_offsets)),
            ("NET_SPECIES", wide(&self.net_species)),
            ("NET_CHANGE", signed(&self.net_change)),
            ("DERIVATIVE_REACTION", wide(&self.derivative_reaction)),
            (
                "DERIVATIVE_MULTIPLICITY",
                signed(&self.derivative_multiplicity),
            ),
            ("DERIVATIVE_FACTORS", wide(&self.derivative_factors)),
            ("DERIVATIVE_OFFSETS", wide(&self.derivative_offsets)),
            ("DERIVATIVE_ENTRIES", wide(&self.derivative_entries)),
            ("COLUMN_OFFSETS", wide(&self.column_offsets)),
            ("ROWS", wide(&self.rows)),
        ]
    }
}

fn padded(factors: &[usize], length: usize, species: usize) -> Vec<usize> {
    let mut padded = factors.to_vec();
    padded.resize(length.max(factors.len()), species);
    padded
}
