//! The variables that Flux substitutes in what a Kustomization builds (`spec.postBuild`).
//!
//! Follows `envsubst` 1.7.0 and `kustomize/kustomize_varsub.go` of github.com/fluxcd/pkg (kustomize-controller 1.9).
//! It looks like Bash and is not: only `${…}` is an expression, not `$name`; `${a:?x}` and `${a:+x}` are `x` if the
//! variable is empty; a default is used for an empty value too.
//!
//! Who calls this decides what upstream decides around it: without any variable, Flux leaves the text as it is
//! (`$$` too), unless `substituteStrategy` is `Always`; an object with the label or annotation [`DISABLING_KEY`] is
//! left as well; one variable with a bad name fails all.

mod function;
mod glob;
mod limit;
mod parse;
#[cfg(test)]
mod tests;

use std::ops::Range;

use limit::{Budget, MAX_OUTPUT};
use parse::{Argument, Expression, Function, Piece, Stop};

/// The label or annotation by which an object is not substituted, if its value is [`DISABLED`].
pub(crate) const DISABLING_KEY: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// The value of [`DISABLING_KEY`] that counts; any other does not.
pub(crate) const DISABLED: &str = "disabled";

/// What is known about a variable. It has no `Debug`, because the value may come from a Secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Variable {
    /// Its value, without line breaks as by [`value_of`].
    Value(String),
    /// Nothing sets it.
    Unset,
    /// A ConfigMap or Secret that is not in the inputs may set it.
    Unknown,
}

/// What becomes of a variable that nothing sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// It is empty: the default of kustomize-controller before 1.9 (Flux 2.9).
    Lenient,
    /// Flux fails, unless the expression has a default: the feature gate `StrictPostBuildSubstitutions`, which is on
    /// since kustomize-controller 1.9.
    Strict,
}

/// A variable that an expression of the text was made of. Variables of a default that was not used are not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableUse {
    /// The variable's name.
    pub(crate) variable: String,
    /// Where the whole expression is in the text, in bytes, from its `$` to its `}`. A variable within the argument
    /// of an expression has the range of the outermost one.
    pub(crate) written: Range<usize>,
    /// Where its result is in the text that results, in bytes; empty if that text is not known.
    pub(crate) result: Range<usize>,
    /// What of the expression counted.
    pub(crate) origin: Origin,
}

/// Where the result of an expression comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The variable's value.
    Value,
    /// The default, because the variable is unset or empty.
    Default,
    /// Nothing: the variable is unset and the expression has no default.
    Nothing,
    /// The variable is not known.
    Unknown,
}

/// The result of a substitution that Flux can make. It has no `Debug`, because it may contain a Secret's values.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Substituted {
    /// The text that results.
    Known {
        /// The text.
        text: String,
        /// The variables that it was made of, in order.
        uses: Vec<VariableUse>,
    },
    /// The text that results is not known.
    Unknown {
        /// The first cause.
        cause: Uncertainty,
        /// The variables that it would be made of, as far as the text was evaluated.
        uses: Vec<VariableUse>,
    },
}

/// Why the result of a substitution is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Uncertainty {
    /// A variable of this name is [`Variable::Unknown`], and the result depends on it.
    Variable(String),
    /// A name has letters beyond ASCII, about which Unicode versions differ. No variable can have such a name.
    Name(String),
    /// The text takes more work than a substitution is worth, nests deeper than 64 expressions, or becomes longer than
    /// 4 MiB.
    Limit,
}

/// Why Flux fails; the words are upstream's where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubstitutionError {
    /// A function is not written as it must be.
    #[error("bad substitution")]
    BadSubstitution,
    /// Something other than `}` or a function follows the name.
    #[error("missing closing brace")]
    MissingClosingBrace,
    /// No name follows the `${`.
    #[error("unable to parse variable name")]
    VariableName,
    /// An argument is missing or not closed.
    #[error("unable to parse substitution within function")]
    Argument,
    /// A variable is unset, with [`Strictness::Strict`].
    #[error("variable not set (strict mode): {0:?}")]
    Unset(String),
    /// The part that `${a:1:-1}` asks for ends before it starts; Go panics.
    #[error("slice bounds out of range")]
    NegativeLength,
    /// A part of a value is half a character, and the result is not YAML.
    #[error("the result is not UTF-8")]
    NotUtf8,
}

/// Whether a variable can have a name: `varsubRegex` in `kustomize_varsub.go`. If one that is set cannot, Flux fails
/// with `'NAME' var name is invalid`, whether or not it is used.
pub(crate) fn is_variable_name(name: &str) -> bool {
    let is_start = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    name.as_bytes().first().is_some_and(is_start) && name.bytes().all(|byte| is_start(&byte) || byte.is_ascii_digit())
}

/// The value that a variable gets from a text in `substitute`, a ConfigMap or a Secret: line breaks are removed, also
/// within it, carriage returns are not.
pub(crate) fn value_of(text: &str) -> String {
    text.replace('\n', "")
}

/// Whether Flux fails because of how a text is written, whatever the variables are.
pub(crate) fn is_refused(text: &str) -> bool {
    matches!(parse::parse(text), Err(Stop::Fails(_)))
}

/// Substitutes all expressions in a text, in time and memory that are linear in the text and the values.
///
/// # Errors
///
/// Flux fails likewise. Upstream parses the whole text first, and evaluates then, from left to right.
pub(crate) fn substitute(
    text: &str,
    strictness: Strictness,
    lookup: &dyn Fn(&str) -> Variable,
) -> Result<Substituted, SubstitutionError> {
    let mut uses = Vec::new();
    match evaluate(text, strictness, lookup, &mut uses) {
        Ok(Evaluated::Known(bytes)) => {
            let text = String::from_utf8(bytes).map_err(|_| SubstitutionError::NotUtf8)?;
            Ok(Substituted::Known { text, uses })
        }
        Ok(Evaluated::Unknown(cause)) | Err(Stop::Undecided(cause)) => {
            for usage in &mut uses {
                usage.result = 0..0;
            }
            Ok(Substituted::Unknown { cause, uses })
        }
        Err(Stop::Fails(error)) => Err(error),
    }
}

/// The bytes of a text or an argument, or the first cause why they are not known.
enum Evaluated {
    Known(Vec<u8>),
    Unknown(Uncertainty),
}

impl Evaluated {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Self::Known(so_far) = self else { return Ok(()) };
        if so_far.len() + bytes.len() > MAX_OUTPUT {
            return Err(Stop::Undecided(Uncertainty::Limit));
        }
        so_far.extend_from_slice(bytes);
        Ok(())
    }

    fn join(&mut self, other: Self) -> Result<(), Stop> {
        match other {
            Self::Known(bytes) => self.append(&bytes)?,
            Self::Unknown(cause) if matches!(self, Self::Known(_)) => *self = Self::Unknown(cause),
            Self::Unknown(_) => {}
        }
        Ok(())
    }

    fn length(&self) -> usize {
        if let Self::Known(bytes) = self { bytes.len() } else { 0 }
    }
}

fn evaluate(
    text: &str,
    strictness: Strictness,
    lookup: &dyn Fn(&str) -> Variable,
    uses: &mut Vec<VariableUse>,
) -> Result<Evaluated, Stop> {
    let mut evaluation = Evaluation { strictness, lookup, budget: Budget::of(text.len()), written: 0..0 };
    let mut result = Evaluated::Known(Vec::new());
    for piece in parse::parse(text)? {
        match piece {
            Piece::Literal(bytes) => result.append(&bytes)?,
            Piece::Expression(expression, written) => {
                evaluation.written = written;
                let (first, start) = (uses.len(), result.length());
                // An error behind an unknown variable is an error whatever its value is.
                let part = evaluation.expression(&expression, uses)?;
                result.join(part)?;
                for usage in &mut uses[first..] {
                    usage.result = start..result.length();
                }
            }
        }
    }
    Ok(result)
}

struct Evaluation<'v> {
    strictness: Strictness,
    lookup: &'v dyn Fn(&str) -> Variable,
    budget: Budget,
    /// The range of the outermost expression.
    written: Range<usize>,
}

impl Evaluation<'_> {
    /// Evaluates an expression; its depth is limited by the parser.
    fn expression(&mut self, expression: &Expression, uses: &mut Vec<VariableUse>) -> Result<Evaluated, Stop> {
        // Upstream evaluates the arguments first, also of a default that is not used: a variable that is unset there
        // fails the strict mode.
        let mut within = Vec::new();
        let mut arguments = Vec::new();
        for argument in &expression.arguments {
            arguments.push(match argument {
                Argument::Literal(bytes) => Evaluated::Known(bytes.clone()),
                Argument::Expression(inner) => self.expression(inner, &mut within)?,
            });
        }
        let name = expression.name.as_str();
        if !name.is_ascii() {
            return Err(Stop::Undecided(Uncertainty::Name(name.to_owned())));
        }
        let is_default = expression.function == Function::Default;
        let (value, origin) = match (self.lookup)(name) {
            Variable::Value(value) if value.is_empty() && is_default => (Some(value), Origin::Default),
            Variable::Value(value) => (Some(value), Origin::Value),
            Variable::Unset if is_default => (Some(String::new()), Origin::Default),
            Variable::Unset if self.strictness == Strictness::Strict => {
                return Err(SubstitutionError::Unset(name.to_owned()).into());
            }
            Variable::Unset => (Some(String::new()), Origin::Nothing),
            Variable::Unknown => (None, Origin::Unknown),
        };
        let (variable, written) = (name.to_owned(), self.written.clone());
        uses.push(VariableUse { variable, written, result: 0..0, origin });
        let is_used = !is_default || origin != Origin::Value;
        uses.extend(within.into_iter().filter(|_| is_used));
        let Some(value) = value else { return Ok(Evaluated::Unknown(Uncertainty::Variable(name.to_owned()))) };
        self.budget.spend(value.len())?;
        let mut result = Evaluated::Known(Vec::new());
        if origin == Origin::Default {
            for argument in arguments {
                self.budget.spend(argument.length())?;
                result.join(argument)?;
            }
        } else if is_default {
            result.append(value.as_bytes())?;
        } else {
            let mut known = Vec::new();
            for argument in arguments {
                match argument {
                    Evaluated::Known(bytes) => known.push(bytes),
                    unknown @ Evaluated::Unknown(_) => return Ok(unknown),
                }
            }
            result.append(&function::apply(expression.function, &value, &known, &mut self.budget)?)?;
        }
        Ok(result)
    }
}
