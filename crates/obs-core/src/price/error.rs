//! Why a price, or a table of prices, cannot be read.
use std::{error::Error, fmt};

/// A price that cannot be read; says which, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceError {
    /// Empty where the table as a whole, or a price on its own, is meant.
    model: Option<Box<str>>,
    field: Option<Box<str>>,
    value: Box<str>,
    allowed: Box<str>,
}

impl PriceError {
    pub(super) fn new(value: &str, allowed: &str) -> Self {
        Self {
            model: None,
            field: None,
            // Whatever stands there by mistake need not fill the log.
            value: value.chars().take(60).collect::<String>().into(),
            allowed: allowed.into(),
        }
    }

    pub(super) fn of_field(mut self, field: &str) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(super) fn of_model(mut self, model: &str) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The model in whose row it stands.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The field of that row.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(model) = &self.model {
            write!(f, "price of model {model:?}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        write!(
            f,
            "{} is not allowed: expected {}",
            self.value, self.allowed
        )
    }
}

impl Error for PriceError {}
