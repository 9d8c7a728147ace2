//! Rules on names: documents point at files and symbols that exist, and the code map misses none.
//!
//! The convention, for inline code, paths always from the repository's root:
//! - `path/to/file.rs::symbol` and `path/to/file.rs::Type::method`, in every document: the file
//!   defines the symbol. Variants, fields, constants and modules are symbols too.
//! - `path/to/file.rs` or `path/to/folder/`, in the maps: it exists. A segment such as `<op>`
//!   stands for any name. Code without a `/`, or with a space, is prose and left alone.
//!
//! Decisions and the change log stay as they were written, and are exempt.

use syn::visit::{self, Visit};

use super::documents::Document;
use super::{Finding, Tree};

const CODE_MAP: &str = "docs/architecture.md";
const MAPS: [&str; 2] = [CODE_MAP, "docs/paper-map.md"];
const HISTORY: [&str; 2] = ["docs/decisions/", "CHANGELOG.md"];

/// What inline code names.
#[derive(Clone, Copy)]
enum Reference<'a> {
    Symbol { path: &'a str, symbol: &'a str },
    Path(&'a str),
}

impl<'a> Reference<'a> {
    fn parse(code: &'a str) -> Option<Self> {
        if code.contains(char::is_whitespace) {
            return None;
        }
        if let Some(at) = code.find(".rs::") {
            let (path, symbol) = (&code[..at + ".rs".len()], &code[at + ".rs::".len()..]);
            return Some(Self::Symbol { path, symbol });
        }
        let (folders, name) = code.rsplit_once('/')?;
        // `mnist/60000` and `m/s` are no paths, nor is a path outside the repository.
        let is_path = name.is_empty() || name.contains('.');
        let is_outside =
            folders.is_empty() || folders.contains(':') || folders.starts_with(['~', '$']);
        (is_path && !is_outside).then_some(Self::Path(code))
    }

    fn path(self) -> &'a str {
        match self {
            Self::Symbol { path, .. } | Self::Path(path) => path,
        }
    }

    /// What is expected in its place, if it is not there.
    fn missing(self, tree: &Tree) -> Option<String> {
        match self {
            Self::Path(path) => {
                let exists = tree.contains(path) || tree.0.keys().any(|file| matches(path, file));
                (!exists).then(|| "a file or folder, its path from the repository's root".into())
            }
            Self::Symbol { path, symbol } => {
                let sources = tree.texts_ending(".rs");
                let mut sources = sources.filter(|(file, _)| matches(path, file)).peekable();
                if sources.peek().is_none() {
                    return Some(format!("a Rust file at {path}"));
                }
                let defined = sources.any(|(_, source)| defines(source, symbol));
                (!defined).then(|| format!("a definition of {symbol} in {path}"))
            }
        }
    }
}

/// Whether `file` has the path `pattern`, whose segments in angle brackets match any name. A
/// pattern with a final `/` matches the files below it.
fn matches(pattern: &str, file: &str) -> bool {
    let (mut wanted, mut names) = (pattern.split('/'), file.split('/'));
    loop {
        match (wanted.next(), names.next()) {
            (None, None) | (Some(""), Some(_)) => return true,
            (Some(want), Some(name)) if want == name || want.starts_with('<') => {}
            _ => return false,
        }
    }
}

/// Files and symbols that documents name exist.
pub(super) fn names(tree: &Tree) -> Vec<Finding> {
    let missing = MAPS.iter().filter(|map| tree.text(map).is_none());
    let message = "found no file, expected a map of the code";
    let mut findings: Vec<_> = missing.map(|map| Finding::error(map, 1, message)).collect();
    for (document, text) in tree.texts_ending(".md") {
        if HISTORY.iter().any(|past| document.starts_with(past)) {
            continue;
        }
        let is_map = MAPS.contains(&document);
        let code = Document::parse(text).code;
        let mut paths = 0;
        for (line, code) in &code {
            let reference = match Reference::parse(code) {
                Some(reference @ Reference::Symbol { .. }) => reference,
                Some(reference @ Reference::Path(_)) if is_map => reference,
                _ => continue,
            };
            paths += 1;
            if let Some(expected) = reference.missing(tree) {
                let message = format!("found `{code}`, expected {expected}");
                findings.push(Finding::error(document, *line, message));
            }
        }
        if is_map && paths == 0 {
            let message = "found no path, expected some such as `path/from/root/file.rs::Type`";
            findings.push(Finding::error(document, 1, message));
        }
    }
    findings
}

/// The code map names every package and, in a crate, every folder with a `mod.rs` directly below its
/// `src`, by itself or by what is in it.
pub(super) fn folders(tree: &Tree) -> Vec<Finding> {
    let map = Document::parse(tree.text(CODE_MAP).unwrap_or_default()).code;
    let named = map.iter().filter_map(|(_, code)| Reference::parse(code));
    let named: Vec<_> = named.map(Reference::path).collect();
    let mut findings = Vec::new();
    for path in tree.0.keys() {
        let segments: Vec<_> = path.rsplit('/').collect();
        let folder = match segments[..] {
            ["Cargo.toml", _] | ["Cargo.toml", _, "crates"] => path.strip_suffix("Cargo.toml"),
            ["mod.rs", _, "src", _, "crates"] => path.strip_suffix("mod.rs"),
            _ => None,
        };
        let Some(folder) = folder else { continue };
        if !named.iter().any(|path| path.starts_with(folder)) {
            let message = format!("found no `{folder}`, expected every package and folder");
            findings.push(Finding::error(CODE_MAP, 1, message));
        }
    }
    findings
}

/// Whether `source` defines `symbol`, a name or the last names of its path, such as
/// `Trainer::step`, `Activation::Relu`, `LinearFwd::x` or `tests::helper`.
fn defines(source: &str, symbol: &str) -> bool {
    let wanted: Vec<_> = symbol.split("::").map(str::to_owned).collect();
    let mut definitions = Definitions::default();
    if let Ok(file) = syn::parse_file(source) {
        definitions.visit_file(&file);
    }
    definitions.found.iter().any(|path| path.ends_with(&wanted))
}

/// Paths of all definitions of a file: functions, types, traits, constants, variants, fields,
/// modules, macros. A path leads through modules, types (also by their `impl`), traits and
/// functions.
#[derive(Default)]
struct Definitions {
    scope: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Definitions {
    fn enter(&mut self, name: impl ToString, inside: impl FnOnce(&mut Self)) {
        self.scope.push(name.to_string());
        self.found.push(self.scope.clone());
        inside(self);
        self.scope.pop();
    }
}

/// A method of the visitor for each sort of definition, with the way to its name.
macro_rules! visit_definitions {
    ($($visit:ident, $node:ident, $($name:ident).+;)+) => {
        $(fn $visit(&mut self, node: &'ast syn::$node) {
            self.enter(&node.$($name).+, |inside| visit::$visit(inside, node));
        })+
    };
}

impl<'ast> Visit<'ast> for Definitions {
    visit_definitions! {
        visit_item_const, ItemConst, ident;
        visit_item_enum, ItemEnum, ident;
        visit_item_fn, ItemFn, sig.ident;
        visit_item_mod, ItemMod, ident;
        visit_item_static, ItemStatic, ident;
        visit_item_struct, ItemStruct, ident;
        visit_item_trait, ItemTrait, ident;
        visit_item_type, ItemType, ident;
        visit_item_union, ItemUnion, ident;
        visit_impl_item_const, ImplItemConst, ident;
        visit_impl_item_fn, ImplItemFn, sig.ident;
        visit_impl_item_type, ImplItemType, ident;
        visit_trait_item_const, TraitItemConst, ident;
        visit_trait_item_fn, TraitItemFn, sig.ident;
        visit_trait_item_type, TraitItemType, ident;
        visit_variant, Variant, ident;
    }

    fn visit_field(&mut self, node: &'ast syn::Field) {
        if let Some(name) = &node.ident {
            self.enter(name, |_| {});
        }
    }

    fn visit_item_macro(&mut self, node: &'ast syn::ItemMacro) {
        if let Some(name) = &node.ident {
            self.enter(name, |_| {});
        }
        // What is inside is no Rust, but the functions there are defined by whoever expands it.
        let tokens = node.mac.tokens.to_string();
        let mut words = tokens.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        while words.any(|word| word == "fn") {
            if let Some(name) = words.next() {
                self.enter(name, |_| {});
            }
        }
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let syn::Type::Path(path) = &*node.self_ty else {
            return;
        };
        if let Some(last) = path.path.segments.last() {
            self.scope.push(last.ident.to_string());
            visit::visit_item_impl(self, node);
            self.scope.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    const SOURCE: &str = r##"
//! mentioned_in_doc
use other::Imported;
pub(crate) const RATE: f32 = 0.1;
static mut COUNT: u32 = 0;
pub struct LinearFwd<'a, B: Backend, const N: usize> where B: Fn(f32) -> f32 {
    #[allow(unused)]
    pub x: &'a [f32; 3],
    y: B,
}
pub struct Tuple(pub u32, u32);
enum Activation {
    Relu,
    Leaky { slope: f32 },
    Bit = 1 << 3,
}
union Bits { word: u32, float: f32 }
trait Backend: Sized {
    type Buffer;
    const NAME: &'static str;
    fn read(&self, f: impl Fn(u32) -> u32) -> u32;
    fn defaulted(&self) { let local_variable = "fn quoted() {"; }
}
impl<B: Backend> Backend for wrapper::Trainer<B> where B: Clone {
    fn step(&mut self) -> u32 {
        fn helper() {}
        call(|x| Point { a_field_use: x });
    }
}
mod inner { pub type Alias = fn(f32) -> f32; }
proptest! { #[test] fn holds(x in 0..3) { assert!(x < 3); } }
macro_rules! launch { ($x:ident) => { fn in_macro() {} }; }
"##;

    #[test]
    fn defines_finds_every_sort_of_definition_and_no_mention() {
        let defined = "RATE COUNT LinearFwd LinearFwd::x LinearFwd::y Tuple Activation::Relu \
                       Activation::Leaky::slope Activation::Bit Bits::float Backend::Buffer \
                       Backend::NAME Backend::read Backend::defaulted Trainer::step step::helper \
                       inner::Alias launch in_macro holds";
        for symbol in defined.split_whitespace() {
            assert!(defines(SOURCE, symbol), "{symbol}");
        }
        let mentioned = "Imported mentioned_in_doc quoted local_variable a_field_use \
                         slope::Leaky Backend::step Trainer Trainer::read N";
        for symbol in mentioned.split_whitespace().chain([""]) {
            assert!(!defines(SOURCE, symbol), "{symbol}");
        }
    }

    #[test]
    fn names_exist() {
        let found = |document: &str, code: &str| {
            let text = format!("| `{code}` |\n|-|\n| `cpu.rs`, `m/s`, `cargo xtask tidy ./x` |");
            let files = [
                (MAPS[0], "`crates/a/`"),
                (MAPS[1], "`crates/a/`"),
                ("crates/a/src/train.rs", "impl Trainer { fn step() {} }"),
                ("crates/a/src/ops/add/cpu.rs", "fn add() {}"),
                (document, &text),
            ];
            messages(names, &files)
        };
        for (document, code, count) in [
            (CODE_MAP, "crates/a/src/train.rs::Trainer::step", 0),
            (CODE_MAP, "crates/a/src/train.rs", 0),
            (CODE_MAP, "crates/a/src/ops/", 0),
            (CODE_MAP, "crates/a/src/ops/<op>/cpu.rs", 0),
            (CODE_MAP, "crates/a/src/ops/<op>/cpu.rs::add", 0),
            (CODE_MAP, "a/src/train.rs", 1),
            (CODE_MAP, "crates/a/src/gone.rs::Trainer", 1),
            (CODE_MAP, "crates/gone/", 1),
            (CODE_MAP, "crates/a/src/<op>/cuda.rs", 1),
            (CODE_MAP, "train.rs::Trainer::step", 1),
            // A map without a path.
            (CODE_MAP, "train.rs", 1),
            ("docs/numerics.md", "runs/a.png", 0),
            ("docs/numerics.md", "a/b.rs::c", 1),
            ("docs/decisions/0001-a.md", "a/b.rs::c", 0),
        ] {
            assert_eq!(found(document, code).len(), count, "{document}: {code}");
        }
        assert_eq!(
            found("docs/paper-map.md", "crates/a/src/train.rs::Trainer::stop"),
            [
                "docs/paper-map.md:1: found `crates/a/src/train.rs::Trainer::stop`, \
                 expected a definition of Trainer::stop in crates/a/src/train.rs"
            ]
        );
    }

    #[test]
    fn folders_are_all_in_the_code_map() {
        let with = |map: &str| {
            let files = [
                (CODE_MAP, map),
                ("crates/a/Cargo.toml", ""),
                ("crates/a/src/lib.rs", ""),
                ("crates/a/src/ops/mod.rs", ""),
                ("crates/a/src/train.rs", ""),
                ("crates/a/src/ops/add/mod.rs", ""),
                ("b/Cargo.toml", ""),
                ("b/inner/Cargo.toml", ""),
            ];
            messages(folders, &files)
        };
        assert_eq!(with("`crates/a/src/ops/<op>/mod.rs`, `b/`"), [""; 0]);
        assert_eq!(
            with("`crates/a/`, `b/`"),
            [
                "docs/architecture.md:1: found no `crates/a/src/ops/`, expected every package and folder"
            ]
        );
        assert_eq!(with("").len(), 3);
    }
}
