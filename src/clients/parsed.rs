//! What the payloads of one stream are as JSON, parsed once for all models: most read the same text the same way.

use super::json::Json;
use super::shape::Shape;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Bytes of text whose values are kept; what comes beyond them is parsed again for each model.
const KEPT: usize = 2 << 20;

/// The values of one stream.
#[derive(Default)]
pub(super) struct Parsed {
    values: RefCell<HashMap<Box<str>, Rc<Payload>>>,
    kept: Cell<usize>,
}

/// One payload.
pub(super) struct Payload {
    /// Its value.
    pub(super) value: Value,
    /// What is wrong with it, by the shapes that were asked: each is a static.
    misses: RefCell<Vec<(*const Shape, Option<String>)>>,
}

impl Payload {
    fn new(value: Value) -> Rc<Payload> {
        Rc::new(Payload { value, misses: RefCell::default() })
    }

    /// [`Shape::misses`] of the value.
    pub(super) fn misses(&self, shape: &'static Shape) -> Option<String> {
        let mut known = self.misses.borrow_mut();
        if let Some((_, misses)) = known.iter().find(|(of, _)| std::ptr::eq(*of, shape)) {
            return misses.clone();
        }
        let misses = shape.misses(&self.value);
        known.push((shape, misses.clone()));
        misses
    }
}

impl Parsed {
    /// The value as this reader has it, or why it has none.
    pub(super) fn read(&self, json: Json, text: &str) -> Result<Rc<Payload>, String> {
        if let Some(known) = self.values.borrow().get(text) {
            return Ok(known.clone());
        }
        // What is JSON by the standard is the same for all readers.
        let Ok(value) = serde_json::from_str(text) else { return json.read(text).map(Payload::new) };
        let payload = Payload::new(value);
        let kept = self.kept.get().saturating_add(text.len());
        if kept <= KEPT {
            self.kept.set(kept);
            self.values.borrow_mut().insert(text.into(), payload.clone());
        }
        Ok(payload)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_for_some_only_is_not_remembered_for_all() {
        let parsed = Parsed::default();
        for _ in 0..2 {
            assert!(parsed.read(Json::Python, "NaN").is_ok() && parsed.read(Json::Strict, "NaN").is_err());
            assert_eq!(parsed.read(Json::Script, "[1]").unwrap().value, serde_json::json!([1]));
        }
        assert_eq!(parsed.values.borrow().len(), 1);
    }

    #[test]
    fn each_shape_has_its_own_answer_and_what_is_kept_is_bounded() {
        let parsed = Parsed::default();
        let text = parsed.read(Json::Strict, "\"a\"").unwrap();
        static TEXT: Shape = Shape::Text;
        static NUMBER: Shape = Shape::Number;
        for _ in 0..2 {
            assert!(text.misses(&TEXT).is_none() && text.misses(&NUMBER).is_some());
        }
        let long = format!("\"{}\"", "a".repeat(KEPT / 2));
        for n in 0..4 {
            parsed.read(Json::Strict, &format!(" {long}{}", " ".repeat(n))).unwrap();
        }
        assert_eq!(parsed.values.borrow().len(), 2);
    }
}
