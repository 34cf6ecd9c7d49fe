//! How much a schema asks of a validator.
use serde_json::Value;

use super::{DEEPEST, InvalidSchema};

/// Most values, with each reference replaced by what it refers to.
const MOST_VALUES: usize = 16_384;

/// Keywords that refer, or change what others refer to, in ways that are not followed here.
const ELSEWHERE: [&str; 7] = [
    "$id",
    "$schema",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
];

/// How much a schema asks of a validator, which follows references each time that it meets them. One that refers to itself is
/// followed once round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    pub(super) values: usize,
    /// Of objects inside of each other.
    pub(super) depth: usize,
}

struct Walk<'a> {
    root: &'a Value,
    values: usize,
    deepest: usize,
    /// The objects that this one is in.
    inside: Vec<&'a Value>,
}

impl Measure {
    pub(super) fn of(schema: &Value) -> Result<Self, InvalidSchema> {
        let draft = schema.get("$schema").and_then(Value::as_str);
        // There `id` changes what references refer to.
        if draft.is_some_and(|of| of.contains("draft-03") || of.contains("draft-04")) {
            return Err(InvalidSchema::TooOld);
        }
        let mut walk = Walk {
            root: schema,
            values: 0,
            deepest: 0,
            inside: Vec::new(),
        };
        walk.visit(schema)?;
        Ok(Self {
            values: walk.values,
            depth: walk.deepest,
        })
    }
}

impl<'a> Walk<'a> {
    fn visit(&mut self, value: &'a Value) -> Result<(), InvalidSchema> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(InvalidSchema::TooLarge);
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
            Value::Object(fields) => {
                self.inside.push(value);
                self.deepest = self.deepest.max(self.inside.len());
                if self.deepest > DEEPEST {
                    return Err(InvalidSchema::TooDeep);
                }
                for (key, value) in fields {
                    self.keyword(key, value)?;
                    self.visit(value)?;
                }
                self.inside.pop();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn keyword(&mut self, key: &str, value: &Value) -> Result<(), InvalidSchema> {
        // A property may have such a name: then it has a schema, and no text.
        let Some(text) = value.as_str() else {
            let is_flag = value.is_boolean() && key == "$recursiveAnchor";
            return if is_flag {
                Err(InvalidSchema::Elsewhere)
            } else {
                Ok(())
            };
        };
        let is_root = self.inside.len() == 1;
        if key != "$ref" {
            let allowed = is_root && matches!(key, "$id" | "$schema");
            return match ELSEWHERE.contains(&key) && !allowed {
                true => Err(InvalidSchema::Elsewhere),
                false => Ok(()),
            };
        }
        let pointer = text.strip_prefix('#').ok_or(InvalidSchema::Elsewhere)?;
        if pointer.contains('%') || !(pointer.is_empty() || pointer.starts_with('/')) {
            return Err(InvalidSchema::Elsewhere);
        }
        match self.root.pointer(pointer) {
            Some(target) if !self.inside.iter().any(|of| std::ptr::eq(*of, target)) => {
                self.visit(target)
            }
            // It goes round, or refers to nothing, which is told where it is compiled.
            _ => Ok(()),
        }
    }
}
