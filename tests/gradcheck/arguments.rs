//! The command line.

use std::str::FromStr;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use gan_kernels::cube::{DeviceName, Precision};

/// Holds every operation, and the gradients of whole players, to their oracles on one device.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask gradcheck")]
pub(crate) struct Arguments {
    /// cpu, or a GPU as cuda, hip, vulkan, wgpu, with or without its number as in cuda:1.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: Device,
    /// Rounding of the factors of products: f32 (none), tf32x3, tf32, bf16, f16.
    #[arg(long, default_value_t)]
    pub(crate) precision: Precision,
    /// Round as the precision does on a device that does not offer it.
    ///
    /// Hidden: it says nothing of a tensor core, only of this program's tolerances.
    #[arg(long, hide = true)]
    pub(crate) emulated: bool,
}

/// The device under test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Device {
    /// The processor.
    Cpu,
    /// A GPU, one played by the processor among them.
    Gpu(DeviceName),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "cpu" {
            return Ok(Self::Cpu);
        }
        let unknown = |_| {
            format!(
                "found {text}, expected cpu, cuda, hip, vulkan or wgpu, a GPU with or without its \
                 number as in cuda:1"
            )
        };
        text.parse().map(Self::Gpu).map_err(unknown)
    }
}

impl Arguments {
    /// Checks that the arguments fit together.
    ///
    /// # Errors
    /// If the arguments contradict each other.
    pub(crate) fn validate(&self) -> Result<(), clap::Error> {
        let contradiction = |text: String| {
            let error = Self::command().error(ErrorKind::ArgumentConflict, text);
            Err(error)
        };
        let Self {
            device,
            precision,
            emulated,
        } = self;
        if *emulated && *precision == Precision::F32 {
            return contradiction(
                "--emulated: found --precision f32, expected one that rounds factors\n\
                 hint: add --precision tf32x3, tf32, bf16 or f16"
                    .into(),
            );
        }
        let on_cpu = matches!(precision, Precision::F32 | Precision::Bf16);
        if *device == Device::Cpu && !on_cpu {
            return contradiction(format!(
                "--precision {precision}: found the device cpu, which offers f32, and bf16 where it \
                 has such products\n\
                 hint: leave --precision away, or name a GPU with --device; `gan-cli info` lists \
                 them"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        let arguments = Arguments::try_parse_from(["gradcheck"].into_iter().chain(line.split(' ')));
        let arguments = arguments?;
        arguments.validate().map(|()| arguments)
    }

    #[test]
    fn arguments_are_read_with_the_processor_and_f32_by_default() {
        let arguments = Arguments::try_parse_from(["gradcheck"]).unwrap();
        assert_eq!(arguments.device, Device::Cpu);
        assert_eq!(arguments.precision, Precision::F32);
        let arguments = parse("--device cuda:1 --precision bf16").unwrap();
        assert_eq!(arguments.device, Device::Gpu("cuda:1".parse().unwrap()));
        assert_eq!(arguments.precision, Precision::Bf16);
        assert!(!arguments.emulated);
        assert!(parse("--device wgpu --precision tf32 --emulated").is_ok());
    }

    #[test]
    fn arguments_that_cannot_be_meant_say_what_can() {
        for (line, hint) in [
            ("--device gpu", "expected cpu, cuda, hip, vulkan or wgpu"),
            ("--device cpu:0", "expected cpu, cuda"),
            ("--device wgpu:x", "as in cuda:1"),
            (
                "--precision fp32",
                "expected f32, tf32x3, tf32, bf16 or f16",
            ),
            ("--precision tf32", "leave --precision away"),
            ("--device wgpu --emulated", "add --precision tf32x3"),
            ("--devices wgpu", "--help"),
            ("wgpu", "--help"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(hint), "{line}: {error}");
        }
    }
}
