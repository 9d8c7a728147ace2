//! A graph of ONNX as it grows, and its file.
//!
//! The numbers of fields are those of `onnx.proto`.

use crate::protobuf::Message;

/// Version of the operators: one that programs of the last years know.
const OPERATORS: i64 = 17;
/// Version of the file's format, which came with these operators.
const FORMAT: i64 = 8;
/// What shapes call the number of records.
const RECORDS: &str = "N";

/// What the values of a tensor are, with the format's number for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Single = 1,
    Integer = 7,
    Text = 8,
    Double = 11,
}

/// A setting of an operation.
pub(super) struct Setting(Message);

impl Setting {
    pub(super) fn integer(name: &str, value: i64) -> Self {
        Self::new(name, 2, Message::default().integer(3, value))
    }

    pub(super) fn real(name: &str, value: f64) -> Self {
        Self::new(name, 1, Message::default().single(2, value as f32))
    }

    pub(super) fn integers(name: &str, values: &[i64]) -> Self {
        Self::new(name, 7, Message::default().integers(8, values))
    }

    fn new(name: &str, kind: i64, value: Message) -> Self {
        Self(value.text(1, name).integer(20, kind))
    }
}

/// What operations are called with and give: the name of a tensor.
pub(super) type Name = String;

/// A graph: operations in their order, and constants.
#[derive(Default)]
pub(super) struct Graph {
    operations: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<(Name, Message)>,
    outputs: Vec<(Name, Message)>,
}

impl Graph {
    /// An input of so many numbers for each record.
    pub(super) fn add_input(&mut self, name: &str, values: usize) -> Name {
        let described = described(name, Kind::Single, &[values]);
        self.inputs.push((name.into(), described));
        name.into()
    }

    /// Makes `value` an output called `name`, or nearly so if something else is called that.
    pub(super) fn add_output(&mut self, name: &str, kind: Kind, shape: &[usize], value: &Name) {
        let is_taken = |name: &str| {
            let mut all = self.inputs.iter().chain(&self.outputs);
            all.any(|(taken, _)| taken == name)
        };
        let mut free = name.to_owned();
        while free.is_empty() || is_taken(&free) {
            free.push('_');
        }
        self.push("Identity", &[value], &free, Vec::new());
        let described = described(&free, kind, shape);
        self.outputs.push((free, described));
    }

    /// The result of an operation.
    pub(super) fn run(&mut self, operation: &str, inputs: &[&Name]) -> Name {
        self.run_with(operation, inputs, Vec::new())
    }

    /// The result of an operation with settings.
    pub(super) fn run_with(
        &mut self,
        operation: &str,
        inputs: &[&Name],
        settings: Vec<Setting>,
    ) -> Name {
        // Names of columns have no line breaks, so this is nobody else's.
        let output = format!("{operation}\n{}", self.operations.len());
        self.push(operation, inputs, &output, settings);
        output
    }

    fn push(&mut self, operation: &str, inputs: &[&Name], output: &str, settings: Vec<Setting>) {
        let node = inputs.iter();
        let node = node.fold(Message::default(), |node, input| node.text(1, input));
        let node = node.text(2, output).text(3, output).text(4, operation);
        let settings = settings.iter();
        let node = settings.fold(node, |node, setting| node.message(5, &setting.0));
        self.operations.push(node);
    }

    pub(super) fn singles(&mut self, shape: &[usize], values: &[f32]) -> Name {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.numbers(Kind::Single, shape, bytes.collect())
    }

    pub(super) fn doubles(&mut self, shape: &[usize], values: &[f64]) -> Name {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.numbers(Kind::Double, shape, bytes.collect())
    }

    pub(super) fn integers(&mut self, shape: &[usize], values: &[i64]) -> Name {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.numbers(Kind::Integer, shape, bytes.collect())
    }

    pub(super) fn texts(&mut self, texts: &[String]) -> Name {
        let values = texts.iter();
        let values = values.fold(Message::default(), |all, text| all.text(6, text));
        self.constant(Kind::Text, &[texts.len()], values)
    }

    fn numbers(&mut self, kind: Kind, shape: &[usize], bytes: Vec<u8>) -> Name {
        self.constant(kind, shape, Message::default().bytes(9, &bytes))
    }

    fn constant(&mut self, kind: Kind, shape: &[usize], values: Message) -> Name {
        let name = format!("constant\n{}", self.constants.len());
        let shape: Vec<i64> = shape.iter().map(|&axis| axis as i64).collect();
        let tensor = values.integers(1, &shape).integer(2, kind as i64);
        self.constants.push(tensor.text(8, &name));
        name
    }

    /// `value` in another kind.
    pub(super) fn cast(&mut self, value: &Name, kind: Kind) -> Name {
        let to = vec![Setting::integer("to", kind as i64)];
        self.run_with("Cast", &[value], to)
    }

    /// Columns `from..to` of a matrix.
    pub(super) fn columns(&mut self, matrix: &Name, from: usize, to: usize) -> Name {
        let [from, to, axis] = [from, to, 1].map(|at| self.integers(&[1], &[at as i64]));
        self.run("Slice", &[matrix, &from, &to, &axis])
    }

    /// The file of the graph, called `name`, with what is known about it.
    pub(super) fn encode(&self, name: &str, known: &[(&str, String)]) -> Vec<u8> {
        let all = |graph: Message, field, messages: &mut dyn Iterator<Item = &Message>| {
            messages.fold(graph, |graph, message| graph.message(field, message))
        };
        let graph = all(Message::default(), 1, &mut self.operations.iter()).text(2, name);
        let graph = all(graph, 5, &mut self.constants.iter());
        let graph = all(graph, 11, &mut self.inputs.iter().map(|(_, input)| input));
        let graph = all(
            graph,
            12,
            &mut self.outputs.iter().map(|(_, output)| output),
        );
        let operators = Message::default().text(1, "").integer(2, OPERATORS);
        let model = Message::default()
            .integer(1, FORMAT)
            .text(2, "gan-cli")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &operators);
        let known = known.iter();
        let known = known.map(|(key, value)| Message::default().text(1, key).text(2, value));
        known
            .fold(model, |model, entry| model.message(14, &entry))
            .into_bytes()
    }
}

/// An input or an output: its name, and the kind and shape of its values.
fn described(name: &str, kind: Kind, shape: &[usize]) -> Message {
    let axes = std::iter::once(Message::default().text(2, RECORDS));
    let axes = axes.chain(
        shape
            .iter()
            .map(|&axis| Message::default().integer(1, axis as i64)),
    );
    let shape = axes.fold(Message::default(), |shape, axis| shape.message(1, &axis));
    let tensor = Message::default()
        .integer(1, kind as i64)
        .message(2, &shape);
    let of_tensors = Message::default().message(1, &tensor);
    Message::default().text(1, name).message(2, &of_tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_gets_a_name_of_its_own() {
        let mut graph = Graph::default();
        let latents = graph.add_input("latents", 2);
        for _ in 0..2 {
            graph.add_output("latents", Kind::Single, &[2], &latents);
        }
        graph.add_output("", Kind::Single, &[2], &latents);
        let names: Vec<_> = graph.outputs.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["latents_", "latents__", "_"]);
    }
}
