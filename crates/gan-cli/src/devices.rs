//! Which back end computes.
//!
//! A second back end costs a variant of [`Device`], one of [`DeviceChoice`], and an arm where
//! `session` hands the back end to the trainer.

use clap::ValueEnum;
use gan_kernels::{Backend, BackendError, Native};

/// What the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The fastest that this build can use.
    #[default]
    Auto,
    /// The processor.
    Cpu,
}

/// A back end that was opened.
pub(crate) enum Device {
    /// Plain Rust on the processor.
    Cpu(Native<f32>),
}

impl Device {
    /// Opens what `choice` means here, with `threads` threads if it is the processor.
    ///
    /// # Errors
    /// If the back end cannot start.
    pub(crate) fn open(choice: DeviceChoice, threads: Option<usize>) -> Result<Self, BackendError> {
        match choice {
            DeviceChoice::Auto | DeviceChoice::Cpu => Native::new(threads).map(Self::Cpu),
        }
    }

    /// What computes.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Cpu(native) => native.description(),
        }
    }
}

/// Why `choice` led to the device it did.
pub(crate) fn reason(choice: DeviceChoice) -> &'static str {
    match choice {
        DeviceChoice::Auto => "auto: this build has no other back end",
        DeviceChoice::Cpu => "as asked",
    }
}
