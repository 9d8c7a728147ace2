//! `cargo xtask kernels`: what the CUDA compilers make of the kernels of one iteration, and what
//! an NVIDIA device would need for each.
//!
//! The kernels are written by the example `kernels` of `gan-cli`, without a device.
//! Registers and spills are NVIDIA's `ptxas` to tell, where it is found.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Flags of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder that the kernels are written to
    #[arg(long, default_value = "target/kernels")]
    dump: PathBuf,
    /// Compute capability that they are compiled for: 80 is Ampere's, 90 Hopper's
    #[arg(long, default_value = "90")]
    arch: String,
    /// Preset whose iteration it is
    #[arg(long, default_value = "mnist")]
    preset: String,
    /// Keep the table in docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// One kernel, as the example describes it in `kernels.json`.
#[derive(Debug, Default, Deserialize)]
struct Kernel {
    name: String,
    precision: String,
    /// Its places in the iteration, from 1.
    places: Vec<u64>,
    /// Cubes of each launch's grid.
    cubes: Vec<u64>,
    /// Units of a cube.
    units: u64,
    /// Bytes of shared memory that a launch asks for.
    shared_memory: u64,
    /// Path of its PTX in the folder.
    ptx: PathBuf,
}

/// One kernel, as the table has it.
struct Row {
    kernel: Kernel,
    counts: Counts,
    needs: Option<Needs>,
}

/// What can be counted in PTX.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    /// Lines that name local memory.
    local: usize,
    /// Loads of 16 bytes from global memory.
    wide: usize,
    /// Loads of fewer.
    narrow: usize,
    /// Tensor-core products.
    products: usize,
}

/// What `ptxas` says that a kernel needs, in registers and bytes per unit.
#[derive(Debug, PartialEq)]
struct Needs {
    registers: u64,
    stack: u64,
    spill_stores: u64,
    spill_loads: u64,
}

/// Writes the kernels, prints their table, and keeps it if asked to.
///
/// # Errors
/// If the example fails, or `ptxas` refuses a kernel.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let mut example = super::cargo(root);
    example
        .args(["run", "--quiet", "--package", "gan-cli"])
        .args(["--features", "cuda", "--example", "kernels", "--"])
        .args(["--arch", &args.arch, "--preset", &args.preset, "--dump"])
        .arg(&args.dump);
    super::succeed(example)?;
    let dump = root.join(&args.dump);
    let ptxas = ptxas();
    let rows = rows(&dump, ptxas.as_deref())?;
    let assembler = match &ptxas {
        Some(ptxas) => format!("Assembled by ptxas {}.", version(ptxas)?),
        None => "NVIDIA's ptxas was not found: install CUDA, or `pip install \
                 nvidia-cuda-nvcc-cu12`, and registers and spills are told as well."
            .into(),
    };
    let text = format!("{assembler}\n\n{}", tables(&rows));
    println!("{text}");
    println!("PTX and C++ are in {}", dump.display());
    if args.write {
        let path = root.join("benches/results/kernels.md");
        fs::write(&path, &text).with_context(|| path.display().to_string())?;
        println!("wrote {}", path.display());
        super::bench::run(root, &["--render".into()])?;
    }
    Ok(())
}

fn rows(dump: &Path, ptxas: Option<&Path>) -> Result<Vec<Row>> {
    let path = dump.join("kernels.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let kernels: Vec<Kernel> =
        serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let rows = kernels.into_iter().map(|kernel| {
        let path = dump.join(&kernel.ptx);
        let ptx = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let needs = ptxas.map(|ptxas| assemble(ptxas, &path, &ptx));
        Ok(Row {
            kernel,
            counts: count(&ptx),
            needs: needs.transpose()?,
        })
    });
    rows.collect()
}

fn count(ptx: &str) -> Counts {
    let mut counts = Counts::default();
    for line in ptx.lines() {
        let line = line.trim_start();
        if line.contains(".local") {
            counts.local += 1;
        }
        if line.contains("mma.sync") {
            counts.products += 1;
        }
        // `@%p1 ld.global.nc.v4.b32 …`, with or without the predicate.
        if let Some((_, load)) = line.split_once("ld.global") {
            let kind = load.split_whitespace().next().unwrap_or_default();
            let wide = [".v4.b32", ".v4.f32", ".v4.u32", ".v2.b64", ".v2.f64"];
            if wide.iter().any(|wide| kind.ends_with(wide)) {
                counts.wide += 1;
            } else {
                counts.narrow += 1;
            }
        }
    }
    counts
}

/// Runs `ptxas` on one file, for the architecture that the file names.
fn assemble(ptxas: &Path, path: &Path, ptx: &str) -> Result<Needs> {
    let target = ptx
        .lines()
        .find_map(|line| line.strip_prefix(".target "))
        .with_context(|| format!("{}: no .target", path.display()))?;
    let target = target.split(',').next().unwrap_or(target).trim();
    let output = Command::new(ptxas)
        .arg("-v")
        .arg(format!("-arch={target}"))
        .arg("-o")
        .arg(path.with_extension("cubin"))
        .arg(path)
        .output()
        .with_context(|| ptxas.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", path.display());
    needs(&said).with_context(|| format!("{}: ptxas said {said}", path.display()))
}

/// Reads what `ptxas -v` says.
fn needs(said: &str) -> Option<Needs> {
    let before = |words: &str| {
        let (number, _) = said.split_once(words)?;
        number
            .rsplit(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    Some(Needs {
        registers: before(" registers")?,
        stack: before(" bytes stack frame")?,
        spill_stores: before(" bytes spill stores")?,
        spill_loads: before(" bytes spill loads")?,
    })
}

/// Warps that a multiprocessor of Hopper's holds at once, of 64.
///
/// Registers are given out to a warp 256 at a time, and a cube takes 1 KiB of shared memory
/// beside its own (CUDA C++ Programming Guide, Compute Capabilities).
fn warps(kernel: &Kernel, registers: u64) -> u64 {
    const WARPS: u64 = 64;
    const CUBES: u64 = 32;
    const REGISTERS: u64 = 65_536;
    const SHARED: u64 = 228 << 10;
    let per_cube = kernel.units.div_ceil(32).max(1);
    let by_registers = REGISTERS / (registers * 32).next_multiple_of(256).max(1) / per_cube;
    let by_shared = SHARED / (kernel.shared_memory + 1024).next_multiple_of(128);
    (WARPS / per_cube)
        .min(by_registers)
        .min(by_shared)
        .min(CUBES)
        * per_cube
}

fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    for precision in ["f32", "tf32x3", "tf32", "bf16", "f16"] {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "### {precision}\n\n\
             | kernel | launches | cubes | units | registers | shared, bytes | stack | spills | \
             `.local` | 16-byte loads | narrower | `mma` | warps of 64 |\n\
             |---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        );
        for row in rows {
            if row.kernel.precision == precision {
                let _ = writeln!(text, "{}", row.line());
            }
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

impl Row {
    fn line(&self) -> String {
        let Self { kernel, counts, .. } = self;
        let (registers, stack, spills, warps) = match &self.needs {
            None => ["–"; 4].map(str::to_owned).into(),
            Some(needs) => (
                needs.registers.to_string(),
                needs.stack.to_string(),
                format!("{} / {}", needs.spill_stores, needs.spill_loads),
                warps(kernel, needs.registers).to_string(),
            ),
        };
        let (name, places, cubes) = (&kernel.name, list(&kernel.places), list(&kernel.cubes));
        let (units, shared) = (kernel.units, kernel.shared_memory);
        let Counts {
            local,
            wide,
            narrow,
            products,
        } = counts;
        format!(
            "| `{name}` | {places} | {cubes} | {units} | {registers} | {shared} | {stack} | \
             {spills} | {local} | {wide} | {narrow} | {products} | {warps} |"
        )
    }
}

/// Numbers with commas, without repetitions.
fn list(numbers: &[u64]) -> String {
    let mut words: Vec<_> = numbers.iter().map(u64::to_string).collect();
    words.dedup();
    words.join(", ")
}

/// NVIDIA's assembler: in `PATH`, in CUDA's folder, or among Python's packages.
fn ptxas() -> Option<PathBuf> {
    let name = format!("ptxas{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH").unwrap_or_default();
    let cuda = ["CUDA_HOME", "CUDA_PATH"]
        .into_iter()
        .filter_map(env::var_os);
    let cuda = cuda.map(PathBuf::from).chain(["/usr/local/cuda".into()]);
    let folders = env::split_paths(&path).chain(cuda.map(|cuda| cuda.join("bin")));
    let mut candidates = folders
        .chain(python_folders())
        .map(|folder| folder.join(&name));
    candidates.find(|path| path.is_file())
}

/// Where Python's packages keep programs of NVIDIA's: `nvidia-cuda-nvcc` and
/// `nvidia-cuda-nvcc-cu12` have folders of other names.
fn python_folders() -> Vec<PathBuf> {
    let program = "import glob, sys\n\
                   for path in sys.path: print(*glob.glob(path + '/nvidia/*/bin'), sep='\\n')";
    let output = Command::new("python3").args(["-c", program]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default()
        .lines()
        .filter(|line| !line.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// As `12.8, V12.8.93`.
fn version(ptxas: &Path) -> Result<String> {
    let output = Command::new(ptxas).arg("--version").output();
    let output = output.with_context(|| ptxas.display().to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_once("release ")
        .and_then(|(_, rest)| rest.lines().next());
    Ok(version.unwrap_or("of unknown version").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ptx_is_counted_by_width() {
        let ptx = "ld.global.nc.v4.b32 {%r1}, [%rd1];\n@%p ld.global.v2.b64 {%rd2}, [%rd1];\n\
                   ld.global.nc.v2.b32 {%r1}, [%rd1];\nld.global.b32 %r1, [%rd1];\n\
                   .local .align 4 .b8 __local_depot0[8];\n\
                   mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r1}";
        let expected = Counts {
            local: 1,
            wide: 2,
            narrow: 2,
            products: 1,
        };
        assert_eq!(count(ptx), expected);
    }

    #[test]
    fn words_of_ptxas_are_read() {
        let said = "ptxas info    : Function properties for linear_68\n    \
                    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n\
                    ptxas info    : Used 64 registers, used 1 barriers, 16 bytes cumulative stack";
        let expected = Needs {
            registers: 64,
            stack: 16,
            spill_stores: 8,
            spill_loads: 12,
        };
        assert_eq!(needs(said), Some(expected));
        assert_eq!(needs("ptxas fatal"), None);
    }

    #[test]
    fn warps_are_bounded_by_the_scarcest() {
        let row = |units, shared_memory| Kernel {
            units,
            shared_memory,
            ..Kernel::default()
        };
        // Half of the registers of a multiprocessor for each cube of 256 units with 128 each.
        assert_eq!(warps(&row(256, 0), 128), 16);
        assert_eq!(warps(&row(256, 0), 32), 64);
        assert_eq!(warps(&row(256, 100 << 10), 32), 16);
        assert_eq!(warps(&row(32, 0), 16), 32);
    }
}
