//! The circumstances of a measurement: the machine, the commit, the day.

use std::process::Command;

use gan_kernels::{Backend, Native};

use crate::results::Machine;

/// Instruction sets that some library that is measured here chooses code by.
const FLAGS: [&str; 12] = [
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "avx512f",
    "avx512vl",
    "avx512_bf16",
    "avx512_vnni",
    "amx_tile",
    "amx_bf16",
    "asimd",
    "sve",
];

/// The end of the name of a device that the processor emulates.
pub(crate) const EMULATED: &str = ", emulated by the processor: a smoke test";

/// This machine's processor, now.
///
/// The load of the end is that of the beginning until [`finish`] is called.
pub(crate) fn processor() -> Machine {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let backend = Native::<f32>::new(None).map_or_else(|_| "cpu".into(), |it| it.description());
    let mut machine = here();
    machine.device = format!("{}, {threads} processors", name(&info));
    machine.backend = backend;
    machine.flags = flags(&info);
    machine
}

/// Everything but the device, for devices other than the processor.
pub(crate) fn here() -> Machine {
    Machine {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        load: [load(), None],
        rustc: output("rustc", &["--version"]),
        commit: output("git", &["describe", "--always", "--dirty"]),
        date: chrono::Utc::now().date_naive().to_string(),
        ..Machine::default()
    }
}

/// Notes the load at the end.
pub(crate) fn finish(machine: &mut Machine) {
    machine.load[1] = load();
}

/// The processor's name; where it is one of many, with family and model.
fn name(info: &str) -> String {
    let of = |key: &str| {
        let line = info.lines().find(|line| {
            line.split(':')
                .next()
                .is_some_and(|found| found.trim() == key)
        });
        line.and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let Some(name) = of("model name") else {
        return std::env::consts::ARCH.into();
    };
    match (of("cpu family"), of("model")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name,
    }
}

fn flags(info: &str) -> Vec<String> {
    let line = info
        .lines()
        .find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let has = |flag: &&str| line.is_some_and(|line| line.split_whitespace().any(|it| it == *flag));
    FLAGS.into_iter().filter(has).map(str::to_owned).collect()
}

/// Load average over a minute, where the system tells.
fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// First line that a command prints; `unknown` where it does not run.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok()
        .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
        .filter(|line| !line.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_of_many_has_family_and_model() {
        let info =
            "model\t\t: 17\nmodel name\t: AMD EPYC\ncpu family\t: 25\nflags\t\t: fpu avx2 fma\n";
        assert_eq!(name(info), "AMD EPYC (family 25, model 17)");
        assert_eq!(flags(info), ["avx2", "fma"]);
        assert_eq!(name(""), std::env::consts::ARCH);
    }
}
