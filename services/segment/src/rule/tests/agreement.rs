//! Our evaluator against the `cel` crate's interpreter, and a rule taken apart against the rule.

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelDouble, CelInt, CelString};
use cel::extensions;
use cel::{Context, Env, ExecutionError, Program};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::super::calendar::years_between;
use super::super::eval::is_known;
use super::random::{Pair, flag};
use super::{FEATURES, catalogue, put, random_vector, today};
use crate::catalogue::{Catalogue, Kind};
use crate::columns::{Columns, Row};
use crate::rule::{Rule, Truth};

/// A stack that the parser, which goes deep, does not overflow in an unoptimised build.
fn with_stack(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, test).unwrap().join().unwrap();
    });
}

/// The interpreter's world of one row. What is missing is not declared, and therefore an error.
fn context(row: &Row<'_>) -> Context<'static, 'static> {
    static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(env()));
    let mut context = Context::with_env(ENV.clone());
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(catalogue);
    for (name, _) in FEATURES {
        let column = CATALOGUE.find(name).unwrap().column;
        let known = is_known(column, row);
        context.add_variable_as_val(format!("known_{name}"), Box::new(CelBool::from(known)));
        match column.kind {
            _ if !known => {}
            Kind::Number => context.add_variable_as_val(name, Box::new(CelDouble::from(row.number(column.slot)))),
            Kind::Text => {
                let text = row.spelling(row.text(column.slot)).to_owned();
                context.add_variable_as_val(name, Box::new(CelString::from(text)));
            }
            Kind::Day => context.add_variable_as_val(name, Box::new(CelInt::from(i64::from(row.day(column.slot))))),
            Kind::Flag => context.add_variable_as_val(name, Box::new(CelBool::from(row.flag(column.slot) == 1))),
        }
    }
    add_functions(&mut context, row.tags(), row.today());
    context
}

fn env() -> Env {
    let mut env = Env::stdlib();
    extensions::strings(&mut env).unwrap();
    env
}

fn add_functions(context: &mut Context<'_, '_>, tags: Vec<String>, today: i32) {
    let finite = |number: f64| match number.is_finite() {
        true => Ok(number),
        false => Err(ExecutionError::function_error("reckon", "not finite")),
    };
    let starts = tags.clone();
    context.add_function("has_tag", move |tag: Arc<String>| tags.contains(&tag)).unwrap();
    context
        .add_function("has_tag_prefix", move |start: Arc<String>| starts.iter().any(|tag| tag.starts_with(&**start)))
        .unwrap();
    context
        .add_function("day", |day: Arc<String>| i64::from(day.parse::<huan_chassis::clock::Day>().unwrap().0))
        .unwrap();
    context.add_function("days_since", move |day: i64| (i64::from(today) - day) as f64).unwrap();
    let years = move |day: i64| years_between(day as i32, today).map_or(f64::NAN, f64::from);
    context.add_function("years_since", years).unwrap();
    context.add_function("divide", move |left: f64, right: f64| finite(left / right)).unwrap();
    context.add_function("remainder", move |left: f64, right: f64| finite(left % right)).unwrap();
    context.add_function("min", |left: f64, right: f64| left.min(right)).unwrap();
    context.add_function("max", |left: f64, right: f64| left.max(right)).unwrap();
    context.add_function("abs", f64::abs).unwrap();
}

fn interpreted(program: &Program, row: &Row<'_>) -> Truth {
    match program.execute(&context(row)) {
        Ok(cel::Value::Bool(value)) => Truth::of(Some(value)),
        Ok(other) => panic!("{other:?} is no flag"),
        Err(_) => Truth::Unknown,
    }
}

/// Runs random rules over random rows; says how many cases were true and how many false.
fn agree(seed: u64, rules: usize, rows: usize, complete: bool) -> (usize, usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut columns = Columns::default();
    for ordinal in 0..rows as u32 {
        put(&mut columns, ordinal, &random_vector(&mut rng, if complete { 1.0 } else { 0.7 }));
    }
    let (catalogue, env, mut yes, mut no) = (catalogue(), env(), 0, 0);
    for _ in 0..rules {
        let depth = rng.gen_range(0..3);
        let Pair { ours, cel } = flag(&mut rng, depth);
        // To the interpreter a list with one element in error is an error as a whole.
        if !complete && ours.contains("(x, x") {
            continue;
        }
        let rule = match Rule::new(&ours, &catalogue, columns.names_mut()) {
            Ok(rule) => rule,
            Err(faults) => panic!("{ours}: {faults:?}"),
        };
        let program = env.compile(&cel).unwrap_or_else(|faults| panic!("{cel}: {faults}"));
        for ordinal in 0..rows {
            let row = columns.row(&format!("c{ordinal}"), today()).unwrap();
            let (told, theirs) = (rule.truth(&row), interpreted(&program, &row));
            assert_eq!(told, theirs, "{ours}\n{cel}\nof c{ordinal}");
            assert_eq!(rule.clause().truth(&row), told, "{ours} taken apart, of c{ordinal}");
            yes += usize::from(told == Truth::True);
            no += usize::from(told == Truth::False);
        }
    }
    (yes, no)
}

#[test]
fn where_nothing_is_missing_rules_say_what_the_cel_interpreter_says() {
    with_stack(|| {
        let (yes, no) = agree(20261128, 400, 30, true);
        assert!(yes > 3000 && no > 3000, "{yes} true, {no} false of 12,000");
    });
}

#[test]
fn where_something_is_missing_unknown_is_what_is_an_error_to_the_cel_interpreter() {
    with_stack(|| {
        let (yes, no) = agree(20261129, 400, 30, false);
        assert!(yes > 2000 && no > 2000, "{yes} true, {no} false of 12,000");
    });
}
