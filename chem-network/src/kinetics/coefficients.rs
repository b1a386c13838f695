//! The coefficients of plans, from the rate coefficients of the reactions.

use super::wide_plan::{Line, WIDTH, WidePlan};

/// Coefficients of terms, Σ weight · k over the recipe of each, from the rate coefficients k of the reactions.
pub(super) fn merge(offsets: &[usize], recipe: &[(u32, f64)], k: &[f64], coefficients: &mut [f64]) {
    for (coefficient, range) in coefficients.iter_mut().zip(offsets.windows(2)) {
        let recipe = &recipe[range[0]..range[1]];
        *coefficient = recipe
            .iter()
            .map(|&(j, weight)| weight * k[j as usize])
            .sum();
    }
}

/// Coefficients for a [`WidePlan`], where the machine has what it needs: by term, and in their places.
#[derive(Debug, Clone)]
pub(super) struct Wide {
    terms: Vec<f64>,
    pub lines: Vec<Line>,
}

impl Wide {
    pub fn new(plan: &WidePlan) -> Self {
        Self {
            terms: vec![0.0; plan.recipe_offsets.len() - 1],
            lines: vec![Line([0.0; WIDTH]); plan.shares.lines],
        }
    }

    pub fn merge(&mut self, plan: &WidePlan, k: &[f64]) {
        merge(&plan.recipe_offsets, &plan.recipe, k, &mut self.terms);
        plan.fill(&self.terms, &mut self.lines);
    }
}
