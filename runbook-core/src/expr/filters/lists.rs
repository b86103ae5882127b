//! Filters for lists and maps.

use std::cmp::Ordering;
use std::collections::HashSet;

use minijinja::Value;

use super::{Args, Outcome};
use crate::expr::convert::{from_minijinja, no_value};
use crate::expr::operators::{MAX_TEXT, as_text, calculate, elements, order, too_long};
use crate::expr::problem::Problem;
use crate::expr::types::{LIST, MAP, TEXT, described, type_name, type_of};
use crate::value;

pub(super) fn filter(name: &str, value: &Value, args: &Args<'_>) -> Outcome {
    match name {
        "length" => Ok(Value::from(value.len().ok_or_else(no_value)?)),
        "keys" => entries(value, |key, _| key),
        "values" => entries(value, |_, value| value),
        "items" => entries(value, |key, value| Value::from(vec![key, value])),
        "dictsort" => {
            let mut pairs = elements(&entries(value, |key, value| Value::from(vec![key, value]))?)?;
            pairs.sort_by_key(|pair| pair.get_item_by_index(0).ok());
            Ok(Value::from(pairs))
        }
        "merge" => merge(value, args),
        "list" if type_of(value) == TEXT => Ok(characters(value).map(Value::from).collect()),
        "list" if type_of(value) == MAP => entries(value, |key, _| key),
        "first" | "last" | "reverse" if type_of(value) == TEXT => {
            let mut found = characters(value);
            let one = match name {
                "first" => found.next(),
                "last" => found.next_back(),
                _ => return Ok(Value::from(found.rev().collect::<String>())),
            };
            Ok(one.map_or(Value::UNDEFINED, Value::from))
        }
        _ => list(name, elements(value)?, args),
    }
}

fn list(name: &str, mut items: Vec<Value>, args: &Args<'_>) -> Outcome {
    Ok(match name {
        "list" => Value::from(items),
        // Nothing is there to be first; `default` may give something.
        "first" => items.into_iter().next().unwrap_or(Value::UNDEFINED),
        "last" => items.pop().unwrap_or(Value::UNDEFINED),
        "reverse" => items.into_iter().rev().collect(),
        "__map_attribute" => {
            let path = args.needed_text(0)?;
            let found = items.iter().map(|item| args.or_default(1, field(item, path)));
            Value::from(found.collect::<Result<Vec<_>, _>>()?)
        }
        "sort" => return sorted(items, args.text(0), args.flag(1)),
        "min" => return extreme(items, args.text(0), Ordering::Less),
        "max" => return extreme(items, args.text(0), Ordering::Greater),
        "sum" => {
            let mut sum = Value::from(0);
            for item in keyed(items, args.text(0))? {
                sum = calculate(&sum, "+", &item.0)?;
            }
            sum
        }
        "join" => return join(&items, args.text(0).unwrap_or_default()),
        "unique" => chosen(items, &mut HashSet::new(), |seen, key| seen.insert(key))?,
        "difference" => chosen(items, &mut others(args)?, |others, key| !others.contains(&key))?,
        "intersect" => chosen(items, &mut others(args)?, |others, key| others.contains(&key))?,
        "flatten" => {
            let mut flat = Vec::new();
            for item in items {
                if type_of(&item) == LIST { flat.extend(elements(&item)?) } else { flat.push(item) }
            }
            Value::from(flat)
        }
        "groupby" => return grouped(&items, args.needed_text(0)?),
        "dict" => return dict(&items),
        "zip" => return zipped(items, args),
        other => return Err(Problem::new(format!("there is no filter `{other}`"))),
    })
}

fn characters(value: &Value) -> std::str::Chars<'_> {
    value.as_str().unwrap_or_default().chars()
}

fn entries(map: &Value, part: impl Fn(Value, Value) -> Value) -> Outcome {
    let read = |key: Value| {
        let value = map.get_item(&key).map_err(|error| Problem::new(error.to_string()))?;
        Ok(part(key, value))
    };
    Ok(Value::from(elements(map)?.into_iter().map(read).collect::<Result<Vec<_>, Problem>>()?))
}

/// The field of `item` at `path`: names and numbers with dots between them.
pub(super) fn field(item: &Value, path: &str) -> Outcome {
    let mut found = item.clone();
    for name in path.split('.') {
        let next = match (type_of(&found), name.parse::<usize>()) {
            (LIST, Ok(index)) => found.get_item_by_index(index).ok(),
            (MAP, _) => found.get_attr(name).ok(),
            _ => None,
        };
        found = next.filter(|next| !next.is_undefined()).ok_or_else(|| {
            let what = match type_name(&found) {
                "nothing" => "an element that is nothing".to_owned(),
                "map" => "an element".to_owned(),
                other => format!("an element that is a {other}"),
            };
            Problem::new(format!("{what} has no `{name}`"))
                .help("leave such elements out with `selectattr(…, 'defined')`, or give `map(attribute=…, default=…)`")
        })?;
    }
    Ok(found)
}

/// Each element with what it is sorted, compared or added up by.
fn keyed(items: Vec<Value>, attribute: Option<&str>) -> Result<Vec<(Value, Value)>, Problem> {
    let key =
        |item: Value| Ok((attribute.map_or_else(|| Ok(item.clone()), |path| field(&item, path))?, item));
    items.into_iter().map(key).collect()
}

fn sorted(items: Vec<Value>, attribute: Option<&str>, reverse: bool) -> Outcome {
    let mut keyed = keyed(items, attribute)?;
    // What has no order among each other is found before sorting, which cannot fail.
    for pair in keyed.windows(2) {
        if let [one, other] = pair {
            order(&one.0, &other.0)?;
        }
    }
    keyed.sort_by(|one, other| {
        let order = one.0.cmp(&other.0);
        if reverse { order.reverse() } else { order }
    });
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

fn extreme(items: Vec<Value>, attribute: Option<&str>, wanted: Ordering) -> Outcome {
    let mut found: Option<(Value, Value)> = None;
    for item in keyed(items, attribute)? {
        let better = match &found {
            Some(best) => order(&item.0, &best.0)? == wanted,
            None => true,
        };
        if better {
            found = Some(item);
        }
    }
    Ok(found.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn join(items: &[Value], separator: &str) -> Outcome {
    let mut joined = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        match item.as_str() {
            Some(text) => joined.push_str(text),
            None => joined.push_str(&as_text(&from_minijinja(item)?)?),
        }
        if joined.len() > MAX_TEXT {
            return Err(too_long());
        }
    }
    Ok(Value::from(joined))
}

/// A text that equal values share: `1` and `1.0` are equal.
fn identity(value: &Value) -> Result<String, Problem> {
    fn levelled(value: value::Value) -> value::Value {
        match value {
            value::Value::Number(number) => match number.as_f64() {
                Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => value::Value::from(float as i64),
                _ => value::Value::Number(number),
            },
            value::Value::Array(items) => items.into_iter().map(levelled).collect(),
            value::Value::Object(object) => {
                let mut entries: Vec<_> =
                    object.into_iter().map(|(key, value)| (key, levelled(value))).collect();
                entries.sort_by(|one, other| one.0.cmp(&other.0));
                entries.into_iter().collect()
            }
            other => other,
        }
    }
    Ok(levelled(from_minijinja(value)?).to_string())
}

fn others(args: &Args<'_>) -> Result<HashSet<String>, Problem> {
    elements(args.given(0).ok_or_else(no_value)?)?.iter().map(identity).collect()
}

fn chosen(
    items: Vec<Value>,
    known: &mut HashSet<String>,
    keep: impl Fn(&mut HashSet<String>, String) -> bool,
) -> Outcome {
    let mut found = Vec::new();
    for item in items {
        if keep(known, identity(&item)?) {
            found.push(item);
        }
    }
    Ok(Value::from(found))
}

fn merge(map: &Value, args: &Args<'_>) -> Outcome {
    let other = args.given(0).ok_or_else(no_value)?;
    let mut merged = value::Object::new();
    for data in [from_minijinja(map)?, from_minijinja(other)?] {
        if let value::Value::Object(object) = data {
            merged.extend(object);
        }
    }
    Ok(crate::expr::convert::to_minijinja(&value::Value::Object(merged)))
}

/// A key that is written as one, or what stands in its place.
fn key(value: &Value) -> Result<String, Problem> {
    as_text(&from_minijinja(value)?)
        .map_err(|_| Problem::new(format!("{} cannot be a key of a map", described(type_of(value)))))
}

fn grouped(items: &[Value], attribute: &str) -> Outcome {
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for item in items {
        let name = key(&field(item, attribute)?)?;
        let place = *places.entry(name.clone()).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, members)) = groups.get_mut(place) {
            members.push(item.clone());
        }
    }
    Ok(Value::from_pairs(groups.into_iter().map(|(name, members)| (name, Value::from(members)))))
}

fn dict(items: &[Value]) -> Outcome {
    let mut pairs = Vec::new();
    let mut seen = HashSet::new();
    for item in items {
        let pair = if type_of(item) == LIST { elements(item)? } else { Vec::new() };
        let [name, value] = pair.as_slice() else {
            return Err(Problem::new(format!(
                "`dict` needs [key, value] pairs, this has {}",
                described(type_of(item))
            ))
            .help("make them with `items` or `zip`"));
        };
        let name = key(name)?;
        if !seen.insert(name.clone()) {
            return Err(Problem::new(format!("two pairs have the key `{name}`")));
        }
        pairs.push((name, value.clone()));
    }
    Ok(Value::from_pairs(pairs))
}

fn zipped(items: Vec<Value>, args: &Args<'_>) -> Outcome {
    let others = elements(args.given(0).ok_or_else(no_value)?)?;
    if items.len() != others.len() {
        let message = format!("the lists have {} and {} elements", items.len(), others.len());
        return Err(Problem::new(message).help("cut the longer one: `list[:n]`"));
    }
    Ok(items.into_iter().zip(others).map(|(one, other)| Value::from(vec![one, other])).collect())
}
