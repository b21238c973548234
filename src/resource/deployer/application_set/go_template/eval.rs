//! Parts of a template to a text.

use super::super::data::{Data, UNKNOWN, Value};
use super::super::{Failed, Filled, Parameters};
use super::parse::{Operand, Part, Pipeline};
use super::{MAX_LENGTH, MAX_NODES, function};

pub(super) struct Eval<'p> {
    pub(super) parameters: &'p Parameters,
    pub(super) is_strict: bool,
}

impl Eval<'_> {
    pub(super) fn fill(&self, parts: &[Part]) -> Result<Filled, Failed> {
        let mut filled = Filled { text: String::new(), span: None };
        self.append(parts, &mut filled)?;
        Ok(filled)
    }

    fn append(&self, parts: &[Part], filled: &mut Filled) -> Result<(), Failed> {
        for part in parts {
            match part {
                Part::Text(text) => filled.text.push_str(text),
                Part::Print(pipeline) => {
                    let data = self.pipeline(pipeline)?;
                    match &data.value {
                        Value::Missing | Value::Null => filled.text.push_str("<no value>"),
                        _ => match data.printed() {
                            Some(text) => filled.text.push_str(&text),
                            None => filled.text.push(UNKNOWN),
                        },
                    }
                    filled.span = data.span.or(filled.span);
                }
                Part::If { branches, otherwise } => self.branch(branches, otherwise, filled)?,
            }
            if filled.text.len() > MAX_LENGTH {
                *filled = Filled { text: UNKNOWN.to_string(), span: None };
                return Ok(());
            }
        }
        Ok(())
    }

    fn branch(
        &self,
        branches: &[(Pipeline, Vec<Part>)],
        otherwise: &[Part],
        filled: &mut Filled,
    ) -> Result<(), Failed> {
        for (condition, parts) in branches {
            match self.pipeline(condition)?.is_empty() {
                Some(true) => {}
                Some(false) => return self.append(parts, filled),
                None => {
                    filled.text.push(UNKNOWN);
                    return Ok(());
                }
            }
        }
        self.append(otherwise, filled)
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Result<Data, Failed> {
        let mut piped = None;
        for command in pipeline {
            piped = Some(self.command(command, piped)?);
        }
        Ok(piped.unwrap_or_else(|| Value::Unknown.into()))
    }

    fn command(&self, command: &[Operand], piped: Option<Data>) -> Result<Data, Failed> {
        match command.split_first() {
            Some((Operand::Function(name), arguments)) => {
                if matches!(name.as_str(), "and" | "or") {
                    return self.short_circuit(name == "or", arguments, piped);
                }
                let mut values = Vec::new();
                for argument in arguments {
                    values.push(self.operand(argument)?);
                }
                values.extend(piped);
                function::call(name, &values)
            }
            Some((first, _)) => self.operand(first),
            None => Ok(Value::Unknown.into()),
        }
    }

    /// `and` and `or` stop at the first argument that decides.
    fn short_circuit(&self, is_or: bool, arguments: &[Operand], piped: Option<Data>) -> Result<Data, Failed> {
        let mut last = None;
        for argument in arguments {
            let data = self.operand(argument)?;
            match data.is_empty() {
                None => return Ok(Value::Unknown.into()),
                Some(is_empty) if is_empty != is_or => return Ok(data),
                Some(_) => last = Some(data),
            }
        }
        piped.or(last).ok_or(Failed)
    }

    fn operand(&self, operand: &Operand) -> Result<Data, Failed> {
        Ok(match operand {
            Operand::Field(names) => match names.split_first() {
                None => Value::Unknown.into(),
                Some((first, rest)) => match self.parameters.values.get(first) {
                    Some(own) => self.field(own, rest)?,
                    None if self.parameters.is_open => Value::Unknown.into(),
                    None if self.is_strict => return Err(Failed),
                    None => Value::Missing.into(),
                },
            },
            Operand::Text(text) => Data::text(text.clone()),
            Operand::Integer(number) => Value::Integer(*number).into(),
            Operand::Bool(truth) => Value::Bool(*truth).into(),
            Operand::Nil => Value::Null.into(),
            Operand::Inner(pipeline, names) => {
                let own = self.pipeline(pipeline)?;
                self.field(&own, names)?
            }
            Operand::Function(name) => function::call(name, &[])?,
        })
    }

    fn field(&self, own: &Data, names: &[String]) -> Result<Data, Failed> {
        let mut own = own;
        for name in names {
            own = match &own.value {
                Value::Unknown => return Ok(Value::Unknown.into()),
                Value::Map(map) => match map.get(name) {
                    Some(data) => data,
                    None if self.is_strict => return Err(Failed),
                    None => return Ok(Value::Missing.into()),
                },
                Value::Missing if !self.is_strict => return Ok(Value::Missing.into()),
                _ => return Err(Failed),
            };
        }
        Ok(if own.is_larger_than(MAX_NODES, MAX_LENGTH) { Value::Unknown.into() } else { own.clone() })
    }
}
