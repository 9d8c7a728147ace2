//! Draws what the other crates have to show: plain numbers in, SVG and PNG files out.
//!
//! A chart is described by a struct ([`Curves`], [`BarChart`], [`Scatter`], [`Density`],
//! [`Histograms`], [`CorrelationMaps`]) and drawn as a [`Drawing`], which is SVG.
//! A PNG file is that SVG, rasterised; [`sheet_of_images`] alone writes its pixels directly, because
//! sheets are made while a net trains.
//! The crate knows nothing of nets, data sets or runs.
//!
//! The feature `png`, on by default, adds pixels: charts as PNG, sheets of images, animations.
//!
//! ```
//! use gan_pictures::Scatter;
//!
//! let scatter = Scatter {
//!     title: "ring8, step 1000",
//!     samples: &[[0.9, 0.1], [-1.1, 0.2]],
//!     data: &[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]],
//!     names: Some(["x", "y"]),
//!     surface: None,
//! };
//! let drawing = scatter.draw();
//! assert!(drawing.to_svg().contains("ring8, step 1000"));
//! # #[cfg(feature = "png")]
//! assert!(drawing.to_png(2.0)?.starts_with(b"\x89PNG"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "png")]
mod animation;
mod axis;
mod bar_chart;
mod correlations;
mod curves;
mod density;
mod drawing;
mod frame;
mod histograms;
mod legend;
#[cfg(feature = "png")]
mod pixels;
mod scatter;
#[cfg(feature = "png")]
mod sheet;
mod text;

#[cfg(feature = "png")]
pub use animation::{AnimationForm, AnimationFrame, Still, animation};
pub use axis::{Axis, Scale, Tick};
pub use bar_chart::{Bar, BarChart, BarGroup, BarSeries};
pub use correlations::{CorrelationMap, CorrelationMaps};
pub use curves::{Curve, Curves, Event, Panel};
pub use density::Density;
pub use drawing::{Anchor, BLUE, Color, Drawing, GREEN, ORANGE, Point, SILVER, Stroke};
pub use frame::Frame;
pub use histograms::{Histogram, HistogramValues, Histograms};
pub use legend::{Swatch, legend};
#[cfg(feature = "png")]
pub use pixels::{PictureError, png_within};
pub use scatter::{Scatter, Surface};
#[cfg(feature = "png")]
pub use sheet::{ImageRows, image, sheet_of_images};
