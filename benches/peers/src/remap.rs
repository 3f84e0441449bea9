//! VRL: one program a sink. Parsing, paths and writing are VRL's; HMAC, addresses and URLs are the code that all sides share.

use crate::rules::{Op, Task, replace};
use crate::sides::Side;
use privet::keys::{KeySet, MacKey};
use std::collections::BTreeMap;
use std::sync::Arc;
use vrl::compiler::prelude::*;
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{Program, TargetValue, TimeZone};
use vrl::value::Secrets;

/// A program a sink.
pub struct Vrl {
    programs: Vec<Program>,
    runtime: Runtime,
}

impl Vrl {
    pub fn new(task: &Task, keys: &KeySet) -> Vrl {
        let keys = Arc::new(task.keys(keys));
        let programs = (0..task.sinks.len()).map(|sink| compile(task, sink, &keys)).collect();
        Vrl { programs, runtime: Runtime::default() }
    }
}

fn compile(task: &Task, sink: usize, keys: &Arc<Vec<Vec<Option<MacKey>>>>) -> Program {
    let mut functions: Vec<Box<dyn Function>> = vrl::stdlib::all();
    functions.push(Box::new(Shared { keys: keys.clone(), sink, sinks: Arc::new(task.sinks.clone()) }));
    let source = program(task, sink);
    match vrl::compiler::compile(&source, &functions) {
        Ok(compiled) => compiled.program,
        Err(faults) => panic!("VRL: {faults:?}\n{source}"),
    }
}

fn program(task: &Task, sink: usize) -> String {
    let mut source = String::from(". = object!(parse_json!(string!(.message)))\n");
    if task.consent {
        source += "if .context.consent.categoryPreferences.Advertising != true { abort }\n";
    }
    for (number, (path, op)) in task.sinks[sink].iter().enumerate() {
        let place = format!(".{}", path.join("."));
        source += &match (*path, op) {
            ([list, "*", member], Op::Drop) => {
                format!(".{list} = map_values(array!(.{list})) -> |one| {{ del(one.{member}); one }}\n")
            }
            (_, Op::Drop) => format!("del({place})\n"),
            (_, Op::Pseudonym | Op::Ip | Op::Url) => {
                format!("if is_string({place}) {{ {place} = shared({place}, {number}) }} else {{ del({place}) }}\n")
            }
        };
    }
    source + "encode_json(.)\n"
}

impl Side for Vrl {
    fn name(&self) -> &'static str {
        "VRL"
    }

    fn run(&mut self, event: &[u8], each: &mut dyn FnMut(usize, &[u8])) {
        for (sink, program) in self.programs.iter().enumerate() {
            let message: BTreeMap<KeyString, Value> = [("message".into(), Value::Bytes(event.to_vec().into()))].into();
            let metadata = Value::Object(BTreeMap::new());
            let mut target = TargetValue { value: Value::Object(message), metadata, secrets: Secrets::default() };
            if let Ok(value) = self.runtime.resolve(&mut target, program, &TimeZone::default())
                && let Ok(bytes) = value.try_bytes()
            {
                each(sink, &bytes);
            }
            self.runtime.clear();
        }
    }
}

/// `shared(value, rule)`: what all sides share, as a function of VRL.
#[derive(Clone)]
struct Shared {
    keys: Arc<Vec<Vec<Option<MacKey>>>>,
    sinks: Arc<Vec<Vec<crate::rules::Rule>>>,
    sink: usize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Shared")
    }
}

impl Function for Shared {
    fn identifier(&self) -> &'static str {
        "shared"
    }

    fn usage(&self) -> &'static str {
        "What all sides share."
    }

    fn category(&self) -> &'static str {
        "String"
    }

    fn return_kind(&self) -> u16 {
        kind::BYTES | kind::NULL
    }

    fn parameters(&self) -> &'static [Parameter] {
        const PARAMETERS: &[Parameter] =
            &[Parameter::required("value", kind::ANY, "The value."), Parameter::required("rule", kind::INTEGER, "The rule.")];
        PARAMETERS
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn compile(&self, _: &state::TypeState, _: &mut FunctionCompileContext, arguments: ArgumentList) -> Compiled {
        let (value, rule) = (arguments.required("value"), arguments.required("rule"));
        Ok(SharedFn { shared: self.clone(), value, rule }.as_expr())
    }
}

#[derive(Debug, Clone)]
struct SharedFn {
    shared: Shared,
    value: Box<dyn Expression>,
    rule: Box<dyn Expression>,
}

impl FunctionExpression for SharedFn {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let value = self.value.resolve(context)?;
        let rule = usize::try_from(self.rule.resolve(context)?.try_integer()?).unwrap_or(usize::MAX);
        let Shared { keys, sinks, sink } = &self.shared;
        let text = value.try_bytes_utf8_lossy()?;
        let new = replace(sinks[*sink][rule].1, &text, keys[*sink][rule].as_ref(), &mut Vec::new());
        Ok(new.map_or(Value::Null, Value::from))
    }

    fn type_def(&self, _: &state::TypeState) -> TypeDef {
        TypeDef::bytes().or_null().infallible()
    }
}
