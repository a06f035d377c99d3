//! Why there is no node, as a sentence for whoever reads a failed test.

use std::fmt::{self, Display, Formatter};

/// A sentence that names what was tried, what happened, and what to do where that is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl Display for Fault {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// As `Display`: a test that unwraps should show a sentence with its lines.
impl fmt::Debug for Fault {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, to)
    }
}

impl std::error::Error for Fault {}
