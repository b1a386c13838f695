//! The initial state read from the shared data is the cloud that was meant.

use benches::{complete_osu, dark_cloud};

/// A gas whose metals or electrons were lost in reading is charged, or of the wrong number of species.
#[test]
fn the_dark_cloud_is_neutral_and_complete() {
    let Some((network, _)) = complete_osu() else {
        eprintln!("skipped: no ../shared");
        return;
    };
    let state = dark_cloud(&network).expect("every column of the table is a species");
    assert!(
        state.iter().all(|&n| n > 0.0),
        "the table names every species"
    );
    let quantities = network.conserved_quantities();
    let (_, charges) = quantities.iter().find(|q| q.0 == "charge").unwrap();
    let sum =
        |f: fn(f64) -> f64| -> f64 { charges.iter().zip(&state).map(|(q, n)| f(q * n)).sum() };
    let (net, gross) = (sum(|x| x), sum(f64::abs));
    assert!(
        gross > 1.0 && net.abs() < 1e-12 * gross,
        "{net:e} of {gross:e}"
    );
}
