//! The file of a model: one JSON document, its header one value a line so that two can be compared, its weights one line.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::Model;
use crate::features::{BUCKETS, FEATURES, NAMES};
use crate::header::Header;
use crate::weights::{Scaling, Weights, Words};

/// What the first field of a file says. Another version is another format.
pub const FORMAT: &str = "obs-learn/1";

/// Most bytes of a file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Largest size of a figure of the rule: none that comes of prompts is anywhere near.
const LARGEST: f32 = 1e12;

/// Most groups that a model knows, and most bytes of a group's name.
pub(crate) const MAX_GROUPS: usize = 2048;
pub(crate) const MAX_GROUP_NAME: usize = 128;

/// A file that is no model of this version.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It was not even looked at.
    #[error("a model of {0} bytes; none has more than {MAX_FILE}")]
    TooLarge(usize),
    /// It is not JSON, or has other fields than a model has.
    #[error("not a model")]
    Malformed(#[source] serde_json::Error),
    /// It was written by another version of this crate.
    #[error("a model of format {0:?}; this version reads {FORMAT:?}: train it anew")]
    Format(String),
    /// It has a value that no training gives.
    #[error("{field} of the model {problem}")]
    Invalid {
        /// Where in the file.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}

#[derive(Deserialize)]
struct Probe {
    format: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    header: Header,
    bias: f32,
    features: Vec<Feature>,
    groups: BTreeMap<String, f32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    words: Option<Packed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    name: String,
    mean: f32,
    spread: f32,
    weight: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed {
    step: f32,
    /// One signed byte for each bucket, in base64.
    weights: String,
}

impl Model {
    /// The file of this model: JSON, below [`MAX_FILE`] bytes, ends in a newline. The same model gives the same bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Weights {
            bias,
            scaling,
            dense,
            words,
            groups,
        } = &self.weights;
        let features = (0..FEATURES).map(|i| Feature {
            name: NAMES[i].to_owned(),
            mean: scaling.mean[i],
            spread: scaling.spread[i],
            weight: dense[i],
        });
        let file = File {
            format: FORMAT.to_owned(),
            header: self.header.clone(),
            bias: *bias,
            features: features.collect(),
            groups: groups.clone(),
            words: words.as_ref().map(|words| Packed {
                step: words.step,
                weights: STANDARD.encode(
                    words
                        .weights
                        .iter()
                        .map(|weight| weight.cast_unsigned())
                        .collect::<Vec<u8>>(),
                ),
            }),
        };
        let mut json = serde_json::to_string_pretty(&file)
            .expect("plain structs of numbers and text always are JSON");
        json.push('\n');
        json
    }

    /// Reads what [`Model::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where the file is too large, of another format, or has fields or values that no model has. Whatever the
    /// bytes are, nothing panics.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() > MAX_FILE {
            return Err(LoadError::TooLarge(bytes.len()));
        }
        // The version first: what follows may mean something else in another one.
        let Probe { format } = serde_json::from_slice(bytes).map_err(LoadError::Malformed)?;
        if format != FORMAT {
            return Err(LoadError::Format(format));
        }
        let file: File = serde_json::from_slice(bytes).map_err(LoadError::Malformed)?;
        file.header.check()?;
        check("bias", file.bias.is_finite(), || "is not finite".to_owned())?;
        let names: Vec<&str> = file
            .features
            .iter()
            .map(|feature| feature.name.as_str())
            .collect();
        check("features", names == NAMES, || {
            format!("are {names:?}; this version knows {NAMES:?}")
        })?;
        for feature in &file.features {
            let Feature {
                name,
                mean,
                spread,
                weight,
            } = feature;
            let sound =
                mean.is_finite() && weight.is_finite() && spread.is_finite() && *spread >= 0.0;
            check("features", sound, || {
                format!("have {name:?} with a value that is not finite, or a spread below zero")
            })?;
        }
        check("groups", file.groups.len() <= MAX_GROUPS, || {
            format!(
                "are {}; at most {MAX_GROUPS} are allowed",
                file.groups.len()
            )
        })?;
        for (name, weight) in &file.groups {
            check("groups", weight.is_finite(), || {
                format!("have {name:?} with a weight that is not finite")
            })?;
        }
        let words = file.words.map(Packed::unpack).transpose()?;
        let of = |value: fn(&Feature) -> f32| std::array::from_fn(|i| value(&file.features[i]));
        Ok(Self {
            header: file.header,
            weights: Weights {
                bias: file.bias,
                scaling: Scaling {
                    mean: of(|f| f.mean),
                    spread: of(|f| f.spread),
                },
                dense: of(|f| f.weight),
                words,
                groups: file.groups,
            },
        })
    }
}

impl Packed {
    fn unpack(self) -> Result<Words, LoadError> {
        check(
            "words.step",
            self.step.is_finite() && self.step > 0.0,
            || format!("is {}; it must be above zero", self.step),
        )?;
        let bytes = STANDARD
            .decode(&self.weights)
            .map_err(|error| LoadError::Invalid {
                field: "words.weights",
                problem: format!("are not base64: {error}"),
            })?;
        check("words.weights", bytes.len() == BUCKETS, || {
            format!("are {} bytes; there must be {BUCKETS}", bytes.len())
        })?;
        Ok(Words {
            weights: bytes.into_iter().map(u8::cast_signed).collect(),
            step: self.step,
        })
    }
}

impl Header {
    fn check(&self) -> Result<(), LoadError> {
        let line = self.calibration.line;
        check(
            "calibration",
            line.slope.is_finite() && line.slope > 0.0 && line.bias.is_finite(),
            || {
                format!(
                    "has slope {} and bias {}; they must be finite, the slope above zero",
                    line.slope, line.bias
                )
            },
        )?;
        check(
            "rule",
            is_measured(self.rule.slope) && is_measured(self.rule.bias),
            || format!("has a figure beyond {LARGEST:e}"),
        )?;
        let points = &self.thresholds;
        check("thresholds", points.len() >= 2, || {
            format!("are {}; at least two are needed", points.len())
        })?;
        for point in points {
            let sound = (0.0..=1.0).contains(&point.share)
                && (0.0..=1.0).contains(&point.gain)
                && point.recovered.is_finite()
                && is_measured(point.length);
            check("thresholds", sound, || {
                format!("have a point out of range at share {}", point.share)
            })?;
        }
        let ordered = points
            .windows(2)
            .all(|pair| pair[0].share < pair[1].share && pair[0].gain >= pair[1].gain);
        check("thresholds", ordered, || {
            "must rise in share and fall in gain".to_owned()
        })
    }
}

/// Products of two such figures are finite, too.
fn is_measured(figure: f32) -> bool {
    figure.abs() <= LARGEST
}

fn check(
    field: &'static str,
    holds: bool,
    problem: impl FnOnce() -> String,
) -> Result<(), LoadError> {
    if holds {
        Ok(())
    } else {
        Err(LoadError::Invalid {
            field,
            problem: problem(),
        })
    }
}
