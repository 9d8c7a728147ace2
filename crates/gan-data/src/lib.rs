//! Data for training: turns the `[data]` table of a run into [`Records`] and what is known of them.
//!
//! ```
//! use gan_data::{DataConfig, load};
//!
//! # fn main() -> Result<(), gan_data::DataError> {
//! let mut config = DataConfig::new("ring8"); // Or the path of a file.
//! config.count = Some(1000);
//! let data = load(&config, 1)?;
//! let train = data.records.slice(data.splits.train.clone());
//! assert_eq!((train.rows(), train.cols()), (800, 2));
//! let mut record = [0.0_f32; 2];
//! train.copy_row(0, &mut record);
//! println!("the first record of {}: {record:?}", data.source);
//! # Ok(())
//! # }
//! ```
//!
//! The feature `parquet`, on by default, adds Parquet and Arrow's IPC files.
//!
//! [`load`] reads image sets, arrays and tables, as `docs/data.md` lists them, or draws records
//! from a built-in source ([`builtin_names`]) by address, so that nothing needs
//! to be downloaded to train.
//! A new file format is one module that turns an `Input` into a `Loaded`, and one line in `source`.
//! A [`Dataset`] carries the records of all splits, their shape, and the [`Transform`] that brings a
//! generated record back to the user's units; [`write_records`] is the way out.
//!
//! Files come from anywhere: no loader panics on what it reads, believes a size it has not checked
//! against the file, or holds more memory than a small multiple of the file; but the decoder of
//! Parquet, a library, reserves memory for as many columns as a schema says.
//! Nothing here prints, and nothing here trains.

mod archive;
mod array;
mod builtin;
mod cifar;
mod columns;
mod config;
mod dataset;
mod digits;
mod draw;
mod error;
mod folder;
mod idx;
mod input;
mod mapped;
mod mixture;
mod normalize;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod passes;
mod record;
mod source;
mod split;
mod structure;
mod table;
#[cfg(feature = "parquet")]
mod thrift;
mod write;

pub use builtin::builtin_density;
pub use columns::{ColumnEncoding, Encoding, normal_quantile};
pub use config::{ColumnKind, DataConfig, Delimiter, Format, Normalize, Split};
pub use dataset::{Dataset, HeldOut, UserRows, load, load_held, stem};
pub use draw::builtin_names;
pub use error::{DataError, DataProblem, OtherArrow, Stray, TypedFile};
pub use input::open_file;
pub use mixture::Mixture;
pub use normalize::Transform;
pub use passes::watch_passes;
pub use record::RecordShape;
pub use source::{FileContents, contents_of};
pub use split::Splits;
pub use table::{Column, Marks, NumberStyle, Role, Style, TableShape, Typed};
pub use write::{Contents, FileKind, half_written, replace_file, write_arrays, write_records};

// The record types are part of this crate's interface.
pub use gan_kernels::{Affine, ByteScale, Computed, Mean, Records, Values};
