//! Why a hole or a script is refused.

use std::fmt;

use crate::diag::Code;

/// One problem of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The part that it is about.
    pub part: usize,
    /// Where in the part, when it is text; in bytes.
    pub offset: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a hole or with a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The hole names the program.
    Program,
    /// The hole is an argument of a program whose name is computed.
    UnknownProgram,
    /// The program parses its arguments again.
    Reparsed(String),
    /// The program takes what it reads from its standard input for commands.
    Stdin(String),
    /// The hole stands in the name that is assigned to.
    AssignmentName,
    /// The builtin takes names of variables, and evaluates them.
    VariableName(String),
    /// The shell itself evaluates the values of this variable.
    SpecialVariable(String),
    /// The variable is evaluated as arithmetic or as an array, or names another variable.
    EvaluatedVariable(String),
    /// The subscript of an array.
    Subscript,
    /// The name of a function.
    FunctionName,
    /// The variable of a `for` loop.
    LoopVariable,
    /// The pattern of a `case`.
    CasePattern,
    /// An extended pattern such as `@(a|b)`.
    ExtendedPattern,
    /// The right side of `=`, `!=` or `=~` in `[[ ]]`.
    TestPattern,
    /// An operand of `-eq`, `-lt`, … in `[[ ]]`.
    TestNumber,
    /// `[[ ]]` in a script for `sh`.
    TestInSh,
    /// Two values side by side in `[ ]`: the first may be an operator.
    TestOperator,
    /// A comment.
    Comment,
    /// The body of a here-document with a quoted delimiter.
    QuotedHeredoc,
    /// The delimiter of a here-document.
    HeredocDelimiter,
    /// `$'…'`.
    DollarSingle,
    /// `$"…"`.
    DollarDouble,
    /// `$((…))`, `((…))`, `$[…]`.
    Arithmetic,
    /// `${…}`.
    ParameterExpansion,
    /// `` `…` ``.
    Backtick,
    /// `>&` and `<&`.
    FdDuplication,
    /// The format of `printf`.
    PrintfFormat,
    /// The program text of `jq`.
    JqProgram,
    /// Directly behind a backslash.
    AfterBackslash,
    /// Directly behind a dollar sign.
    AfterDollar,
    /// Something is opened and never closed.
    Unterminated(&'static str),
    /// Something that cannot stand here.
    Unexpected(&'static str),
    /// Shells read this differently.
    Ambiguous(&'static str),
    /// A NUL character.
    Nul,
    /// The script is longer than [`MAX_SCRIPT`](super::MAX_SCRIPT).
    TooLong,
    /// The script nests deeper than [`MAX_NESTING`](super::MAX_NESTING).
    TooDeep,
}

impl Reason {
    /// The stable name of this kind of problem.
    pub fn code(&self) -> Code {
        match self {
            Reason::Unterminated(_)
            | Reason::Unexpected(_)
            | Reason::Ambiguous(_)
            | Reason::Nul
            | Reason::TooLong
            | Reason::TooDeep => Code::SHELL_SYNTAX,
            _ => Code::TEMPLATE_IN_UNSAFE_PLACE,
        }
    }

    /// What the author can do.
    pub fn help(&self) -> &'static str {
        const ENV: &str = "pass the value through `env:` and use it there as `\"$NAME\"`";
        const EITHER: &str =
            "pass the value through `env:` and use the variable, or write the command as a list (argv)";
        match self {
            Reason::Program | Reason::UnknownProgram | Reason::FunctionName => {
                "write the program's name in the script, or use a choice of steps"
            }
            Reason::Reparsed(_) => {
                "pass the value through `env:` and let the inner program read the variable, or write the command as a list (argv)"
            }
            Reason::Stdin(_) => {
                "pass the value through `env:` and let the inner program read the variable, or as an argument of it"
            }
            Reason::AssignmentName | Reason::LoopVariable | Reason::VariableName(_) => {
                "write the variable's name in the script and assign the value to it"
            }
            Reason::CasePattern | Reason::TestPattern | Reason::ExtendedPattern => {
                "compare with `[ \"$a\" = … ]`, or pass the value through `env:`"
            }
            Reason::TestNumber => "compare numbers with `[ … -eq … ]`",
            Reason::TestInSh => "use `[ … ]`, or set `shell: bash`",
            Reason::TestOperator => "write the operator in the script",
            Reason::Comment => "remove the value from the comment",
            Reason::QuotedHeredoc => "take the quotes from the delimiter, or pass the value through `env:`",
            Reason::Backtick => "write `$(…)` instead of backticks",
            Reason::PrintfFormat => "write `printf '%s' …` and pass the value as the next argument",
            Reason::JqProgram => "pass the value with `--arg name …` and write `$name` in the program",
            Reason::AfterBackslash => "remove the backslash: the value is quoted already",
            Reason::AfterDollar => "put the dollar sign into single quotes",
            Reason::DollarSingle | Reason::DollarDouble => "use `\"…\"`",
            Reason::FdDuplication => "redirect to a file, or write the number in the script",
            Reason::Subscript
            | Reason::HeredocDelimiter
            | Reason::SpecialVariable(_)
            | Reason::EvaluatedVariable(_)
            | Reason::ParameterExpansion => ENV,
            Reason::Arithmetic => EITHER,
            Reason::Unterminated(_) => "close it",
            Reason::Unexpected(_) => "correct the script's syntax",
            Reason::Ambiguous(_) => "write it in another way",
            Reason::Nul => "remove the character",
            Reason::TooLong => "put the script into a file and run that",
            Reason::TooDeep => "split the script into functions or steps",
        }
    }

    /// Whether the script may run when no value goes into it.
    pub(super) fn only_matters_with_holes(&self) -> bool {
        matches!(self, Reason::Ambiguous(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Reason::Program => "a value cannot name the program that runs",
            Reason::UnknownProgram => {
                "the program is computed, so nobody can tell whether it parses its arguments again"
            }
            Reason::Reparsed(program) => return write!(f, "`{program}` parses its arguments again as code"),
            Reason::Stdin(program) => return write!(f, "`{program}` reads its standard input as code"),
            Reason::AssignmentName => "a value cannot name the variable that is assigned to",
            Reason::VariableName(builtin) => {
                return write!(f, "`{builtin}` takes names of variables, and evaluates them");
            }
            Reason::SpecialVariable(name) => {
                return write!(f, "the content of `{name}` is evaluated as code");
            }
            Reason::EvaluatedVariable(name) => {
                return write!(
                    f,
                    "`{name}` gets this value and is evaluated as arithmetic, as an array or as a name"
                );
            }
            Reason::Subscript => "the subscript of an array is evaluated as code",
            Reason::FunctionName => "a value cannot name a function",
            Reason::LoopVariable => "a value cannot name the variable of a loop",
            Reason::CasePattern => "the pattern of a `case` is no place for a value",
            Reason::ExtendedPattern => "an extended pattern is no place for a value",
            Reason::TestPattern => "the right side of a comparison in `[[ ]]` is a pattern",
            Reason::TestNumber => "`[[ ]]` evaluates the operands of a numeric comparison as arithmetic",
            Reason::TestInSh => "not every `sh` knows `[[ ]]`",
            Reason::TestOperator => "two values side by side in a test: the first could be an operator",
            Reason::Comment => "a value in a comment",
            Reason::QuotedHeredoc => "a here-document with a quoted delimiter expands no variables",
            Reason::HeredocDelimiter => "a value cannot be the delimiter of a here-document",
            Reason::DollarSingle => "a value inside `$'…'`",
            Reason::DollarDouble => "a value inside `$\"…\"`",
            Reason::Arithmetic => "arithmetic evaluates values as code",
            Reason::ParameterExpansion => "a value inside `${…}`",
            Reason::Backtick => "the text between backticks is read twice",
            Reason::FdDuplication => "a value cannot be a file descriptor",
            Reason::PrintfFormat => "the first argument of `printf` is a format",
            Reason::JqProgram => "this argument of `jq` is a program",
            Reason::AfterBackslash => "a backslash stands directly before the value",
            Reason::AfterDollar => "a dollar sign stands directly before the value",
            Reason::Unterminated(what) => return write!(f, "{what} does not end"),
            Reason::Unexpected(what) => return write!(f, "unexpected {what}"),
            Reason::Ambiguous(what) => return write!(f, "shells do not agree how to read {what}"),
            Reason::Nul => "the script contains a NUL character",
            Reason::TooLong => "the script is longer than 1 MiB",
            Reason::TooDeep => "the script nests more than 100 levels deep",
        };
        f.write_str(text)
    }
}
