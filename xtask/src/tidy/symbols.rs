//! What a Rust file defines: the names that the doc maps may point at.
//!
//! A scan over tokens that follows braces and headers of items. It knows no macros and no types;
//! it is right on formatted source that compiles.

use super::lex::{Kind, Token, tokens};

/// Whether `source` defines `symbol`, a name or the last names of its path, such as
/// `Trainer::step`, `Activation::Relu`, `LinearFwd::x` or `tests::helper`.
pub(super) fn defines(source: &str, symbol: &str) -> bool {
    let wanted: Vec<_> = symbol.split("::").collect();
    definitions(source)
        .iter()
        .any(|path| path.ends_with(&wanted))
}

/// Paths of all definitions: functions, types, traits, constants, variants, fields, modules,
/// macros. A path leads through modules, types (also by their `impl`), traits and functions.
fn definitions(source: &str) -> Vec<Vec<&str>> {
    let mut scan = Scan {
        tokens: tokens(source)
            .into_iter()
            .filter(|token| token.kind != Kind::Comment)
            .collect(),
        at: 0,
        scope: Vec::new(),
        found: Vec::new(),
    };
    scan.items();
    scan.found
}

struct Scan<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    scope: Vec<&'a str>,
    found: Vec<Vec<&'a str>>,
}

impl<'a> Scan<'a> {
    /// Items or statements, up to and with the closing brace.
    fn items(&mut self) {
        while let Some(token) = self.peek(0) {
            match (token.kind, token.text) {
                (Kind::Punctuation('}'), _) => {
                    self.at += 1;
                    return;
                }
                (Kind::Punctuation('{'), _) => {
                    self.at += 1;
                    self.items();
                }
                (Kind::Punctuation('#'), _) => self.attribute(),
                (Kind::Word, "fn" | "mod" | "trait") => self.item(Self::items),
                (Kind::Word, "struct") => self.item(Self::fields),
                (Kind::Word, "enum") => self.item(Self::variants),
                // A word of its own elsewhere, so look at what follows.
                (Kind::Word, "union") if self.is(2, '{') || self.is(2, '<') => {
                    self.item(Self::fields);
                }
                (Kind::Word, "impl") => self.implementation(),
                (Kind::Word, "type") => {
                    self.named(1);
                    self.skip_to(&[';', '}']);
                }
                (Kind::Word, "const" | "static") if self.is(2, ':') => {
                    self.named(1);
                }
                (Kind::Word, "static") if self.is(3, ':') => {
                    self.named(2);
                }
                (Kind::Word, "macro_rules") if self.is(1, '!') => {
                    self.named(2);
                    self.group();
                }
                _ => self.at += 1,
            }
        }
    }

    /// `keyword name … { body }` or `keyword name … ;`
    fn item(&mut self, body: fn(&mut Self)) {
        let Some(name) = self.named(1) else { return };
        self.skip_to(&['{', ';', '}']);
        self.body(name, body);
    }

    /// `impl … Type … { items }`
    fn implementation(&mut self) {
        self.at += 1;
        let mut name = "";
        while let Some(token) = self.peek(0) {
            match token.text {
                "{" | ";" | "}" => break,
                "<" => {
                    self.angles();
                    continue;
                }
                "where" => {
                    self.skip_to(&['{', ';', '}']);
                    break;
                }
                // The trait's name is behind us, the type's ahead.
                "for" => name = "",
                "(" | "[" => {
                    self.group();
                    continue;
                }
                word if token.kind == Kind::Word => name = word,
                _ => {}
            }
            self.at += 1;
        }
        self.body(name, Self::items);
    }

    fn body(&mut self, name: &'a str, body: fn(&mut Self)) {
        if self.is(0, '{') {
            self.at += 1;
            self.scope.push(name);
            body(self);
            self.scope.pop();
        }
    }

    /// Fields of a struct or of a variant, up to and with the closing brace.
    fn fields(&mut self) {
        while let Some(token) = self.peek(0) {
            if token.is('}') {
                self.at += 1;
                return;
            } else if token.is('#') {
                self.attribute();
            } else if token.is('(') {
                // The `(crate)` of `pub(crate)`.
                self.group();
            } else if token.kind == Kind::Word && self.is(1, ':') {
                self.named(0);
                self.skip_to(&[',', '}']);
            } else {
                self.at += 1;
            }
        }
    }

    /// Variants of an enum, up to and with the closing brace.
    fn variants(&mut self) {
        while let Some(token) = self.peek(0) {
            if token.is('}') {
                self.at += 1;
                return;
            } else if token.is('#') {
                self.attribute();
            } else if token.kind == Kind::Word {
                let name = token.text;
                self.named(0);
                self.body(name, Self::fields);
                self.tuple_or_discriminant();
            } else {
                self.at += 1;
            }
        }
    }

    /// Moves to the end of a variant. Unlike in a type, a `<` is an operator here: `1 << 3`.
    fn tuple_or_discriminant(&mut self) {
        while let Some(token) = self.peek(0) {
            match token.text {
                "," | "}" => return,
                "(" | "[" | "{" => self.group(),
                _ => self.at += 1,
            }
        }
    }

    /// Records the word `ahead` of here in the present scope and moves behind it; moves one token
    /// where there is no word, as in the type `fn(f32) -> f32`.
    fn named(&mut self, ahead: usize) -> Option<&'a str> {
        let Some(token) = self.peek(ahead).filter(|token| token.kind == Kind::Word) else {
            self.at += 1;
            return None;
        };
        let path = self.scope.iter().copied().chain([token.text]).collect();
        self.found.push(path);
        self.at += ahead + 1;
        Some(token.text)
    }

    fn attribute(&mut self) {
        self.at += 1;
        if self.is(0, '!') {
            self.at += 1;
        }
        if self.is(0, '[') {
            self.group();
        }
    }

    /// Moves to the next of `ends` outside brackets, or to the end.
    fn skip_to(&mut self, ends: &[char]) {
        while let Some(token) = self.peek(0) {
            if ends.iter().any(|&end| token.is(end)) {
                return;
            }
            match token.text {
                "(" | "[" | "{" => self.group(),
                "<" => self.angles(),
                _ => self.at += 1,
            }
        }
    }

    /// Moves behind a bracketed group.
    fn group(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            match token.kind {
                Kind::Punctuation('(' | '[' | '{') => depth += 1,
                Kind::Punctuation(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Moves behind generics, or to the bracket or `;` that shows that a `<` opened none. The `>`
    /// of an arrow closes none.
    fn angles(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            match token.kind {
                Kind::Punctuation('<') => depth += 1,
                Kind::Punctuation('>') if !self.is_behind('-') => depth -= 1,
                Kind::Punctuation('(' | '[') => {
                    self.group();
                    continue;
                }
                Kind::Punctuation(';' | '{' | '}' | ')' | ']') => return,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn is_behind(&self, punctuation: char) -> bool {
        self.at > 0 && self.tokens[self.at - 1].is(punctuation)
    }

    fn is(&self, ahead: usize, punctuation: char) -> bool {
        self.peek(ahead).is_some_and(|token| token.is(punctuation))
    }

    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.at + ahead).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r##"
//! mentioned_in_doc
use other::Imported;
pub(crate) const RATE: f32 = 0.1;
static mut COUNT: u32 = 0;
#[derive(Debug)]
pub struct LinearFwd<'a, B: Backend, const N: usize> where B: Fn(f32) -> f32 {
    #[allow(unused)]
    pub x: &'a [f32; 3],
    pub(super) w: Vec<Map<u8, fn(u8) -> u8>>,
    y: B,
}
pub struct Tuple(pub u32, u32);
pub struct Unit;
enum Activation {
    Relu,
    #[doc = "leak"]
    Leaky { slope: f32 },
    Wrap(Box<dyn Fn(u8) -> u8>),
    Bit = 1 << 3,
    Last,
}
union Bits { word: u32, float: f32 }
trait Backend: Sized {
    type Buffer;
    const NAME: &'static str;
    fn read(&self, f: impl Fn(u32) -> u32) -> u32;
    fn defaulted(&self) { let local_variable = "fn quoted() {"; }
}
impl<B: Backend> Backend for wrapper::Trainer<B> where B: Clone {
    type Buffer = Vec<B>;
    fn step(&mut self) -> impl Iterator<Item = u32> + use<'_, B> {
        fn helper() {}
        call(|x| Point { a_field_use: x });
    }
}
impl LinearFwd<'_, u8, 3> { fn shape(&self) {} }
mod inner { pub type Alias = fn(f32) -> f32; }
macro_rules! launch { ($x:ident) => { fn in_macro() {} }; }
fn free<T: Into<u32>>(a: T) -> [u8; 2] where T: Copy { todo(a) }
"##;

    #[test]
    fn defines_finds_every_sort_of_definition() {
        for symbol in [
            "RATE",
            "COUNT",
            "LinearFwd",
            "LinearFwd::x",
            "LinearFwd::w",
            "LinearFwd::y",
            "LinearFwd::shape",
            "Tuple",
            "Unit",
            "Activation::Relu",
            "Activation::Leaky",
            "Activation::Leaky::slope",
            "Activation::Wrap",
            "Activation::Bit",
            "Activation::Last",
            "Bits::float",
            "Backend",
            "Backend::Buffer",
            "Backend::NAME",
            "Backend::read",
            "Backend::defaulted",
            "Trainer::step",
            "step",
            "step::helper",
            "inner",
            "inner::Alias",
            "launch",
            "free",
        ] {
            assert!(defines(SOURCE, symbol), "{symbol}");
        }
    }

    #[test]
    fn defines_rejects_mentions() {
        for symbol in [
            "Imported",
            "mentioned_in_doc",
            "quoted",
            "local_variable",
            "a_field_use",
            "in_macro",
            "slope::Leaky",
            "Backend::step",
            "Trainer",
            "Trainer::read",
            "inner::free",
            "N",
            "B",
            "",
        ] {
            assert!(!defines(SOURCE, symbol), "{symbol}");
        }
    }
}
