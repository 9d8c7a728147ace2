//! Draws a contact sheet of images as a PNG, to look at what a source gives: of drawn digits in
//! `sheet.png`, or of another source in another file.
//!
//! ```text
//! cargo run --release --example 03-digit-sheet
//! cargo run --release --example 03-digit-sheet -- path/to/mnist mnist.png
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use gan_data::{DataConfig, Normalize, RecordShape, Values, load};

const ROWS: usize = 16;
const COLUMNS: usize = 25;
/// Each pixel is drawn as a square of this side.
const ZOOM: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let source = arguments.next().unwrap_or_else(|| "digits".into());
    let path = arguments.next().unwrap_or_else(|| "sheet.png".into());
    let config = DataConfig {
        normalize: Normalize::Pixels,
        ..DataConfig::new(source)
    };
    let dataset = load(&config, 1)?;
    let RecordShape::Image {
        height,
        width,
        channels: 1,
    } = dataset.shape
    else {
        return Err("expected grey images".into());
    };
    let Values::Bytes { data, .. } = dataset.records.values() else {
        return Err("expected bytes".into());
    };
    let stride = COLUMNS * width * ZOOM;
    let mut sheet = vec![0; stride * ROWS * height * ZOOM];
    for (index, image) in data.chunks(height * width).take(ROWS * COLUMNS).enumerate() {
        let (top, left) = (
            index / COLUMNS * height * ZOOM,
            index % COLUMNS * width * ZOOM,
        );
        for y in 0..height * ZOOM {
            for x in 0..width * ZOOM {
                sheet[(top + y) * stride + left + x] = image[y / ZOOM * width + x / ZOOM];
            }
        }
    }
    let file = BufWriter::new(File::create(&path)?);
    let mut encoder = png::Encoder::new(file, stride as u32, (ROWS * height * ZOOM) as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header()?.write_image_data(&sheet)?;
    println!(
        "{path}: the first {} images of {}",
        ROWS * COLUMNS,
        config.source
    );
    Ok(())
}
