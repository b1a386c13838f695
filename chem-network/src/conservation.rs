//! Conservation laws of a network: integer vectors w with wᵀ S = 0, found by exact elimination.

use crate::error::Error;
use crate::network::Network;

impl Network {
    /// A basis of the left null space of the stoichiometric matrix S: integer weights per species,
    /// coprime in each law, such that Σ w·n is constant whatever the rate coefficients.
    ///
    /// Elements and charge are combinations of these laws in a balanced network; more laws than
    /// those mean species that no reaction connects. The basis is in reduced echelon form, which
    /// makes it independent of the order of the reactions.
    ///
    /// # Errors
    /// [`Error::IntegerOverflow`] if a coefficient leaves 128 bits.
    pub fn conservation_laws(&self) -> Result<Vec<Vec<i128>>, Error> {
        let n = self.species().len();
        let mut laws: Vec<Vec<i128>> = (0..n)
            .map(|i| (0..n).map(|j| i128::from(i == j)).collect())
            .collect();
        for reaction in self.reactions() {
            impose(&mut laws, &reaction.net())?;
        }
        reduce(&mut laws, n)?;
        Ok(laws)
    }
}

/// Restricts the span of `laws` to the vectors orthogonal to `column`.
fn impose(laws: &mut Vec<Vec<i128>>, column: &[(usize, i32)]) -> Result<(), Error> {
    let mut defects = Vec::with_capacity(laws.len());
    for law in laws.iter() {
        let mut sum = 0i128;
        for &(i, change) in column {
            let term = law[i].checked_mul(i128::from(change));
            sum = term
                .and_then(|t| sum.checked_add(t))
                .ok_or(Error::IntegerOverflow)?;
        }
        defects.push(sum);
    }
    // The smallest defect and the fewest entries keep the numbers small.
    let weight = |i: usize| laws[i].iter().filter(|w| **w != 0).count();
    let candidates = (0..laws.len()).filter(|&i| defects[i] != 0);
    let Some(pivot) = candidates.min_by_key(|&i| (defects[i].unsigned_abs(), weight(i))) else {
        return Ok(());
    };
    let law = laws.swap_remove(pivot);
    let defect = defects.swap_remove(pivot);
    for (other, other_defect) in laws.iter_mut().zip(defects) {
        if other_defect != 0 {
            combine(other, defect, &law, other_defect)?;
        }
    }
    Ok(())
}

/// target ← (a · target − b · other) / gcd of the result, sign kept by a > 0.
fn combine(target: &mut [i128], a: i128, other: &[i128], b: i128) -> Result<(), Error> {
    let common = gcd(a.unsigned_abs(), b.unsigned_abs()) as i128;
    let (a, b) = (a / common, b / common);
    for (t, &o) in target.iter_mut().zip(other) {
        if *t == 0 && o == 0 {
            continue;
        }
        let left = t.checked_mul(a);
        let right = o.checked_mul(b);
        let value = left.zip(right).and_then(|(l, r)| l.checked_sub(r));
        *t = value.ok_or(Error::IntegerOverflow)?;
    }
    make_primitive(target);
    Ok(())
}

/// Divides by the common divisor and makes the first entry positive.
fn make_primitive(law: &mut [i128]) {
    let common = law.iter().fold(
        0u128,
        |g, w| if *w == 0 { g } else { gcd(g, w.unsigned_abs()) },
    );
    let first = law.iter().find(|w| **w != 0).copied().unwrap_or(1);
    let divisor = (common.max(1) as i128) * first.signum();
    if divisor != 1 {
        for w in law.iter_mut() {
            *w /= divisor;
        }
    }
}

/// Reduced row echelon form over the rationals, rows scaled to coprime integers.
fn reduce(laws: &mut [Vec<i128>], columns: usize) -> Result<(), Error> {
    let mut done = 0;
    for column in 0..columns {
        let Some(pivot) = (done..laws.len()).find(|&i| laws[i][column] != 0) else {
            continue;
        };
        laws.swap(done, pivot);
        make_primitive(&mut laws[done]);
        let row = laws[done].clone();
        for (i, law) in laws.iter_mut().enumerate() {
            if i != done && law[column] != 0 {
                let b = law[column];
                combine(law, row[column], &row, b)?;
            }
        }
        done += 1;
    }
    Ok(())
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
