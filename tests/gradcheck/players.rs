//! Gradients of whole players, through the trainer itself, against the same game in f64.

use anyhow::Result;
use gan_data::Dataset;
use gan_kernels::{Backend, Native};
use gan_model::{Checkpoint, GameConfig};
use gan_tests::{on_a_ring, trainer};

use crate::table::Row;

/// Largest error in f32, as a share of the gradient's norm: ten times the measured one.
const TOLERANCE: f64 = 1e-5;
/// Further roundings of factors: near twice what was measured, at tf32 as at bf16, since units that
/// they put on the other side of a kink weigh more than the roundings themselves.
const FACTOR: f64 = 16.0;

/// The objective and the order of updates of a game; every game has dropout and maxout.
pub(crate) type Game = [&'static str; 2];

/// Both objectives under both orders of updates.
pub(crate) const GAMES: [Game; 4] = [
    ["non-saturating", "alternating"],
    ["minimax", "alternating"],
    ["non-saturating", "simultaneous"],
    ["minimax", "simultaneous"],
];

/// From velocities of zero, with μ = 0 and η = 1, the velocity is the gradient.
fn game_on_a_ring([objective, updates]: Game) -> (GameConfig, Dataset) {
    on_a_ring(&format!(
        r#"
        game = {{ minibatch = 23, generator_objective = "{objective}", updates = "{updates}" }}
        [optimizer]
        kind = "momentum"
        learning_rate = 1.0
        momentum = {{ initial = 0.0, final = 0.0, from_epoch = 1, to_epoch = 1 }}
        [generator]
        latent = 3
        layers = [
            {{ units = 19, activation = "relu" }},
            {{ units = 13, activation = "tanh" }},
            {{ activation = "identity" }},
        ]
        [discriminator]
        layers = [
            {{ units = 7, pieces = 5, activation = "maxout", keep = 0.8 }},
            {{ units = 9, pieces = 3, activation = "maxout", keep = 0.5 }},
            {{ activation = "sigmoid", keep = 0.5 }},
        ]
        "#
    ))
}

/// One row for each player of `game`.
pub(crate) fn rows<B: Backend>(backend: &B, game: Game, factor_epsilon: f64) -> Result<[Row; 2]> {
    let (found, expected) = gradients(backend, game)?;
    let tolerance = TOLERANCE + FACTOR * factor_epsilon;
    Ok(["generator", "discriminator"].map(|player| {
        let worst = worst(&found, &expected, player);
        let error = worst.as_ref().map_or(f64::NAN, |worst| worst.error);
        let (rank, at) = worst.map_or((0, String::new()), |worst| (worst.tensors, worst.at));
        Row {
            name: [
                player.to_owned(),
                format!("{rank} matrices"),
                game.join(", "),
            ],
            error,
            tolerance,
            share: error / tolerance,
            worst: at,
            // The seed's game has no unit at a kink within the rounding of f32, or it would show.
            skipped: None,
            passed: error <= tolerance,
        }
    }))
}

/// Checkpoints after one iteration, which have the gradients for velocities.
fn gradients<B: Backend>(backend: &B, game: Game) -> Result<(Checkpoint, Checkpoint)> {
    let (config, data) = game_on_a_ring(game);
    let mut device = trainer(backend.clone(), &config, &data);
    let mut oracle = trainer(Native::<f64>::new(None)?, &config, &data);
    // The parameters of the device, which has them in f32.
    oracle.restore(&device.checkpoint(String::new(), Default::default())?)?;
    device.step();
    oracle.step();
    Ok((
        device.checkpoint(String::new(), Default::default())?,
        oracle.checkpoint(String::new(), Default::default())?,
    ))
}

/// The parameter whose gradient is furthest off.
#[derive(Debug)]
struct Worst {
    /// ‖found − expected‖ / ‖expected‖.
    error: f64,
    /// Its name, and the row and column of the element that is furthest off.
    at: String,
    /// Number of the player's matrices.
    tensors: usize,
}

/// The worst of the gradients of `player`; `None` where there are none.
fn worst(found: &Checkpoint, expected: &Checkpoint, player: &str) -> Option<Worst> {
    let mut worst: Option<Worst> = None;
    let mut tensors = 0;
    let of_player = expected
        .tensors()
        .filter(|(name, _)| name.starts_with(player) && name.contains(".moment0."));
    for (name, [_, cols]) in of_player {
        tensors += 1;
        // A tensor that one of the two lacks is as far off as can be.
        let (error, index) = match (found.tensor(name), expected.tensor(name)) {
            (Some(found), Some(expected)) => distance(&found, &expected),
            _ => (f64::INFINITY, 0),
        };
        if worst.as_ref().is_none_or(|worst| error > worst.error) {
            let parameter = name.replace(".moment0.", ".");
            let parameter = parameter.trim_start_matches(player).trim_start_matches('.');
            let at = format!("{parameter} {},{}", index / cols, index % cols);
            worst = Some(Worst {
                error,
                at,
                tensors: 0,
            });
        }
    }
    worst.map(|worst| Worst { tensors, ..worst })
}

/// ‖a − b‖ / ‖b‖, and where the two are furthest apart; infinite for a NaN or a `b` of zeros.
fn distance(a: &[f64], b: &[f64]) -> (f64, usize) {
    let apart: Vec<_> = a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect();
    let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let relative = norm(&apart) / norm(b);
    let largest = apart.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    let error = if relative.is_finite() && a.len() == b.len() {
        relative
    } else {
        f64::INFINITY
    };
    (error, largest.map_or(0, |(index, _)| index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_relative_to_the_norm_and_says_where() {
        let (error, index) = distance(&[3.0, 4.5, 0.0], &[3.0, 4.0, 0.0]);
        assert_eq!((error, index), (0.1, 1));
        assert_eq!(distance(&[f64::NAN, 1.0], &[1.0, 1.0]).0, f64::INFINITY);
        assert_eq!(distance(&[0.0], &[0.0]).0, f64::INFINITY);
        assert_eq!(distance(&[1.0], &[1.0, 1.0]).0, f64::INFINITY);
    }

    #[test]
    fn players_on_the_processor_are_within_tolerance() {
        let native = Native::<f32>::new(Some(2)).unwrap();
        for game in GAMES {
            for row in rows(&native, game, 0.0).unwrap() {
                assert!(row.passed && row.error > 0.0, "{row:?}");
                assert_eq!(row.name[1], "6 matrices");
            }
        }
    }

    #[test]
    fn players_on_a_gpu_are_within_tolerance() {
        let Some(cube) = gan_tests::cube() else {
            return;
        };
        for row in GAMES
            .into_iter()
            .flat_map(|game| rows(&cube, game, 0.0).unwrap())
        {
            assert!(row.passed && row.error > 0.0, "{row:?}");
        }
    }

    #[test]
    fn players_of_another_game_are_a_miss() {
        let native = Native::<f32>::new(Some(2)).unwrap();
        let [one, other] = [GAMES[0], GAMES[1]];
        let (found, _) = gradients(&native, one).unwrap();
        let (_, expected) = gradients(&native, other).unwrap();
        // The objective is G's, and D moves first.
        let apart = |player| worst(&found, &expected, player).unwrap().error;
        assert!(apart("generator") > 1e-2, "{}", apart("generator"));
        assert!(apart("discriminator") < TOLERANCE);
    }
}
