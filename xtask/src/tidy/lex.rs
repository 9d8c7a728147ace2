//! Rust source to tokens, as far as the rules need: words, punctuation and comments are told from
//! the insides of strings.

use std::iter::Peekable;
use std::str::CharIndices;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Keyword or identifier; a raw identifier keeps its `r#`.
    Word,
    Punctuation(char),
    /// String, character or number.
    Literal,
    Lifetime,
    Comment,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Line of its first character, from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    pub(super) fn is(&self, punctuation: char) -> bool {
        self.kind == Kind::Punctuation(punctuation)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

/// The tokens of a Rust file, comments included.
///
/// Source that does not lex, such as a string without an end, yields some tokens and no error:
/// the compiler reports that better.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        source,
        chars: source.char_indices().peekable(),
    };
    let mut found = Vec::new();
    let mut line = 1;
    while let Some(&(start, first)) = lexer.chars.peek() {
        let kind = lexer.token(first);
        let text = &source[start..lexer.offset()];
        if let Some(kind) = kind {
            found.push(Token { kind, text, line });
        }
        line += text.matches('\n').count();
    }
    found
}

struct Lexer<'a> {
    source: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

impl<'a> Lexer<'a> {
    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.source.len(), |&(at, _)| at)
    }

    fn rest(&mut self) -> &'a str {
        let offset = self.offset();
        &self.source[offset..]
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.chars.next();
        }
    }

    fn skip_while(&mut self, accept: impl Fn(char) -> bool) {
        while self.chars.next_if(|&(_, c)| accept(c)).is_some() {}
    }

    /// Consumes one token, or white space, which has no kind.
    fn token(&mut self, first: char) -> Option<Kind> {
        let rest = self.rest();
        if first.is_whitespace() {
            self.skip_while(char::is_whitespace);
            return None;
        }
        if rest.starts_with("//") {
            self.skip_while(|c| c != '\n');
            return Some(Kind::Comment);
        }
        if rest.starts_with("/*") {
            self.block_comment();
            return Some(Kind::Comment);
        }
        Some(match first {
            '"' => self.quoted('"'),
            '\'' => self.character_or_lifetime(rest),
            c if c.is_ascii_digit() => {
                self.skip_while(is_word);
                Kind::Literal
            }
            c if is_word(c) => self.word(rest),
            c => {
                self.skip(1);
                Kind::Punctuation(c)
            }
        })
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
            } else {
                self.skip(1);
            }
            if depth == 0 || rest.is_empty() {
                return;
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Kind {
        self.skip(1);
        while let Some((_, c)) = self.chars.next() {
            match c {
                '\\' => self.skip(1),
                c if c == quote => break,
                _ => {}
            }
        }
        Kind::Literal
    }

    fn character_or_lifetime(&mut self, rest: &str) -> Kind {
        let mut next = rest.chars().skip(1);
        let (first, second) = (next.next(), next.next());
        if first == Some('\\') || second == Some('\'') {
            return self.quoted('\'');
        }
        self.skip(1);
        self.skip_while(is_word);
        Kind::Lifetime
    }

    /// An identifier, or a literal with a prefix such as `b"…"` or `r#"…"#`.
    fn word(&mut self, rest: &str) -> Kind {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (prefix, after) = rest.split_at(end);
        self.skip(prefix.chars().count());
        let hashes = after.len() - after.trim_start_matches('#').len();
        let opened = after[hashes..].chars().next();
        match prefix {
            "r" | "br" | "cr" if opened == Some('"') => self.raw_string(hashes),
            "r" if hashes == 1 && opened.is_some_and(is_word) => {
                self.skip(1);
                self.skip_while(is_word);
                Kind::Word
            }
            "b" | "c" if hashes == 0 && opened == Some('"') => self.quoted('"'),
            "b" if hashes == 0 && opened == Some('\'') => self.quoted('\''),
            _ => Kind::Word,
        }
    }

    fn raw_string(&mut self, hashes: usize) -> Kind {
        self.skip(hashes + 1);
        let end = format!("\"{}", "#".repeat(hashes));
        let rest = self.rest();
        let body = rest.find(&end).map_or(rest.len(), |at| at + end.len());
        self.skip(rest[..body].chars().count());
        Kind::Literal
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(Kind, &str)> {
        tokens(source).iter().map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn tokens_of_strings_hide_what_is_inside() {
        for literal in [
            r#""fn a \" { // ""#,
            r##"r#"fn "a" {"#"##,
            r#"b"fn""#,
            r"'\''",
            "b'{'",
            "'}'",
            "0x1f_u32",
        ] {
            assert_eq!(kinds(literal), [(Kind::Literal, literal)], "{literal}");
        }
    }

    #[test]
    fn tokens_tell_lifetimes_and_raw_identifiers() {
        assert_eq!(kinds("'static"), [(Kind::Lifetime, "'static")]);
        assert_eq!(kinds("r#type"), [(Kind::Word, "r#type")]);
        assert_eq!(
            kinds("&'a T"),
            [
                (Kind::Punctuation('&'), "&"),
                (Kind::Lifetime, "'a"),
                (Kind::Word, "T"),
            ]
        );
    }

    #[test]
    fn tokens_carry_lines_across_comments() {
        let found = tokens("/* a /* b */\n c */ x\n// d\n\"\n\" y");
        let places: Vec<_> = found.iter().map(|t| (t.text, t.line)).collect();
        assert_eq!(
            places,
            [
                ("/* a /* b */\n c */", 1),
                ("x", 2),
                ("// d", 3),
                ("\"\n\"", 4),
                ("y", 5),
            ]
        );
    }

    #[test]
    fn tokens_of_source_without_end_terminate() {
        for source in ["/* a", "\"a", "r#\"a", "'", "b'"] {
            assert!(!tokens(source).is_empty(), "{source}");
        }
    }
}
