//! The MNIST game of the authors in burn and in candle, as a peer of `benches/src/peers/`.
//!
//! The protocol is that of `benches/peers/peer.py`.

mod burn_game;
mod candle_game;
mod start;

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use burn_game::BurnGame;
use candle_game::CandleGame;
use start::Start;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One of the two.
enum Game {
    Burn(Box<BurnGame>),
    Candle(Box<CandleGame>),
}

impl Game {
    fn new(variant: &str, start: &Start) -> Result<Self> {
        match variant {
            "flex" => Ok(Self::Burn(Box::new(BurnGame::new(start)))),
            "cpu" => Ok(Self::Candle(Box::new(CandleGame::new(start)?))),
            _ => Err(format!("no variant {variant}: there are flex and cpu").into()),
        }
    }

    /// One iteration, with the random numbers of the start's iteration `given` or drawn ones;
    /// returns D's and G's loss.
    fn iterate(&mut self, start: &Start, given: Option<usize>) -> Result<[f32; 2]> {
        match self {
            Self::Burn(game) => Ok(game.iterate(start, given)),
            Self::Candle(game) => game.iterate(start, given),
        }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1))
            .map_or("", String::as_str)
    };
    let variant = value("--variant");
    if value("--device") != "cpu" || value("--precision") != "f32" {
        return say(r#"{"skip": "built for processors, in f32"}"#);
    }
    let start = Start::read(value("--start").as_ref())?;
    let mut game = match Game::new(variant, &start) {
        Ok(game) => game,
        Err(reason) => return say(&format!(r#"{{"skip": "{reason}"}}"#)),
    };
    let (name, version) = match game {
        Game::Burn(_) => ("burn", "0.22.1"),
        Game::Candle(_) => ("candle", "0.11.1"),
    };
    say(&format!(
        r#"{{"ready": "{name}", "versions": {{"{name}": "{version}"}}}}"#
    ))?;
    for line in std::io::stdin().lock().lines() {
        match line?.split_whitespace().collect::<Vec<_>>()[..] {
            ["check"] => {
                let mut checked = Game::new(variant, &start)?;
                let losses = (0..start.iterations)
                    .map(|i| checked.iterate(&start, Some(i)))
                    .collect::<Result<Vec<_>>>()?;
                say(&format!(r#"{{"losses": {losses:?}}}"#))?;
            }
            ["run", count] => {
                let mut times = Vec::new();
                for _ in 0..count.parse()? {
                    let begin = Instant::now();
                    game.iterate(&start, None)?;
                    times.push(begin.elapsed().as_secs_f64() * 1e3);
                }
                say(&format!(r#"{{"ms": {times:?}, "iterations": {count}}}"#))?;
            }
            _ => break,
        }
    }
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
