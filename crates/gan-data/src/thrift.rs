//! How deep the groups of a Parquet file are nested, read before its decoder, which calls itself for
//! each group within another, sees them: the fields of the footer that say so, in Thrift's compact
//! protocol.

/// Groups of groups, and structures within structures, that are read: nobody nests more.
const DEEPEST: usize = 64;

/// Whether the schema in a footer is no deeper than [`DEEPEST`]; none if the footer is damaged before
/// that is known.
pub(crate) fn is_shallow(footer: &[u8]) -> Option<bool> {
    let mut reader = Reader { rest: footer };
    let mut field = 0;
    while let Some(kind) = reader.field(&mut field)? {
        if (field, kind) == (2, LIST) {
            return reader.schema();
        }
        reader.skip(kind, 0)?;
    }
    None
}

const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCTURE: u8 = 12;

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Whether the list of a schema's elements, each group followed by its children, is shallow.
    fn schema(&mut self) -> Option<bool> {
        // The children that are still to come of each group that is open.
        let mut open: Vec<u64> = Vec::new();
        let (count, _) = self.list()?;
        for _ in 0..count {
            let (mut field, mut children) = (0, 0);
            while let Some(kind) = self.field(&mut field)? {
                if field == 5 {
                    // Numbers are doubled; negative ones are odd.
                    children = self.number()? / 2;
                } else {
                    self.skip(kind, 0)?;
                }
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if let Some(last) = open.last_mut() {
                *last -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            if open.len() > DEEPEST {
                return Some(false);
            }
        }
        Some(true)
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    /// The kind of the next field of a structure, whose number `field` becomes; `Some(None)` at its end.
    fn field(&mut self, field: &mut u64) -> Option<Option<u8>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        *field = match head >> 4 {
            0 => self.number()? / 2,
            further => field.checked_add(further.into())?,
        };
        Some(Some(head & 15))
    }

    /// The length of a list, and the kind of its elements.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.number()?,
            few => few.into(),
        };
        Some((count, head & 15))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        let bytes = match kind {
            // True and false are in the kind.
            1 | 2 => 0,
            BYTE => 1,
            4..=6 => {
                self.number()?;
                0
            }
            DOUBLE => 8,
            BINARY => self.number()?,
            LIST | 10 => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    // As an element, a truth is a byte.
                    self.skip(if kind < BYTE { BYTE } else { kind }, depth + 1)?;
                }
                0
            }
            STRUCTURE => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth + 1)?;
                }
                0
            }
            _ => return None,
        };
        self.rest = self.rest.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }
}
