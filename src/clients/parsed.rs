//! What the payloads of one stream are as JSON, parsed once for all models: most read the same text the same way.

use super::json::Json;
use super::shape::Shape;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// Bytes of text whose values are kept; what comes beyond them is parsed again for each model.
const KEPT: usize = 2 << 20;

/// The values of one stream.
#[derive(Default)]
pub(super) struct Parsed {
    values: RefCell<HashMap<Box<str>, Rc<Payload>>>,
    /// The same by place and length in a body that stays where it is: looking there up is cheaper.
    places: RefCell<HashMap<(usize, usize), Rc<Payload>>>,
    /// The addresses of that body.
    body: Range<usize>,
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
    pub(super) fn new(value: Value) -> Rc<Payload> {
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
    /// For payloads of which many are slices of `body`. It must live, unchanged, as long as what is returned is used.
    pub(super) fn of(body: &[u8]) -> Parsed {
        let from = body.as_ptr() as usize;
        Parsed { body: from..from + body.len(), ..Parsed::default() }
    }

    /// The value as this reader has it, or why it has none.
    pub(super) fn read(&self, json: Json, text: &str) -> Result<Rc<Payload>, String> {
        let place = (text.as_ptr() as usize, text.len());
        let placed = self.body.contains(&place.0) && place.0 + place.1 <= self.body.end;
        if placed && let Some(known) = self.places.borrow().get(&place) {
            return Ok(known.clone());
        }
        if !placed && let Some(known) = self.values.borrow().get(text) {
            return Ok(known.clone());
        }
        // What is JSON by the standard is the same for all readers.
        let Ok(value) = serde_json::from_str(text) else { return json.read(text).map(Payload::new) };
        let payload = Payload::new(value);
        let kept = self.kept.get().saturating_add(text.len());
        if kept <= KEPT {
            self.kept.set(kept);
            if placed {
                self.places.borrow_mut().insert(place, payload.clone());
            } else {
                self.values.borrow_mut().insert(text.into(), payload.clone());
            }
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
    fn the_same_words_at_two_places_are_two_payloads_of_one_value() {
        let body = b"[1] [1]";
        let text = std::str::from_utf8(body).unwrap();
        let parsed = Parsed::of(body);
        for _ in 0..2 {
            for text in [&text[..3], &text[4..], "[2]"] {
                assert_eq!(
                    parsed.read(Json::Strict, text).unwrap().value,
                    serde_json::from_str::<Value>(text).unwrap()
                );
            }
        }
        assert_eq!((parsed.places.borrow().len(), parsed.values.borrow().len()), (2, 1));
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
