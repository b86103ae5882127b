//! Expressions (stub).
use serde::{Deserialize, Serialize};
use crate::value::{Object, Value};
/// x
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expr { source: String }
/// x
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template { pieces: Vec<String> }
impl Template {
    /// x
    pub fn render_value(&self, _: &Object) -> Result<Value, EvalError> { Err(EvalError { message: String::new() }) }
    /// x
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> { std::iter::empty() }
}
/// x
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EvalError { /// x
 pub message: String }
