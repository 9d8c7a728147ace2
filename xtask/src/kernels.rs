//! `cargo xtask kernels`: what the CUDA compilers make of the kernels of one iteration, and what
//! an NVIDIA device would need for each.
//!
//! The kernels are written by the example `kernels` of `gan-cli`, without a device.
//! Registers and spills are NVIDIA's `ptxas` to tell, where it is found.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Wanted {
    dump: PathBuf,
    write: bool,
    /// Handed to the example as they are.
    others: Vec<OsString>,
}

impl Wanted {
    /// Reads the flags; `None` is a usage error.
    pub(crate) fn parse(words: &[Option<&str>]) -> Option<Self> {
        let mut wanted = Self {
            dump: "target/kernels".into(),
            write: false,
            others: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (*word)? {
                "--dump" => wanted.dump = PathBuf::from((*words.next()?)?),
                "--write" => wanted.write = true,
                flag @ ("--arch" | "--preset") => {
                    wanted
                        .others
                        .extend([flag.into(), (*words.next()?)?.into()]);
                }
                _ => return None,
            }
        }
        Some(wanted)
    }
}

/// One kernel, as the table has it.
#[derive(Debug, Default)]
struct Row {
    name: String,
    precision: String,
    places: String,
    cubes: String,
    units: u64,
    shared: u64,
    /// What the PTX itself says.
    seen: Seen,
    /// What `ptxas` says of it.
    needs: Option<Needs>,
}

/// What can be counted in PTX.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// Lines that name local memory.
    local: usize,
    /// Loads of 16 bytes from global memory.
    wide: usize,
    /// Loads of fewer.
    narrow: usize,
    /// Tensor-core products.
    products: usize,
}

/// What a kernel needs of a multiprocessor, in registers per unit and bytes per unit.
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
pub(crate) fn run(root: &Path, wanted: &Wanted) -> Result<()> {
    let mut example = super::cargo(root);
    example
        .args(["run", "--quiet", "--package", "gan-cli"])
        .args(["--features", "cuda", "--example", "kernels", "--"])
        .arg("--dump")
        .arg(&wanted.dump)
        .args(&wanted.others);
    super::succeed(example)?;
    let dump = root.join(&wanted.dump);
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
    if wanted.write {
        let path = root.join("benches/results/kernels.md");
        fs::write(&path, &text).with_context(|| path.display().to_string())?;
        println!("wrote {}", path.display());
        super::bench::run(root, vec!["--render".into()])?;
    }
    Ok(())
}

fn rows(dump: &Path, ptxas: Option<&Path>) -> Result<Vec<Row>> {
    let path = dump.join("kernels.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let index: Vec<Value> = serde_json::from_str(&text)?;
    index
        .iter()
        .map(|row| self::row(dump, row, ptxas))
        .collect()
}

fn row(dump: &Path, row: &Value, ptxas: Option<&Path>) -> Result<Row> {
    let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let path = dump.join(word("ptx"));
    let ptx = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let needs = ptxas.map(|ptxas| assemble(ptxas, &path, &ptx));
    Ok(Row {
        name: word("name"),
        precision: word("precision"),
        places: list(&row["places"]),
        cubes: list(&row["cubes"]),
        units: row["units"].as_u64().unwrap_or(0),
        shared: row["shared_memory"].as_u64().unwrap_or(0),
        seen: seen(&ptx),
        needs: needs.transpose()?,
    })
}

/// Numbers with commas, each once if all are the same.
fn list(numbers: &Value) -> String {
    let numbers = numbers.as_array().map_or(&[][..], Vec::as_slice);
    let mut words: Vec<_> = numbers.iter().map(Value::to_string).collect();
    words.dedup();
    words.join(", ")
}

fn seen(ptx: &str) -> Seen {
    let mut seen = Seen::default();
    for line in ptx.lines() {
        let line = line.trim_start();
        if line.contains(".local") {
            seen.local += 1;
        }
        if line.contains("mma.sync") {
            seen.products += 1;
        }
        // `@%p1 ld.global.nc.v4.b32 …`, with or without the predicate.
        if let Some((_, load)) = line.split_once("ld.global") {
            let kind = load.split_whitespace().next().unwrap_or_default();
            let wide = [".v4.b32", ".v4.f32", ".v4.u32", ".v2.b64", ".v2.f64"];
            if wide.iter().any(|wide| kind.ends_with(wide)) {
                seen.wide += 1;
            } else {
                seen.narrow += 1;
            }
        }
    }
    seen
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
    if !output.status.success() {
        bail!("{}: {said}", path.display());
    }
    needs(&said).with_context(|| format!("{}: ptxas said {said}", path.display()))
}

/// What `ptxas -v` says.
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
fn warps(row: &Row, registers: u64) -> u64 {
    const WARPS: u64 = 64;
    const CUBES: u64 = 32;
    const REGISTERS: u64 = 65_536;
    const SHARED: u64 = 228 << 10;
    let per_cube = row.units.div_ceil(32).max(1);
    let by_registers = REGISTERS / (registers * 32).next_multiple_of(256).max(1) / per_cube;
    let by_shared = SHARED / (row.shared + 1024).next_multiple_of(128);
    (WARPS / per_cube)
        .min(by_registers)
        .min(by_shared)
        .min(CUBES)
        * per_cube
}

fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    for precision in ["f32", "tf32x3", "tf32", "bf16", "f16"] {
        let rows = rows.iter().filter(|row| row.precision == precision);
        // Of a String, which takes everything.
        let _ = write!(
            text,
            "### {precision}\n\n\
             | kernel | launches | cubes | units | registers | shared, bytes | stack | spills | \
             `.local` | 16-byte loads | narrower | `mma` | warps of 64 |\n\
             |---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        );
        for row in rows {
            let Seen {
                local,
                wide,
                narrow,
                products,
            } = row.seen;
            let (registers, stack, spills, warps) = match &row.needs {
                None => ["–"; 4].map(str::to_owned).into(),
                Some(needs) => (
                    needs.registers.to_string(),
                    needs.stack.to_string(),
                    format!("{} / {}", needs.spill_stores, needs.spill_loads),
                    warps(row, needs.registers).to_string(),
                ),
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {registers} | {} | {stack} | {spills} | {local} | {wide} \
                 | {narrow} | {products} | {warps} |",
                row.name, row.places, row.cubes, row.units, row.shared
            );
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

/// NVIDIA's assembler: in `PATH`, in CUDA's folder, or among Python's packages.
fn ptxas() -> Option<PathBuf> {
    let name = format!("ptxas{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|folder| folder.join(&name));
    let cuda = ["CUDA_HOME", "CUDA_PATH"]
        .into_iter()
        .filter_map(env::var_os);
    let in_cuda = cuda.map(|folder| Path::new(&folder).join("bin").join(&name));
    let usual = Path::new("/usr/local/cuda/bin").join(&name);
    let mut found = in_path
        .chain(in_cuda)
        .chain([usual])
        .find(|path| path.is_file());
    if found.is_none() {
        // `nvidia-cuda-nvcc` and `nvidia-cuda-nvcc-cu12` put it into folders of other names.
        found = python_packages()
            .into_iter()
            .filter_map(|packages| fs::read_dir(packages.join("nvidia")).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(&name)))
            .find(|path| path.is_file());
    }
    found
}

fn python_packages() -> Vec<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print('\\n'.join(sys.path))"])
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines()
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
    fn flags_are_read_and_wrong_ones_refused() {
        let parse = |line: &str| {
            let words: Vec<_> = line.split_whitespace().map(Some).collect();
            Wanted::parse(&words)
        };
        let wanted = parse("--dump x --arch 80 --write").unwrap();
        assert_eq!(wanted.dump, Path::new("x"));
        assert!(wanted.write);
        assert_eq!(wanted.others, ["--arch", "80"]);
        assert_eq!(parse("").unwrap().dump, Path::new("target/kernels"));
        assert_eq!(parse("--dump"), None);
        assert_eq!(parse("--fast"), None);
    }

    #[test]
    fn ptx_is_counted_by_width() {
        let ptx = "ld.global.nc.v4.b32 {%r1}, [%rd1];\n@%p ld.global.v2.b64 {%rd2}, [%rd1];\n\
                   ld.global.nc.v2.b32 {%r1}, [%rd1];\nld.global.b32 %r1, [%rd1];\n\
                   .local .align 4 .b8 __local_depot0[8];\n\
                   mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r1}";
        let expected = Seen {
            local: 1,
            wide: 2,
            narrow: 2,
            products: 1,
        };
        assert_eq!(seen(ptx), expected);
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
        let row = |units, shared| Row {
            units,
            shared,
            ..Row::default()
        };
        // Half of the registers of a multiprocessor for each cube of 256 units with 128 each.
        assert_eq!(warps(&row(256, 0), 128), 16);
        assert_eq!(warps(&row(256, 0), 32), 64);
        assert_eq!(warps(&row(256, 100 << 10), 32), 16);
        assert_eq!(warps(&row(32, 0), 16), 32);
    }
}
