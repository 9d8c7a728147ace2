//! The MNIST game on a file of images that is mapped, beside the same file held in memory.
//!
//! Which of the two it is is decided for a whole process, so each side is a process of this program,
//! which is asked by the line as the programs of other frameworks are.

use std::fmt::Display;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use gan_data::DataConfig;
use gan_kernels::Native;
use gan_model::{Trainer, TrainingData};
use serde::Deserialize;
use serde_json::json;

use crate::game::{IMAGES, PIXELS, SEED, noise, preset};
use crate::memory::peak_growth;
use crate::peers::Process;
use crate::results::{Fact, Row};
use crate::start::write_array;
use crate::timing::{Effort, Times, Turn};

/// Iterations of a turn.
const TURN: usize = 5;

/// From how many MiB on files are mapped, and what that does to those of this comparison.
const SIDES: [(&str, &str); 2] = [("1000000", "held in memory"), ("0", "mapped")];

/// The iteration on either side, in turn, and what each side allocates.
pub(crate) fn rows(threads: usize, effort: Effort) -> Result<(Vec<Row>, Vec<Fact>)> {
    let folder = tempfile::tempdir()?;
    write_array(
        folder.path(),
        "images",
        &[IMAGES, PIXELS],
        &noise(IMAGES * PIXELS),
    )?;
    let path = folder.path().join("images.npy");
    let program = std::env::current_exe()?;
    let start = |(mebibytes, side): (&str, &str)| {
        let mut command = Command::new(&program);
        command
            .arg("--play")
            .arg(&path)
            .args(["--threads", &threads.to_string()])
            .env("GAN_MAP_ABOVE", mebibytes);
        let mut process = Process::start(&mut command, &folder.path().join("log"), None)?;
        let Peak { bytes } = process.ask("peak")?;
        let name = format!("memory of the MNIST game and its file, {side}");
        Ok((process, Fact::new(name, bytes, "bytes")))
    };
    let sides: Vec<(Process, Fact)> = SIDES.into_iter().map(start).collect::<Result<_>>()?;
    let (processes, facts): (Vec<_>, Vec<_>) = sides.into_iter().unzip();
    let turns = processes
        .into_iter()
        .map(|mut process| Box::new(move || process.run(TURN)) as Turn<'_>);
    let times = effort.each(turns.collect())?;
    let row = |(times, (_, side)): (Times, (&str, &str))| {
        let name = format!("iteration/mnist on a file of {IMAGES} images/{side}");
        Row::new(name, Some(threads), "f32", &times)
    };
    Ok((times.into_iter().zip(SIDES).map(row).collect(), facts))
}

/// The most that a side had allocated.
#[derive(Deserialize)]
struct Peak {
    bytes: f64,
}

/// One side: loads `images`, answers each line of `questions` with one of JSON, and ends with them.
pub(crate) fn play(
    images: &Path,
    threads: usize,
    questions: impl BufRead,
    mut answers: impl Write,
) -> Result<()> {
    let mut answer = |text: &dyn Display| -> Result<()> {
        writeln!(answers, "{text}")?;
        Ok(answers.flush()?)
    };
    let config = DataConfig::new(images.display().to_string());
    let (trainer, bytes) = peak_growth(|| {
        let data = TrainingData::new(gan_data::load(&config, SEED)?.records);
        let mut trainer = Trainer::new(
            Native::<f32>::new(Some(threads))?,
            &preset("mnist")?,
            SEED,
            data,
        )?;
        trainer.step();
        Ok::<_, anyhow::Error>(trainer)
    });
    let mut trainer = trainer?;
    answer(&json!({ "versions": {} }))?;
    for question in questions.lines() {
        let question = question?;
        if question == "peak" {
            answer(&json!({ "bytes": bytes }))?;
            continue;
        }
        let Some(count) = question.strip_prefix("run ") else {
            bail!("asked {question:?}, expected `peak` or `run COUNT`");
        };
        let count: usize = count.parse().context("the count of iterations")?;
        let milliseconds: Vec<f64> = (0..count)
            .map(|_| {
                let start = Instant::now();
                trainer.step();
                1e3 * start.elapsed().as_secs_f64()
            })
            .collect();
        answer(&json!({ "ms": milliseconds }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_answers_by_the_line() {
        let folder = tempfile::tempdir().unwrap();
        write_array(folder.path(), "few", &[300, PIXELS], &noise(300 * PIXELS)).unwrap();
        let path = folder.path().join("few.npy");
        let mut answers = Vec::new();
        play(&path, 1, &b"peak\nrun 2\n"[..], &mut answers).unwrap();
        let answers = String::from_utf8(answers).unwrap();
        let [greeting, peak, run] = answers.lines().collect::<Vec<_>>()[..] else {
            panic!("{answers}");
        };
        assert_eq!(greeting, r#"{"versions":{}}"#);
        serde_json::from_str::<Peak>(peak).unwrap();
        let run: serde_json::Value = serde_json::from_str(run).unwrap();
        let milliseconds = run["ms"].as_array().unwrap();
        assert!(
            milliseconds.len() == 2 && milliseconds[0].as_f64() > Some(0.0),
            "{run}"
        );
        let asked_wrongly = play(&path, 1, &b"go\n"[..], &mut Vec::new());
        assert!(asked_wrongly.unwrap_err().to_string().contains("\"go\""));
    }
}
