//! The closed list of filters, with their documentation.

use super::names::{Builtin, builtins, needed, option, optional};
use super::types::{ANY, BOOL, LIST, MAP, NUMBER, SCALAR, TEXT};

/// The filters, by name.
pub(super) const FILTERS: &[Builtin] = builtins! {
    "abs", "abs", "the number without its sign";
        "-3 | abs" => "3"; NUMBER, [], NUMBER;
    "age", "age(reference)", "the seconds from the point in time to the reference, such as `run.started`";
        "'2026-11-20T10:00:00Z' | age('2026-11-20T10:01:30Z')" => "90"; TEXT | NUMBER, [needed("reference", TEXT | NUMBER)], NUMBER;
    "basename", "basename", "the last part of a path";
        "'/var/log/app.log' | basename" => "\"app.log\""; TEXT, [], TEXT;
    "bool", "bool([default=…])", "the texts `true` and `false` as a bool; other texts are an error, or the default";
        "' true\\n' | bool" => "true"; BOOL | TEXT, [option("default", ANY)], BOOL;
    "capitalize", "capitalize", "the first letter in upper case, the rest in lower case";
        "'hELLO' | capitalize" => "\"Hello\""; TEXT, [], TEXT;
    "date", "date(format[, offset='+03:00'])", "the point in time written as `strftime` does, in UTC or at an offset from it";
        "'2026-11-20T22:30:00Z' | date('%d.%m.%Y %H:%M', offset='+03:00')" => "\"21.11.2026 01:30\""; TEXT | NUMBER, [needed("format", TEXT), option("offset", TEXT)], TEXT;
    "datetime", "datetime([format][, offset='+03:00'])", "a point in time from RFC 3339, from seconds since 1970, or from a format as `strptime` reads it; the offset is that of a text without one";
        "'20.11.2026 10:00' | datetime('%d.%m.%Y %H:%M', offset='+03:00')" => "\"2026-11-20T07:00:00Z\""; TEXT | NUMBER, [optional("format", TEXT), option("offset", TEXT)], TEXT;
    "default", "default(value)", "the value given here where the one before is missing";
        "inputs.absent | default('none given')" => "\"none given\""; ANY, [needed("value", ANY)], ANY;
    "dict", "dict", "a map from [key, value] pairs";
        "[['a', 1], ['b', 2]] | dict" => "{\"a\":1,\"b\":2}"; LIST, [], MAP;
    "dictsort", "dictsort", "a map's entries as [key, value] pairs, sorted by key";
        "{'b': 1, 'a': 2} | dictsort" => "[[\"a\",2],[\"b\",1]]"; MAP, [], LIST;
    "difference", "difference(other)", "the elements that the other list does not have";
        "[1, 2, 3] | difference([2])" => "[1,3]"; LIST, [needed("other", LIST)], LIST;
    "dirname", "dirname", "a path without its last part";
        "'/var/log/app.log' | dirname" => "\"/var/log\""; TEXT, [], TEXT;
    "duration", "duration([default=…])", "a duration with units in seconds";
        "'1m30s' | duration" => "90"; TEXT, [option("default", ANY)], NUMBER;
    "first", "first", "the first element or character";
        "[1, 2] | first" => "1"; LIST | TEXT, [], ANY;
    "flatten", "flatten", "the elements of the lists in a list";
        "[[1], [2, [3]], 4] | flatten" => "[1,2,[3],4]"; LIST, [], LIST;
    "float", "float([default=…])", "a number with a fraction; a text that is no number is an error, or the default";
        "'2.5' | float" => "2.5"; NUMBER | TEXT, [option("default", ANY)], NUMBER;
    "from_json", "from_json([default=…])", "a JSON text as data; a text that is none is an error, or the default";
        "'{\"a\": [1]}' | from_json" => "{\"a\":[1]}"; TEXT, [option("default", ANY)], ANY;
    "groupby", "groupby(attribute)", "a map from each value of a field to the elements that have it";
        "[{'n': 'x', 'v': 1}, {'n': 'y', 'v': 2}] | groupby('n')" => "{\"x\":[{\"n\":\"x\",\"v\":1}],\"y\":[{\"n\":\"y\",\"v\":2}]}"; LIST, [needed("attribute", TEXT)], MAP;
    "indent", "indent(width[, first=true])", "every line, the first only on request, indented by so many blanks";
        "'a\\nb' | indent(2)" => "\"a\\n  b\""; TEXT, [needed("width", NUMBER), option("first", BOOL)], TEXT;
    "int", "int([default=…])", "a whole number; a text that is none is an error, or the default; fractions are cut off";
        "' 42\\n' | int" => "42"; NUMBER | TEXT, [option("default", ANY)], NUMBER;
    "intersect", "intersect(other)", "the elements that the other list has too";
        "[1, 2, 3] | intersect([2, 3, 4])" => "[2,3]"; LIST, [needed("other", LIST)], LIST;
    "items", "items", "a map's entries as [key, value] pairs";
        "{'a': 1} | items" => "[[\"a\",1]]"; MAP, [], LIST;
    "join", "join([separator])", "a list's texts, numbers and bools as one text";
        "[1, 2] | join(', ')" => "\"1, 2\""; LIST, [optional("separator", TEXT)], TEXT;
    "keys", "keys", "a map's keys";
        "{'b': 1, 'a': 2} | keys" => "[\"b\",\"a\"]"; MAP, [], LIST;
    "last", "last", "the last element or character";
        "[1, 2] | last" => "2"; LIST | TEXT, [], ANY;
    "length", "length", "how many elements or characters there are";
        "[1, 2] | length" => "2"; LIST | MAP | TEXT, [], NUMBER;
    "lines", "lines", "a text's lines as a list, without the line breaks";
        "'a\\nb\\n' | lines" => "[\"a\",\"b\"]"; TEXT, [], LIST;
    "list", "list", "a list of the elements, keys or characters";
        "'ab' | list" => "[\"a\",\"b\"]"; LIST | MAP | TEXT, [], LIST;
    "lower", "lower", "the text in lower case";
        "'ABC' | lower" => "\"abc\""; TEXT, [], TEXT;
    "map", "map(filter, …) or map(attribute=name[, default=…])", "a filter applied to each element, or a field of each";
        "['a', 'b'] | map('upper')" => "[\"A\",\"B\"]"; LIST, [needed("filter", TEXT)], LIST;
    "max", "max([attribute=name])", "the greatest element";
        "[1, 3, 2] | max" => "3"; LIST, [option("attribute", TEXT)], ANY;
    "merge", "merge(other)", "a map with the entries of both; those of the other win";
        "{'a': 1, 'b': 2} | merge({'b': 3})" => "{\"a\":1,\"b\":3}"; MAP, [needed("other", MAP)], MAP;
    "min", "min([attribute=name])", "the least element";
        "[3, 1, 2] | min" => "1"; LIST, [option("attribute", TEXT)], ANY;
    "minus", "minus(duration)", "an earlier point in time";
        "'2026-11-20T10:00:00Z' | minus('1h30m')" => "\"2026-11-20T08:30:00Z\""; TEXT | NUMBER, [needed("duration", TEXT)], TEXT;
    "plus", "plus(duration)", "a later point in time";
        "'2026-11-20T10:00:00Z' | plus('1d')" => "\"2026-11-21T10:00:00Z\""; TEXT | NUMBER, [needed("duration", TEXT)], TEXT;
    "raw", "raw", "the value itself; inside a script, without the quoting that makes it safe";
        "'a b' | raw" => "\"a b\""; ANY, [], ANY;
    "regex_capture", "regex_capture(pattern[, default=…])", "the first group of the first match, or the whole match; no match is an error, or the default";
        "'used 42%' | regex_capture('(\\d+)%')" => "\"42\""; TEXT, [needed("pattern", TEXT), option("default", ANY)], TEXT;
    "regex_captures", "regex_captures(pattern)", "the first group of every match, or the whole matches";
        "'a1 b2' | regex_captures('\\d')" => "[\"1\",\"2\"]"; TEXT, [needed("pattern", TEXT)], LIST;
    "regex_groups", "regex_groups(pattern[, default=…])", "the named groups of the first match; a group without part in it is `none`";
        "'app-1.2' | regex_groups('(?<name>\\w+)-(?<version>.+)')" => "{\"name\":\"app\",\"version\":\"1.2\"}"; TEXT, [needed("pattern", TEXT), option("default", ANY)], MAP;
    "regex_replace", "regex_replace(pattern, replacement)", "the text with every match replaced; `\\1` and `\\g<name>` stand for groups";
        "'a=1' | regex_replace('(\\w)=(\\w)', '\\2=\\1')" => "\"1=a\""; TEXT, [needed("pattern", TEXT), needed("replacement", TEXT)], TEXT;
    "reject", "reject(test, …)", "the elements for which the test fails";
        "[1, 2, 3] | reject('odd')" => "[2]"; LIST, [needed("test", TEXT)], LIST;
    "rejectattr", "rejectattr(attribute, test, …)", "the elements for whose field the test fails";
        "[{'n': 1}, {'n': 2}] | rejectattr('n', 'eq', 1)" => "[{\"n\":2}]"; LIST, [needed("attribute", TEXT), needed("test", TEXT)], LIST;
    "replace", "replace(old, new)", "the text with every `old` replaced";
        "'a-b' | replace('-', '_')" => "\"a_b\""; TEXT, [needed("old", TEXT), needed("new", TEXT)], TEXT;
    "reverse", "reverse", "the elements or characters from the last to the first";
        "[1, 2] | reverse" => "[2,1]"; LIST | TEXT, [], LIST | TEXT;
    "round", "round([digits][, method='floor'])", "the number rounded: to the nearest, or with `floor` down and with `ceil` up; without digits a whole number";
        "2.567 | round(1)" => "2.6"; NUMBER, [optional("digits", NUMBER), option("method", TEXT)], NUMBER;
    "select", "select(test, …)", "the elements for which the test holds";
        "[1, 2, 3] | select('odd')" => "[1,3]"; LIST, [needed("test", TEXT)], LIST;
    "selectattr", "selectattr(attribute, test, …)", "the elements for whose field the test holds";
        "[{'n': 1}, {'n': 2}] | selectattr('n', 'eq', 2)" => "[{\"n\":2}]"; LIST, [needed("attribute", TEXT), needed("test", TEXT)], LIST;
    "size", "size([default=…, binary=true])", "a size with units in bytes; `binary=true` for tools whose `K`, `M`, `G` are powers of 1024 (`df -h`, `ls -h`)";
        "'1.5 GiB' | size" => "1610612736"; TEXT, [option("default", ANY), option("binary", BOOL)], NUMBER;
    "sort", "sort([attribute=name, reverse=true])", "the elements in order";
        "[3, 1, 2] | sort" => "[1,2,3]"; LIST, [option("attribute", TEXT), option("reverse", BOOL)], LIST;
    "split", "split([separator][, parts=…])", "the parts between separators, or the words; with `parts` at most so many, the last one whole";
        "'a=b=c' | split('=', parts=2)" => "[\"a\",\"b=c\"]"; TEXT, [optional("separator", TEXT), option("parts", NUMBER)], LIST;
    "string", "string", "a number or bool as text";
        "42 | string" => "\"42\""; SCALAR, [], TEXT;
    "sum", "sum([attribute=name])", "the numbers added up";
        "[1, 2, 3] | sum" => "6"; LIST, [option("attribute", TEXT)], NUMBER;
    "table", "table([separator=…, words=true, columns=…, skip=…])", "lines of columns as a list of maps; see below";
        "'NAME  SIZE\\nroot  10G\\n' | table" => "[{\"NAME\":\"root\",\"SIZE\":\"10G\"}]"; TEXT, [option("separator", TEXT), option("words", BOOL), option("columns", LIST), option("skip", NUMBER)], LIST;
    "title", "title", "every word with a capital letter";
        "'hello world' | title" => "\"Hello World\""; TEXT, [], TEXT;
    "to_duration", "to_duration", "seconds as a duration with units";
        "5400 | to_duration" => "\"1h30m\""; NUMBER, [], TEXT;
    "to_json", "to_json([indent=width])", "the value as JSON text";
        "{'a': [1, none]} | to_json" => "\"{\\\"a\\\":[1,null]}\""; ANY, [option("indent", NUMBER)], TEXT;
    "to_size", "to_size", "bytes as a size with a unit that is a power of 1024";
        "10485760 | to_size" => "\"10 MiB\""; NUMBER, [], TEXT;
    "trim", "trim([characters])", "the text without white space, or these characters, around it";
        "' a\\n' | trim" => "\"a\""; TEXT, [optional("characters", TEXT)], TEXT;
    "unique", "unique", "every element once";
        "['a', 'b', 'a'] | unique" => "[\"a\",\"b\"]"; LIST, [], LIST;
    "unix", "unix", "a point in time as seconds since 1970";
        "'2026-11-20T10:00:00Z' | unix" => "1795168800"; TEXT | NUMBER, [], NUMBER;
    "upper", "upper", "the text in upper case";
        "'abc' | upper" => "\"ABC\""; TEXT, [], TEXT;
    "urlencode", "urlencode", "the text, number or map encoded for a URL";
        "'a b&c' | urlencode" => "\"a%20b%26c\""; TEXT | NUMBER | MAP, [], TEXT;
    "values", "values", "a map's values";
        "{'b': 1, 'a': 2} | values" => "[1,2]"; MAP, [], LIST;
    "zip", "zip(other)", "pairs of the elements of two lists of the same length";
        "[1, 2] | zip(['a', 'b'])" => "[[1,\"a\"],[2,\"b\"]]"; LIST, [needed("other", LIST)], LIST;
};

/// What `map(attribute=…)` is carried out as; no name of its own that an expression could use.
pub(super) static MAP_ATTRIBUTE: Builtin = Builtin {
    name: "__map_attribute",
    signature: "map(attribute=name[, default=…])",
    meaning: "a field of each element",
    example: "",
    result: "",
    takes: LIST,
    params: &[option("attribute", TEXT), option("default", ANY)],
    gives: LIST,
};
