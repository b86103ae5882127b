//! What expressions may call: the closed lists of filters, tests and functions, with their documentation.

/// A filter, test or function as the reference describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// How it is written, optional parts in square brackets.
    pub signature: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    /// What the example yields, as JSON.
    pub result: &'static str,
}

/// Names whose fields are known before a run, so that a computed field cannot be checked.
pub(super) const STATIC_ROOTS: [&str; 3] = ["steps", "inputs", "vars"];

macro_rules! builtins {
    ($($name:literal, $signature:literal, $meaning:literal, $example:literal => $result:literal;)*) => {
        &[$(Builtin {
            name: $name, signature: $signature, meaning: $meaning, example: $example, result: $result,
        }),*]
    };
}

/// The filters: `value | name(…)`.
pub fn filters() -> &'static [Builtin] {
    builtins! {
        "abs", "abs", "the number without its sign", "-3 | abs" => "3";
        "basename", "basename", "the last part of a path", "'/var/log/app.log' | basename" => "\"app.log\"";
        "bool", "bool", "the texts `true` and `false` as a bool; other texts are an error", "' true\\n' | bool" => "true";
        "capitalize", "capitalize", "the first letter in upper case, the rest in lower case", "'hELLO' | capitalize" => "\"Hello\"";
        "default", "default(value)", "the value given here where the one before is missing", "inputs.absent | default('none given')" => "\"none given\"";
        "dictsort", "dictsort", "a map's entries as [key, value] pairs, sorted by key", "{'b': 1, 'a': 2} | dictsort" => "[[\"a\",2],[\"b\",1]]";
        "dirname", "dirname", "a path without its last part", "'/var/log/app.log' | dirname" => "\"/var/log\"";
        "duration", "duration", "a duration with units in seconds", "'1m30s' | duration" => "90";
        "first", "first", "the first element", "[1, 2] | first" => "1";
        "float", "float([default=…])", "a number with a fraction; a text that is no number is an error, or the default", "'2.5' | float" => "2.5";
        "from_json", "from_json", "a JSON text as data", "'{\"a\": [1]}' | from_json" => "{\"a\":[1]}";
        "indent", "indent(width)", "every line but the first indented", "'a\\nb' | indent(2)" => "\"a\\n  b\"";
        "int", "int([default=…])", "a whole number; a text that is none is an error, or the default; fractions are cut off", "' 42\\n' | int" => "42";
        "items", "items", "a map's entries as [key, value] pairs", "{'a': 1} | items" => "[[\"a\",1]]";
        "join", "join(separator)", "a list's elements as one text", "[1, 2] | join(', ')" => "\"1, 2\"";
        "keys", "keys", "a map's keys", "{'b': 1, 'a': 2} | keys" => "[\"b\",\"a\"]";
        "last", "last", "the last element", "[1, 2] | last" => "2";
        "length", "length", "how many elements or characters there are", "[1, 2] | length" => "2";
        "lines", "lines", "a text's lines as a list, without the line breaks", "'a\\nb\\n' | lines" => "[\"a\",\"b\"]";
        "list", "list", "a list of the elements, keys or characters", "'ab' | list" => "[\"a\",\"b\"]";
        "lower", "lower", "the text in lower case", "'ABC' | lower" => "\"abc\"";
        "map", "map(filter) or map(attribute=name)", "a filter applied to each element, or a field of each", "['a', 'b'] | map('upper')" => "[\"A\",\"B\"]";
        "max", "max", "the greatest element", "[1, 3, 2] | max" => "3";
        "min", "min", "the least element", "[3, 1, 2] | min" => "1";
        "raw", "raw", "the value itself; inside a script, without the quoting that makes it safe", "'a b' | raw" => "\"a b\"";
        "regex_capture", "regex_capture(pattern[, default=…])", "the first group of the first match, or the whole match; no match is an error, or the default", "'used 42%' | regex_capture('(\\d+)%')" => "\"42\"";
        "regex_captures", "regex_captures(pattern)", "the first group of every match, or the whole matches", "'a1 b2' | regex_captures('\\d')" => "[\"1\",\"2\"]";
        "reject", "reject(test, …)", "the elements for which the test fails", "[1, 2, 3] | reject('odd')" => "[2]";
        "rejectattr", "rejectattr(name, test, …)", "the elements for whose field the test fails", "[{'n': 1}, {'n': 2}] | rejectattr('n', 'eq', 1)" => "[{\"n\":2}]";
        "replace", "replace(old, new)", "the text with every `old` replaced", "'a-b' | replace('-', '_')" => "\"a_b\"";
        "reverse", "reverse", "the elements or characters from the last to the first", "[1, 2] | reverse" => "[2,1]";
        "round", "round([digits])", "the number rounded", "2.567 | round(1)" => "2.6";
        "select", "select(test, …)", "the elements for which the test holds", "[1, 2, 3] | select('odd')" => "[1,3]";
        "selectattr", "selectattr(name, test, …)", "the elements for whose field the test holds", "[{'n': 1}, {'n': 2}] | selectattr('n', 'eq', 2)" => "[{\"n\":2}]";
        "size", "size", "a size with units in bytes", "'10MiB' | size" => "10485760";
        "sort", "sort([attribute=name, reverse=true])", "the elements in order", "[3, 1, 2] | sort" => "[1,2,3]";
        "split", "split([separator])", "the parts between separators, or the words", "'a,b' | split(',')" => "[\"a\",\"b\"]";
        "string", "string", "a number or bool as text", "42 | string" => "\"42\"";
        "sum", "sum", "the numbers added up", "[1, 2, 3] | sum" => "6";
        "table", "table", "aligned columns under a header line as a list of maps", "'NAME  SIZE\\nroot  10G\\n' | table" => "[{\"NAME\":\"root\",\"SIZE\":\"10G\"}]";
        "title", "title", "every word with a capital letter", "'hello world' | title" => "\"Hello World\"";
        "to_json", "to_json([indent=width])", "the value as JSON text", "{'a': [1, none]} | to_json" => "\"{\\\"a\\\":[1,null]}\"";
        "trim", "trim", "the text without white space around it", "' a\\n' | trim" => "\"a\"";
        "unique", "unique", "every element once", "['a', 'b', 'a'] | unique" => "[\"a\",\"b\"]";
        "upper", "upper", "the text in upper case", "'abc' | upper" => "\"ABC\"";
        "urlencode", "urlencode", "the text or map encoded for a URL", "'a b&c' | urlencode" => "\"a%20b%26c\"";
        "values", "values", "a map's values", "{'b': 1, 'a': 2} | values" => "[1,2]";
    }
}

/// The tests: `value is name`, `value is not name`.
pub fn tests() -> &'static [Builtin] {
    builtins! {
        "boolean", "boolean", "is a bool", "true is boolean" => "true";
        "defined", "defined", "has a value", "inputs.absent is defined" => "false";
        "divisibleby", "divisibleby(number)", "can be divided without remainder", "9 is divisibleby 3" => "true";
        "empty", "empty", "is a text, list or map without contents", "'' is empty" => "true";
        "endingwith", "endingwith(text)", "ends with a text", "'app.log' is endingwith '.log'" => "true";
        "eq", "eq(value)", "equals", "[1, 2] | select('eq', 1)" => "[1]";
        "even", "even", "is an even number", "2 is even" => "true";
        "false", "false", "is the bool false", "false is false" => "true";
        "float", "float", "is a number with a fraction", "1.5 is float" => "true";
        "ge", "ge(value)", "is greater or equal", "[1, 2, 3] | select('ge', 2)" => "[2,3]";
        "gt", "gt(value)", "is greater", "[1, 2, 3] | select('gt', 2)" => "[3]";
        "in", "in(list)", "is an element, part or key", "[1, 2, 3] | select('in', [2, 3])" => "[2,3]";
        "integer", "integer", "is a whole number", "1 is integer" => "true";
        "iterable", "iterable", "has elements", "[] is iterable" => "true";
        "le", "le(value)", "is less or equal", "[1, 2, 3] | select('le', 2)" => "[1,2]";
        "lt", "lt(value)", "is less", "[1, 2, 3] | select('lt', 2)" => "[1]";
        "mapping", "mapping", "is a map", "{} is mapping" => "true";
        "matching", "matching(pattern)", "is a text in which the regular expression matches", "'v1.2' is matching '^v\\d'" => "true";
        "ne", "ne(value)", "does not equal", "[1, 2] | select('ne', 1)" => "[2]";
        "none", "none", "is none", "none is none" => "true";
        "number", "number", "is a number", "1 is number" => "true";
        "odd", "odd", "is an odd number", "2 is odd" => "false";
        "sequence", "sequence", "is a list", "[1] is sequence" => "true";
        "startingwith", "startingwith(text)", "starts with a text", "'app.log' is startingwith 'app'" => "true";
        "string", "string", "is a text", "'a' is string" => "true";
        "true", "true", "is the bool true", "false is true" => "false";
        "undefined", "undefined", "has no value", "inputs.absent is undefined" => "true";
    }
}

/// The functions: `name(…)`.
pub fn functions() -> &'static [Builtin] {
    builtins! {
        "range", "range([start, ]stop[, step])", "the whole numbers up to, but not including, `stop`", "range(3)" => "[0,1,2]";
    }
}
