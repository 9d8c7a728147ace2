//! Small changes of a file.

use proptest::prelude::*;
use proptest::sample::Index;

/// Numbers at the edges of what a field may hold.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "2",
    "255",
    "65536",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "-9223372036854775808",
    "1e308",
    "1e-320",
    "inf",
    "nan",
];

/// A change.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// A byte becomes another one.
    Set(Index, u8),
    /// Bytes are put in.
    Insert(Index, Vec<u8>),
    /// Bytes are taken out.
    Cut(Index, Index),
    /// Bytes come again at the end.
    Repeat(Index, Index),
    /// The digits at a place, or at the next that has some, become another number.
    Number(Index, &'static str),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::*;
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), prop_oneof![Just(0), Just(255), any::<u8>()]).prop_map(|(at, to)| Set(at, to)),
        1 => (index(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, what)| Insert(at, what)),
        1 => (index(), index()).prop_map(|(from, to)| Cut(from, to)),
        1 => (index(), index()).prop_map(|(from, to)| Repeat(from, to)),
        2 => (index(), prop::sample::select(&NUMBERS)).prop_map(|(at, number)| Number(at, number)),
    ]
}

/// One to five changes.
pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    prop::collection::vec(mutation(), 1..6)
}

/// `bytes` after all `mutations`, one after the other.
#[must_use]
pub fn mutate(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        apply(&mut bytes, mutation);
    }
    bytes
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length = bytes.len();
    let at = |index: &Index| index.index(length + 1);
    let between = |a, b| at(a).min(at(b))..at(a).max(at(b));
    match mutation {
        Mutation::Set(index, to) => {
            // Half of the hits go to the first 32 bytes, where the headers are.
            let at = at(index);
            let at = if at % 2 == 0 { at % 32 } else { at };
            if let Some(byte) = bytes.get_mut(at) {
                *byte = *to;
            }
        }
        Mutation::Insert(index, what) => {
            let at = at(index);
            bytes.splice(at..at, what.iter().copied());
        }
        Mutation::Cut(from, to) => drop(bytes.drain(between(from, to))),
        Mutation::Repeat(from, to) => bytes.extend_from_within(between(from, to)),
        Mutation::Number(index, number) => {
            let is_digit = |byte: &u8| byte.is_ascii_digit();
            let digits = bytes[at(index)..].iter().position(is_digit);
            if let Some(skipped) = digits {
                let start = at(index) + skipped;
                let rest = bytes[start..].iter();
                let count = rest.take_while(|byte| byte.is_ascii_digit()).count();
                bytes.splice(start..start + count, number.bytes());
            }
        }
    }
}
