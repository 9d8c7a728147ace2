//! The readings and the pictures of a run as a file of events that TensorBoard reads.
//!
//! The file is a list of records (TensorFlow's `record_writer.cc`): a length, its checksum, so many
//! bytes, and their checksum. The bytes are an event as a message of Protocol Buffers, whose numbers
//! of fields are those of `event.proto` and `summary.proto`.
//!
//! A run that is continued makes the file anew from `metrics.jsonl` and its pictures, under a name that
//! comes later, so that no step is in it twice, whatever a killed process had written, and a
//! TensorBoard that follows the run goes on with the new one.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::problem::Problem;
use crate::protobuf::Message;
use crate::run_dir::{self, unwritable};

/// What names of files of events begin with, before a number that later ones have larger.
const PREFIX: &str = "events.out.tfevents.";
/// What they end with.
const SUFFIX: &str = ".gan";

/// True if the file `name` is one that this program writes events to.
pub(crate) fn is_own(name: &str) -> bool {
    let number = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(SUFFIX));
    number.is_some_and(|number| number.len() == 10 && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Writes the readings and the pictures of the run in `run` to a file of events in `folder`, which is
/// made if it is missing; a file that this program has left there is replaced if `overwrite` says so.
/// Returns the file.
///
/// # Errors
/// If it is no run, if there is such a file that may not be replaced, or the folder cannot be written.
pub fn export(run: &Path, folder: &Path, overwrite: bool) -> Result<PathBuf, Problem> {
    let run = run_dir::find(run);
    run_dir::check_is_run(&run)?;
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    if let Some(old) = own_files(folder).first() {
        run_dir::refuse_existing(old, overwrite)?;
    }
    // Of a run that was trained some time ago, times are those of its last reading.
    let written = fs::metadata(run.join(run_dir::METRICS)).and_then(|file| file.modified());
    let last = written.unwrap_or_else(|_| SystemTime::now());
    let log = EventLog::write(&run, folder, u64::MAX, last)?;
    Ok(log.path)
}

/// A file of events that grows.
pub(crate) struct EventLog {
    path: PathBuf,
    file: File,
    /// The time in seconds since 1970 at which the training would have begun, had it not been
    /// interrupted.
    begun: f64,
    /// Seconds of training at the last reading.
    seconds: f64,
}

impl EventLog {
    /// Begins the file of the run in `run` in its directory, with its readings and pictures up to
    /// `step`, in the place of those that were there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn begin(run: &Path, step: u64) -> Result<Self, Problem> {
        Self::write(run, run, step, SystemTime::now())
    }

    /// The same in `folder`, with a last reading at the time `last`.
    fn write(run: &Path, folder: &Path, step: u64, last: SystemTime) -> Result<Self, Problem> {
        let mut readings = Vec::new();
        // A line that is damaged is told of elsewhere.
        let _ = run_dir::each_reading(run, |line| {
            if line["step"].as_u64().is_some_and(|found| found <= step) {
                readings.push(line);
            }
        });
        let since_1970 = |time: SystemTime| {
            let passed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            passed.as_secs_f64()
        };
        let trained = readings.last().and_then(|line| line["seconds"].as_f64());
        let begun = since_1970(last) - trained.unwrap_or(0.0);
        let mut log = Events {
            bytes: Vec::new(),
            begun,
            seconds: 0.0,
        };
        log.head();
        let mut pictures = run_dir::pictures(run).into_iter().peekable();
        let mut readings = readings.into_iter().peekable();
        // A picture stands behind the reading of its step.
        loop {
            let reading = readings.peek().and_then(|line| line["step"].as_u64());
            let picture = pictures.peek().map(|(step, _)| *step);
            match (reading, picture) {
                (Some(reading), picture) if picture.is_none_or(|picture| reading <= picture) => {
                    readings.next().iter().for_each(|line| log.reading(line));
                }
                (_, Some(picture)) if picture <= step => {
                    let png = pictures.next().and_then(|(_, path)| fs::read(path).ok());
                    png.iter().for_each(|png| log.picture(picture, png));
                }
                _ => break,
            }
        }
        let old = own_files(folder);
        // Later than those before, also within a second and after a clock was set back.
        let number = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
            name.strip_suffix(SUFFIX)?.parse::<u64>().ok()
        };
        let after = old
            .iter()
            .filter_map(number)
            .max()
            .map_or(0, |last| last + 1);
        let number = after.max(since_1970(SystemTime::now()) as u64);
        let path = folder.join(format!("{PREFIX}{number:010}{SUFFIX}"));
        run_dir::replace(&path, &log.bytes)?;
        for old in old {
            fs::remove_file(&old).map_err(|error| unwritable(&old, &error))?;
        }
        let file = OpenOptions::new().append(true).open(&path);
        Ok(Self {
            file: file.map_err(|error| unwritable(&path, &error))?,
            path,
            begun,
            seconds: log.seconds,
        })
    }

    /// Adds a line of `metrics.jsonl`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn reading(&mut self, line: &Value) -> Result<(), Problem> {
        self.append(|events| events.reading(line))
    }

    /// Adds the picture of samples after `step` iterations.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn picture(&mut self, step: u64, png: &[u8]) -> Result<(), Problem> {
        self.append(|events| events.picture(step, png))
    }

    fn append(&mut self, add: impl FnOnce(&mut Events)) -> Result<(), Problem> {
        let mut events = Events {
            bytes: Vec::new(),
            begun: self.begun,
            seconds: self.seconds,
        };
        add(&mut events);
        self.seconds = events.seconds;
        // At once, so that a reader hardly ever finds half of one.
        let written = self.file.write_all(&events.bytes);
        written.map_err(|error| unwritable(&self.path, &error))
    }
}

/// The files of events of this program in `folder`.
fn own_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let own = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_own));
    let mut own: Vec<_> = own.map(|entry| entry.path()).collect();
    own.sort();
    own
}

/// Events, encoded.
struct Events {
    bytes: Vec<u8>,
    begun: f64,
    seconds: f64,
}

impl Events {
    /// The version of the format, and that a session begins, at which TensorBoard forgets what it has
    /// read of an older file of the same run.
    fn head(&mut self) {
        const START: i64 = 1;
        self.event(0, |event| event.text(3, "brain.Event:2"));
        let session = Message::default().integer(1, START);
        self.event(0, |event| event.message(7, &session));
    }

    /// The numbers of a line of `metrics.jsonl`.
    fn reading(&mut self, line: &Value) {
        let Some((step, numbers)) = line["step"].as_u64().zip(line.as_object()) else {
            return;
        };
        if let Some(seconds) = line["seconds"].as_f64() {
            self.seconds = seconds;
        }
        let numbers = numbers.iter().filter(|(key, _)| *key != "step");
        let numbers = numbers.filter_map(|(key, value)| Some((key, value.as_f64()?)));
        let summary = numbers.fold(Message::default(), |summary, (key, number)| {
            let value = Message::default().text(1, &format!("readings/{key}"));
            summary.message(1, &value.single(2, number as f32))
        });
        self.event(step, |event| event.message(5, &summary));
    }

    /// A picture; bytes that are none are left out.
    fn picture(&mut self, step: u64, png: &[u8]) {
        let Some([width, height, channels]) = size_of(png) else {
            return;
        };
        let image = Message::default()
            .integer(1, height)
            .integer(2, width)
            .integer(3, channels)
            .bytes(4, png);
        let value = Message::default().text(1, "samples").message(4, &image);
        let summary = Message::default().message(1, &value);
        self.event(step, |event| event.message(5, &summary));
    }

    /// Adds the record of an event whose content `fill` adds.
    fn event(&mut self, step: u64, fill: impl FnOnce(Message) -> Message) {
        let time = self.begun + self.seconds;
        let event = Message::default().double(1, time).integer(2, step as i64);
        let event = fill(event).into_bytes();
        let length = (event.len() as u64).to_le_bytes();
        self.bytes.extend(length);
        self.bytes.extend(masked_checksum(&length).to_le_bytes());
        self.bytes.extend(&event);
        self.bytes.extend(masked_checksum(&event).to_le_bytes());
    }
}

/// Width, height and channels of a PNG, by its first chunk.
fn size_of(png: &[u8]) -> Option<[i64; 3]> {
    let head = png.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
    let number = |at: usize| {
        let bytes = head.get(at..at + 4)?.try_into().ok()?;
        Some(i64::from(u32::from_be_bytes(bytes)))
    };
    let channels = match head.get(9)? {
        0 => 1,
        4 => 2,
        6 => 4,
        _ => 3,
    };
    Some([number(0)?, number(4)?, channels])
}

/// CRC-32C of `bytes`, rotated and shifted as TensorFlow does, so that a checksum of checksums is none
/// of zeros.
fn masked_checksum(bytes: &[u8]) -> u32 {
    let crc = !bytes.iter().fold(u32::MAX, |crc, byte| {
        CASTAGNOLI[usize::from(crc as u8 ^ byte)] ^ crc >> 8
    });
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The remainders of all bytes by Castagnoli's polynomial, lowest bit first (RFC 3720, appendix B.4).
const CASTAGNOLI: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard_masked() {
        // RFC 3720, appendix B.4.
        for (bytes, crc) in [
            (vec![0; 32], 0x8a91_36aa_u32),
            (vec![0xff; 32], 0x62a8_ab43),
            ((0..32).collect(), 0x46dd_794e),
        ] {
            let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
            assert_eq!(masked_checksum(&bytes), masked, "{bytes:?}");
        }
    }

    /// The events in a file, checksums checked, and the rest that is no whole one.
    fn records(mut bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let mut found = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
            let size = u64::from_le_bytes(*length) as usize;
            if rest.len() < size + 8 {
                break;
            }
            let (crc, rest) = rest.split_first_chunk().unwrap();
            assert_eq!(u32::from_le_bytes(*crc), masked_checksum(length));
            let (event, rest) = rest.split_at(size);
            let (crc, rest) = rest.split_first_chunk().unwrap();
            assert_eq!(u32::from_le_bytes(*crc), masked_checksum(event));
            found.push(event.to_vec());
            bytes = rest;
        }
        (found, bytes.len())
    }

    #[test]
    fn file_that_is_begun_anew_has_each_step_once() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let line =
            |step: u64| json!({ "step": step, "value": -1.5, "seconds": step, "epoch": null });
        let metrics = |steps: &[u64]| {
            let lines: Vec<_> = steps.iter().map(|&step| line(step).to_string()).collect();
            fs::write(run.join(run_dir::METRICS), lines.join("\n") + "\n").unwrap();
        };
        metrics(&[1, 2]);
        let mut log = EventLog::begin(run, 2).unwrap();
        log.reading(&line(3)).unwrap();
        log.picture(3, b"none").unwrap();
        let first = log.path.clone();
        // Killed while it wrote.
        log.file.write_all(&[7; 11]).unwrap();
        let (events, rest) = records(&fs::read(&first).unwrap());
        assert_eq!((events.len(), rest), (5, 11));
        metrics(&[1, 2, 3]);
        let mut log = EventLog::begin(run, 2).unwrap();
        assert!(log.path > first && !first.exists());
        assert_eq!(own_files(run), [log.path.clone()]);
        log.reading(&line(3)).unwrap();
        let (events, rest) = records(&fs::read(&log.path).unwrap());
        assert_eq!((events.len(), rest), (5, 0));
        let names = events
            .iter()
            .filter(|event| event.windows(14).any(|part| part == b"readings/value"));
        assert_eq!(names.count(), 3);
    }

    #[test]
    fn pictures_are_known_by_their_head() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x02\0\0\0\x03\x08\x00".to_vec();
        assert_eq!(size_of(&png), Some([258, 3, 1]));
        png.truncate(20);
        assert_eq!(size_of(&png), None);
        assert_eq!(size_of(b"GIF89a"), None);
    }

    #[test]
    fn own_files_are_known_by_their_names() {
        for (name, expected) in [
            ("events.out.tfevents.1700000000.gan", true),
            ("events.out.tfevents.1700000000.host", false),
            ("events.out.tfevents.17.gan", false),
            ("events.out.tfevents.170000000a.gan", false),
        ] {
            assert_eq!(is_own(name), expected, "{name}");
        }
    }
}
