//! YAML text to trees of [`Node`]s: anchors, merge keys, tags, duplicate keys.
//!
//! It must never know Compose, and never take more than the budget allows.

use std::collections::HashMap;

use indexmap::map::Entry as Slot;
use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks, StrInput, Tag};

use crate::node::{Entry, Map, Mark, Node, Value};
use crate::report::{Problem, Report, Stop};
use crate::source::Span;

mod merge_key;
mod offsets;
mod scalar;

use offsets::Offsets;

/// Deeper nesting is refused: every stage walks the tree recursively.
const DEEPEST: usize = 100;

/// The documents of a file that is already among the sources.
pub(crate) fn parse(report: &mut Report, file: u32) -> Result<Vec<Node>, Stop> {
    let text = report.sources.files().get(file as usize).map(|one| one.text.clone()).unwrap_or_default();
    let body = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let skipped = text.len() - body.len();
    let offsets = Offsets::of(body, skipped);
    let events = Parser::new_from_str(body).keep_tags(true);
    let mut builder = Builder { report, file, offsets, events, anchors: HashMap::new(), depth: 0 };
    builder.documents()
}

struct Builder<'a> {
    report: &'a mut Report,
    file: u32,
    offsets: Offsets,
    events: Parser<'a, StrInput<'a>>,
    /// Finished anchors with the weight of what they stand for.
    anchors: HashMap<usize, (Node, usize)>,
    depth: usize,
}

impl<'a> Builder<'a> {
    fn documents(&mut self) -> Result<Vec<Node>, Stop> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(documents),
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (event, marks) => documents.push(self.node(event, marks)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Marks), Stop> {
        match self.events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = self.offsets.byte(error.marker().index());
                let span = Span { file: self.file, start: at, end: at };
                self.report.stop(Problem::error("yaml", span, format!("not valid YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Marks::default())),
        }
    }

    fn span(&self, marks: Marks) -> Span {
        let start = self.offsets.byte(marks.start.index());
        Span { file: self.file, start, end: self.offsets.byte(marks.end.index()).max(start) }
    }

    fn node(&mut self, event: Event<'a>, marks: Marks) -> Result<Node, Stop> {
        let span = self.span(marks);
        self.report.charge(span, 1)?;
        match event {
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref();
                let value = self.scalar(&text, style, tag, span)?;
                self.finish(Node { value, span, mark: mark_of(tag) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let node = self.nested(span, Self::list)?;
                self.finish(Node { mark: mark_of(tag.as_deref()), ..node }, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                let node = self.nested(span, Self::map)?;
                self.finish(Node { mark: mark_of(tag.as_deref()), ..node }, anchor)
            }
            _ => Ok(Node::new(Value::Null, span)),
        }
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<Node, Stop> {
        if anchor > 0 {
            let weight = node.weight();
            self.report.charge(node.span, weight)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Stop> {
        let Some((node, weight)) = self.anchors.get(&anchor) else {
            return self.report.stop(Problem::error("yaml", span, "the alias stands inside its own anchor"));
        };
        let weight = *weight;
        let node = node.clone();
        self.report.charge(span, weight)?;
        Ok(node)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<Value, Stop> {
        self.report.charge(span, text.len() / 64)?;
        match scalar::resolve(text, style == ScalarStyle::Plain, tag) {
            Some(value) => Ok(value),
            None => self.report.stop(Problem::error("yaml", span, format!("`{text}` does not fit its tag"))),
        }
    }

    fn nested(
        &mut self,
        span: Span,
        read: impl Fn(&mut Self, Span) -> Result<Node, Stop>,
    ) -> Result<Node, Stop> {
        if self.depth == DEEPEST {
            let message = format!("nested more than {DEEPEST} levels deep");
            return self.report.stop(Problem::error("too-deep", span, message));
        }
        self.report.charge(span, 1)?;
        self.depth += 1;
        let node = read(self, span)?;
        self.depth -= 1;
        Ok(node)
    }

    fn list(&mut self, start: Span) -> Result<Node, Stop> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, marks) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let last = items.last().map_or(start.end, |item| item.span.end);
                return Ok(Node::list(items, self.whole(start, marks, last)));
            }
            items.push(self.node(event, marks)?);
        }
    }

    fn map(&mut self, start: Span) -> Result<Node, Stop> {
        let mut map = Map::new();
        let mut merges = Vec::new();
        let mut last = start.end;
        loop {
            let (event, marks) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let map = merge_key::apply(self.report, map, merges)?;
                return Ok(Node::new(Value::Map(map), self.whole(start, marks, last)));
            }
            let plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, _, _));
            let key = self.node(event, marks)?;
            let (event, marks) = self.next()?;
            let node = self.node(event, marks)?;
            last = node.span.end;
            match key.value {
                Value::Text(name) if name == "<<" && plain => {
                    if !merges.is_empty() {
                        self.second_merge(key.span);
                    }
                    merges.push(node);
                }
                Value::Text(name) => self.insert(&mut map, name, key.span, node),
                other => self.wrong_key(&other, key.span),
            }
        }
    }

    fn insert(&mut self, map: &mut Map, name: String, key: Span, node: Node) {
        match map.entry(name) {
            Slot::Vacant(slot) => {
                slot.insert(Entry { key, node });
            }
            Slot::Occupied(slot) => {
                let first = self.report.sources.position(slot.get().key, slot.get().key.start);
                let message = format!("the key `{}` is already defined in line {}", slot.key(), first.line);
                self.report.add(
                    Problem::error("duplicate-key", key, message)
                        .help("keep one of the two, or join their values"),
                );
            }
        }
    }

    fn second_merge(&mut self, span: Span) {
        let problem = Problem::error("duplicate-key", span, "a mapping can have one merge key only");
        self.report.add(problem.help("write a list: `<<: [*one, *other]`"));
    }

    fn wrong_key(&mut self, key: &Value, span: Span) {
        let problem = Problem::error("key-not-text", span, format!("a key must be text, not {}", key.kind()));
        self.report.add(problem.help("put the key in quotes"));
    }

    /// Flow collections end at their bracket, block collections with their last value.
    fn whole(&self, start: Span, end: Marks, last: u32) -> Span {
        let end = self.span(end);
        let end = if end.end > end.start { end.end } else { last };
        Span { end: end.max(start.start), ..start }
    }
}

fn mark_of(tag: Option<&Tag>) -> Mark {
    match tag.map(|tag| (tag.handle.as_str(), tag.suffix.as_str())) {
        Some(("!", "reset")) => Mark::Reset,
        Some(("!", "override")) => Mark::Override,
        _ => Mark::Merge,
    }
}
