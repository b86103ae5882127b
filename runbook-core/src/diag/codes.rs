//! Every diagnostic code, with what its documentation page says.

use super::Code;

/// What the documentation says of one code.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// The problem in a few words.
    pub title: &'static str,
    /// How it comes about.
    pub cause: &'static str,
    /// How to put it right.
    pub cure: &'static str,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $cause:literal, $cure:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Code = Code($number);)*
        }
        const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: Code::$name, title: $title, cause: $cause, cure: $cure },)*
        ];
    };
}

/// All codes, in ascending order.
pub fn codes() -> &'static [CodeInfo] {
    CODES
}

/// What is known of `code`.
pub fn code_info(code: Code) -> Option<&'static CodeInfo> {
    CODES.iter().find(|info| info.code == code)
}

codes! {
    YAML_SYNTAX = 1, "the text is not YAML",
        "The YAML parser could not make sense of the text at this place.",
        "Look at the marked place and at the line above it: indentation, an unclosed quote or bracket, or a `: ` inside an unquoted text are the usual causes.";
    NOT_UTF8 = 2, "the file is not UTF-8 text",
        "A runbook is Unicode text in UTF-8.",
        "Save the file as UTF-8.";
    CONTROL_CHARACTER = 3, "a control character in the text",
        "NUL and other control characters cannot be seen by a reviewer and mean different things to different tools.",
        "Remove the character, or write it as an escape such as \"\\x07\" in a double-quoted text.";
    BIDI_CHARACTER = 4, "a bidirectional control character in the text",
        "Such characters make a text look different from what it is.",
        "Remove the character, or write it as an escape such as \"\\u202e\" in a double-quoted text.";
    SEVERAL_DOCUMENTS = 5, "more than one YAML document in the file",
        "A file holds one document; everything after the second `---` would be ignored.",
        "Split the file.";
    EMPTY_DOCUMENT = 6, "the file holds no document",
        "There is nothing to read.",
        "Start with `apiVersion: runbook/v1` and `kind: Runbook`.";
    DUPLICATE_KEY = 7, "the same key twice in one map",
        "One of the two would silently win.",
        "Remove one of them.";
    MERGE_KEY = 8, "merge keys are not part of the language",
        "`<<` hides where a value comes from, and YAML 1.2 dropped it.",
        "Write the keys out, or use `defaults` or `vars`.";
    UNKNOWN_TAG = 9, "a YAML tag the language does not know",
        "Tags such as `!!python/object` or `!secret` ask a reader to do something; this one does nothing on request.",
        "Remove the tag.";
    ANCHOR_LIMIT = 10, "aliases expand to too much",
        "Aliases of aliases can make a small file grow to gigabytes.",
        "Write the repeated parts out, or use `vars`.";
    TOO_DEEP = 11, "nested too deeply",
        "No runbook needs this many levels; a reader that followed them could run out of stack.",
        "Flatten the structure.";
    TOO_LARGE = 12, "the file or one of its values is too large",
        "A runbook is text that people read; limits keep a mistake from taking all memory.",
        "Keep large data in a file of its own and name the file.";
    KEY_NOT_TEXT = 13, "a key that is not plain text",
        "Keys are names; a list, a map or nothing cannot be one.",
        "Write the key as text.";
    UNKNOWN_ALIAS = 14, "an alias without its anchor",
        "`*name` repeats what `&name` marked earlier in the file.",
        "Mark the value with `&name` first, or quote the text if the `*` belongs to it.";

    UNKNOWN_KEY = 101, "a key the language does not know",
        "Unknown keys are refused, so that a misspelt `rollback` is not silently left out.",
        "Correct the spelling, or remove the key.";
    MISSING_KEY = 102, "a required key is missing",
        "The thing cannot be understood without it.",
        "Add the key.";
    WRONG_TYPE = 103, "a value of the wrong type",
        "The key takes another type of value.",
        "Write a value of the type that the message names.";
    NOT_SUPPORTED_YET = 104, "a key that this version cannot carry out yet",
        "The key is part of the language, but this version of the engine does not implement it; ignoring it would be worse.",
        "Wait for a version that supports it, or write the step another way.";
    BAD_API_VERSION = 105, "not a version of the language that is known",
        "`apiVersion` says by which rules the file is read.",
        "Write `apiVersion: runbook/v1`.";
    BAD_KIND = 106, "not a kind of file that is known",
        "`kind` says what the file is.",
        "Write `kind: Runbook`.";
    BAD_NAME = 107, "not a valid name",
        "Names appear in file names, expressions and commands, so their alphabet is small.",
        "Use the form that the message shows.";
    BAD_VALUE = 108, "a value that is not allowed here",
        "The key takes one of a few values.",
        "Use one of the values that the message names.";
    BAD_DURATION = 109, "not a duration",
        "Durations carry units, so that nobody has to guess seconds or minutes.",
        "Write for example `500ms`, `30s`, `5m` or `1h30m`.";
    LOSSY_SCALAR = 110, "an unquoted value that loses data as text",
        "YAML reads `1.10` as the number 1.1, `+7999` as a number and `NO` (in old readers) as false.",
        "Put the value in quotes.";
    NO_ACTION = 111, "a step without an action",
        "A step does exactly one thing, named by its action key.",
        "Add an action key such as `run`, `manual`, `wait`, `assert`, `set`, `steps` or `parallel`.";
    SEVERAL_ACTIONS = 112, "a step with more than one action",
        "With two actions in a step it would be unclear which of them failed and what a rollback undoes.",
        "Split it into two steps.";
    DUPLICATE_ID = 113, "the same id twice",
        "An id names one step in the whole file; references would be ambiguous.",
        "Rename one of them.";
    EMPTY_LIST = 114, "an empty list where something is needed",
        "The key needs at least one entry.",
        "Add an entry, or remove the key.";
    BAD_PATTERN = 115, "not a regular expression",
        "The pattern could not be compiled.",
        "Correct the pattern; the syntax is that of Rust's regex crate.";
    KEY_NOT_HERE = 116, "a key that makes no sense on this kind of step",
        "The key is known, but means nothing for this action.",
        "Remove the key, or move it to the step it belongs to.";
    UNKNOWN_ACTION_KIND = 117, "an action or target that no loaded executor knows",
        "The key belongs to an executor that this program was built without.",
        "Use a program that has the executor.";
    BAD_DEFAULT = 118, "a default that does not fit its input",
        "The default would be refused if an operator gave it.",
        "Make the default fit type, options, pattern and limits.";
    BAD_DATE = 119, "not a date",
        "Dates are written as in ISO 8601.",
        "Write for example `2027-01-31`.";

    UNKNOWN_REFERENCE = 201, "a name that does not exist",
        "Every reference is resolved before anything runs; it is never an empty text.",
        "Correct the spelling, or define the name.";
    NOT_AN_ANCESTOR = 202, "a step that does not come before this one",
        "Its result may not exist yet when it is asked for.",
        "Add it to `needs`, or move the step.";
    BAD_EXPRESSION = 203, "not an expression",
        "The expression could not be parsed.",
        "Correct it; only expressions are allowed, no statements.";
    UNKNOWN_FILTER = 204, "a filter, test or function that does not exist",
        "It would fail when the step runs; so it is refused now.",
        "Use one that the reference lists.";
    UNCLOSED_INTERPOLATION = 205, "`${{` without its `}}`",
        "The text after it would be taken as part of the expression.",
        "Close it with `}}`.";
    INTERPOLATION_IN_CONDITION = 206, "`${{ }}` around a condition",
        "Conditions are bare expressions.",
        "Remove the `${{` and `}}`.";
    DYNAMIC_REFERENCE = 207, "a reference that cannot be resolved before the run",
        "`steps[name]` could mean any step, so it cannot be checked.",
        "Name the step: `steps.name`.";
    RESULT_NOT_HERE = 208, "`result` outside the step it belongs to",
        "`result` is the result of the step itself and exists only after its action.",
        "Use `steps.<id>` for another step's result.";
    UNKNOWN_FIELD = 209, "a step has no such field",
        "A step offers `status`, `reason`, `stdout`, `stderr`, `exit_code`, `outputs` and `items`.",
        "Use one of these, or declare an output.";
    UNKNOWN_OUTPUT = 210, "a step declares no such output",
        "Outputs are declared by the step that makes them.",
        "Add it to that step's `outputs`, or correct the spelling.";
    NOT_A_BOOL = 211, "a condition that can never be true or false",
        "A condition must yield true or false; texts and numbers are not taken for one.",
        "Compare it with something.";

    TEMPLATE_IN_UNSAFE_PLACE = 301, "a value where the shell would read it as code",
        "In this place the text is parsed again, so no quoting can keep a value from becoming a command.",
        "Pass the value through `env:` and use the variable, or write the command as a list (argv).";
    SHELL_SYNTAX = 302, "the script's quoting cannot be followed",
        "The engine must know the quoting around each `${{ }}`; here a quote, bracket or here-document does not end.",
        "Close it.";
    RAW_VALUE = 303, "a value that becomes part of the program text",
        "`| raw` puts the value into the script as it is; whoever controls the value controls the command.",
        "Leave `| raw` away unless the value is really a piece of program.";

    UNKNOWN_STEP = 401, "`needs` names a step that does not exist",
        "The order of steps is fixed before anything runs.",
        "Correct the spelling.";
    CYCLE = 402, "steps that wait for each other",
        "None of them could ever start.",
        "Remove one of the `needs`.";
    NEEDS_OUT_OF_SCOPE = 403, "`needs` reaches into or out of a place it cannot",
        "A step can wait for steps beside it or outside of its group, not for a group that contains it or for rollback and cleanup steps.",
        "Name a step that can end before this one starts.";
    RETRY_NOT_IDEMPOTENT = 404, "a retry on an action that may not be repeated",
        "Repeating an action whose first attempt may have half happened can do damage.",
        "Add `idempotent: true` if a repetition does no harm, or remove `retry`.";
    IRREVERSIBLE_WITHOUT_CONFIRM = 405, "a point of no return without a confirmation",
        "After an irreversible step nothing before it can be rolled back, so a person must agree first.",
        "Add `confirm: …`.";
    UNKNOWN_TARGET = 406, "a target that does not exist",
        "The target is not declared.",
        "Declare it under `targets`, or use `local`.";
    REVIEW_OVERDUE = 407, "the review of this runbook is overdue",
        "`review_by` has passed.",
        "Review the runbook and set a new date.";
    ARGV_NOT_SAFE = 408, "a list command whose program is computed",
        "Which program runs must be readable in the file.",
        "Write the program's name, or use `run` with a choice of steps.";
    CHECK_WITH_EFFECT = 409, "a check with an effect",
        "Checks may run any number of times, also in rehearsals; they only look.",
        "Move the change into a step.";
    USELESS_VERIFY = 410, "a verification that cannot fail",
        "A check that always passes proves nothing.",
        "Compare with what is expected.";

    POLICY_PATTERN = 420, "not a pattern of commands or paths",
        "A rule that cannot be read forbids nothing.",
        "Write a program and its first words, such as `git (reset|checkout)`, or a path, such as `/etc/**`.";
    RULE_WITHOUT_CONDITION = 421, "a rule that says nothing about commands",
        "It would forbid everything, or nothing.",
        "Add `command`, `writes` or `effect`.";
    RULE_TWICE = 422, "two rules with one id",
        "Exceptions and reports name rules by their id.",
        "Give each rule an id of its own.";
    EXAMPLE_FAILS = 423, "an example that the rule does not bear out",
        "The examples under `match` must be forbidden by the rule, those under `not_match` must not.",
        "Correct the rule, or the example.";
    FORBIDDEN = 424, "forbidden by a policy",
        "A rule of a policy forbids this, whoever asks for it. It is found in the text of runbooks, when they are planned, and in each action before it runs.",
        "Do it another way. Where the rule is `overridable`, a step may say `policy_exception: {rule: …, reason: …}`.";
    EFFECT_TOO_LOW = 425, "an effect that is stated too low",
        "An author may say that an action does more than it seems, not less: dry runs, gates and policies rely on it.",
        "State the effect that the action has, or give the reason: `effect_because: …`.";
    NOT_OVERRIDABLE = 426, "an exception where there is none",
        "Only rules with `overridable: true` leave exceptions to authors.",
        "Remove `policy_exception` and do it another way, or talk to the owner of the policy.";
    USELESS_EXCEPTION = 427, "an exception from nothing",
        "No policy that is known here has this rule. Policies given from outside are only known when they are given.",
        "Correct the name of the rule, or remove `policy_exception`.";
    BAD_ARGUMENTS = 450, "arguments that a filter, test or function does not take",
        "It would fail when the step runs; so it is refused now.",
        "Write the call as the reference of expressions shows it.";
    WRONG_OPERAND = 451, "a value of a type that can never fit here",
        "An operator, filter or test takes values of certain types, and what stands here never is of one.",
        "Convert the value first, for example with `| int`, `| string` or `| length`.";
    MIXED_COMPARISON = 452, "a comparison of values of different types",
        "A text is never equal to, less or greater than a number; a comparison of the two would always be false, so it is an error.",
        "Convert one of the two, for example with `| int`.";

    UNKNOWN_INPUT = 501, "an input that the runbook does not have",
        "A value was given for a name that is not declared.",
        "Correct the spelling.";
    MISSING_INPUT = 502, "a required input has no value",
        "The runbook cannot be planned without it.",
        "Give it with `-i name=value`, in `--inputs FILE`, or as `RUNBOOK_INPUT_NAME`.";
    BAD_INPUT = 503, "a value that its input does not accept",
        "The value does not fit the input's type, options, pattern or limits.",
        "Give a value that fits.";
    VAR_FAILED = 504, "a variable could not be computed",
        "The expression failed with the given inputs.",
        "Look at the expression and the inputs.";
    UNKNOWN_SELECTION = 505, "a step named on the command line does not exist",
        "`--from`, `--only` and `--approve` name steps of the runbook.",
        "Correct the spelling.";
    CANNOT_READ = 506, "a file cannot be read",
        "The operating system refused.",
        "Look at the path and its permissions.";

    UNKNOWN_PROCEDURE = 601, "a call of something that does not exist",
        "`call` names a procedure of this file or of an included one, or the path of another runbook.",
        "Correct the spelling, or declare it under `procedures`.";
    CALL_CIRCLE = 602, "procedures that call each other in a circle",
        "They would never come to an end.",
        "Repeat with `retry`, `for_each` or `wait` instead.";
    INCLUDE_FAILED = 603, "an included file that cannot be used",
        "It is not there, cannot be read, or is of a kind that cannot be included.",
        "Look at the path; it is relative to the file that includes it.";
    INCLUDE_CIRCLE = 604, "files that include each other in a circle",
        "Each would have to be read before itself.",
        "Move what both need into a third file.";
    DUPLICATE_NAME = 605, "a name that is defined twice",
        "Two files, or two tables, define the same name, and nobody could tell which is meant.",
        "Rename one of them.";
    BAD_GROUP = 606, "a set of targets that cannot be made",
        "A group names targets or other groups; a set is written `web`, `web:db` (both) or `web:!web1` (without).",
        "Correct the expression.";
    EMPTY_GROUP = 607, "a set without targets",
        "A step on it would do nothing.",
        "Correct the expression, or add targets to the group.";
    BAD_ROLLOUT = 608, "a rollout that cannot be carried out",
        "Batches are numbers of targets or percentages, greater than nothing.",
        "Write for example `rollout: {batch: [1, 25%, 100%]}`.";
    BAD_CASE = 609, "a case that can never apply",
        "`otherwise: true` stands last, and every other case has its `when`.",
        "Give the case a `when`, or move it to the end.";
    SECRET_NOT_HERE = 610, "a secret in a place where it would be seen",
        "Commands, conditions, titles and outputs are logged and shown; a secret goes only into `env`, `stdin` and the parameters of executors' actions.",
        "Pass it in `env:` or `stdin:`.";

    TEST_UNKNOWN_STEP = 700, "a test names a step that does not exist",
        "Mocks, answers and expectations name steps by their id, or by their position (`steps.3`, `restart.rollback.1`).",
        "Correct the spelling; `runbook plan` shows every name.";
    TEST_UNKNOWN_CHECK = 701, "a mock names a check that does not exist",
        "Checks are named by their step, their list and their place in it, from 1: `restart.verify.2`.",
        "Correct list and number.";
    TEST_NOTHING_TO_MOCK = 702, "a mock for something that the world is not asked for",
        "Groups, `set`, `assert` and `wait` are carried out as they are; manual steps are answered by people.",
        "Remove the mock; mock the steps inside a group, and put what people say under `answers`.";
    TEST_MOCK_MISFIT = 703, "a mocked result of another kind than its step has",
        "A command has no `status`, a port has no output, and only a file has a size and an age.",
        "Use what the step or check really yields.";
    TEST_NOTHING_ASKED = 704, "an answer for a step that asks nothing",
        "The step has no gate, is not manual, does not let people choose after a failure, and cannot end in doubt.",
        "Remove the answer, or correct the name.";
    TEST_ANSWER_MISFIT = 705, "an answer to another question than the one that is asked",
        "A gate takes `approve` or `deny`, a manual step `done`, `failed` or the values of its fields, a failure `retry`, `skip`, `rollback` or `stop`.",
        "Use an answer that the step takes.";
    DUPLICATE_TEST = 706, "the same test twice",
        "Tests are told apart by their names.",
        "Rename one of them.";
    TEST_OF_NOTHING = 707, "tests of a runbook that cannot be used",
        "The runbook is not there, cannot be read, or is not valid.",
        "Look at the path, which is relative to the file of tests, and at what `runbook validate` says of the runbook.";
    TEST_CANNOT_BE_PLANNED = 708, "a test whose run cannot be planned",
        "With the inputs of this test, something about the runbook cannot be computed.",
        "Look at the inputs.";
    TEST_EXPECTATION_MISFIT = 709, "an expectation that can never be met",
        "It contradicts another one, or names something that the runbook does not have.",
        "Correct or remove it.";

    UNKNOWN_CONTACT = 730, "somebody who does not exist is to be told",
        "`to` names contacts and channels, and a contact names its channel; a message to a misspelt name would reach nobody.",
        "Correct the spelling, or declare the name under `contacts` or `channels`.";
    NO_CHANNEL = 731, "somebody is to be told who cannot be reached",
        "The contact has no `channel`.",
        "Give the contact a `channel`, or name another one.";
    NOT_A_CHANNEL = 732, "an action that cannot be a channel",
        "A channel tells people something; what acts on systems is a step, with its effect, its gate and its place in the log.",
        "Use `command`, `file` or an `http` request with the method `post` or `put`.";
    LEVELS_OUT_OF_ORDER = 733, "levels of an escalation that are not in order of time",
        "Levels fire one after the other, as they are written.",
        "Move the level, or correct its `after`.";
    NOT_IN_ESCALATION = 734, "a result that an escalation cannot rely on",
        "Timers look at steps at any time, so a step may not have ended, or not have begun; then it has a `status` and a `reason`, and nothing else.",
        "Use `steps.<id>.status` or `steps.<id>.reason`.";

    BAD_CRON = 750, "a time that cannot be scheduled",
        "`cron` has five fields: minute, hour, day of the month, month, day of the week. Only what crontab, systemd, Kubernetes and GitHub Actions understand alike is accepted.",
        "Write for example `30 3 * * 1-5` or `@daily`.";
    BAD_TIMEZONE = 751, "a time zone that does not exist",
        "A time zone is a name of the tz database, with its capital letters.",
        "Write for example `Europe/Moscow` or `UTC`.";

    VALUE_IN_CONTAINER_SCRIPT = 820, "a value in the script of a container's command",
        "The `command` of `docker` and `compose` is a script when it is a text; a value in it would be read as program.",
        "Write the command as a list, or pass the value in `env`.";
    SSH_OPTION = 800, "an option of ssh that a runbook cannot set",
        "Host keys are always checked, and what runs on the engine's machine or shapes its connections is the engine's or the user's own.",
        "Add the host's key to the known hosts of whoever runs the runbook; put what concerns one's own machine into ~/.ssh/config.";
    CREDENTIAL_WRITTEN = 840, "a credential that is not a secret",
        "What opens a door stands readable in a file, in logs and in the history of a repository.",
        "Declare it under `secrets` and write `${{ secrets.name }}`.";
    BAD_URL = 841, "a URL that cannot be asked",
        "It is not the whole URL of a web server, it holds user and password, or who approves it could not see to whom it goes.",
        "Write it whole, such as `https://api.example.net/health`; user and password belong under `basic`, and a secret stands after the host.";
    IMPOSSIBLE_EXPECTATION = 842, "an expectation that no result of this action can meet",
        "`expect` names a field that results of this action do not have, or a value that it never has.",
        "See the fields of the action's results in the language reference.";
    BAD_MATCHER = 843, "a map that mixes matchers with something else",
        "With one matcher in it, such as `contains`, a map says what a value must be; without, it holds paths into the value.",
        "Put the matchers under the path that they are about.";
    CERTIFICATE_NOT_CHECKED = 844, "a server whose certificate is not checked",
        "`insecure_because` lets anybody between here and the server answer in its place, and read what is sent.",
        "Give the server's own certificate authority with `tls: {ca: file}`.";
    BAD_HEADER = 845, "a header that cannot be sent",
        "Its name or its value cannot stand in a request, or it is one that the request itself decides.",
        "Correct the name; leave `Host`, `Content-Length` and their like away, and use `json`, `form` or `body` for the content.";
    GATE_CANNOT_OPEN = 860, "a gate that can never open",
        "More people must agree than are named for the roles that may answer.",
        "Name more people under the runbook's `roles`, or lower `approvers_min`.";
    BAD_SENSITIVE_INPUT = 861, "an input that cannot be kept secret",
        "A sensitive input is a secret: a text whose value is in no file, no plan and no log.",
        "Make it an input of the runbook with `type: string`, without `default`, `options` and `example`; or declare it under `secrets`.";
    NO_VERIFY = 901, "a change that nothing verifies",
        "The step changes something, and neither its `verify` nor a step after it looks whether that worked. An exit code of 0 says that a program ended, not that the service is well.",
        "Add `verify` with a check of what matters, such as `systemctl is-active` or a request to `/health`; or say under `lint_exceptions: {no_verify: …}` why there is nothing to look at.";
    NO_UNDO = 902, "a change that nothing undoes",
        "The step changes something, has no `rollback`, and does not say that it is a point of no return. After a failure people have to find out by themselves what to do about it.",
        "Add `rollback` (or `cleanup`), or `irreversible: true` with a `confirm`. Where there is nothing to undo, say so under `lint_exceptions: {no_undo: …}`.";
    NO_CONFIRM = 903, "something is destroyed and nobody is asked",
        "The step deletes or overwrites what cannot be had back, and no gate stands before it.",
        "Add `confirm` with the question, best with a `phrase` to type; or say under `lint_exceptions: {no_confirm: …}` why nobody needs to be asked.";
    NO_TIMEOUT = 904, "a step that may take for ever",
        "Nothing ends the step when its command hangs, so the run hangs with it and holds its lock.",
        "Write `defaults: {timeout: 5m}` once, and a `timeout` of its own where a step needs longer.";
    ENDLESS_COMMAND = 905, "a command that does not end",
        "The command follows a log or watches something until somebody interrupts it. In a run nobody does.",
        "Leave the option that follows away (`tail -n 100`, `journalctl -n 100`), wait with `wait: {for: …}`, or set a `timeout` on the step.";
    SLEEP_IN_SCRIPT = 906, "a pause inside a script",
        "A fixed pause is too short on a bad day and too long on a good one, and nobody sees what the run is waiting for.",
        "After an action use `settle`; until something holds use `wait: {for: …, every: …, within: …}` or a check with `retry`; for time alone use the step `wait: 30s`.";
    STATUS_SWALLOWED = 907, "a script hides a failure",
        "`|| true` and `|| echo` turn every failure of the command before them into a success, those that nobody thought of included.",
        "Name what is no failure: `expect: {exit_code: [0, 1]}`; let the step fail and write `on_failure: continue`; or make a check of it with `severity: warn`.";
    SECRET_IN_ARGV = 908, "a secret among the arguments of a program",
        "Arguments can be read by everybody on the machine (`ps`), and what is written in the file by everybody who reads it.",
        "Declare it under `secrets` and pass it in `env` or `stdin`, in the way the program reads it from there (`PGPASSWORD`, `MYSQL_PWD`, `--password-stdin`, `curl --config -`).";
    LATEST_UNCHECKED = 909, "the newest file is taken without looking whether there is one",
        "`ls -t | head -1` succeeds in an empty directory and yields an empty text; what comes after works on nothing, or on the wrong thing.",
        "Stop on an empty name: `[ -n \"$latest\" ]`, `expect: {stdout: {empty: false}}`, or a check `file: {path: …, min_size: 1}`.";
    RESTORE_WITHOUT_COPY = 910, "a restore that keeps nothing of what it overwrites",
        "If the copy turns out to be bad, what was there before is gone as well.",
        "Make a copy of what is there in a step before it, and put that back in `rollback`.";
    UNUSED_INPUT = 911, "an input that nothing uses",
        "Operators are asked for a value that changes nothing, or a name is misspelt where it was to be used.",
        "Use it or remove it.";
    UNUSED_LINT_EXCEPTION = 912, "a lint exception that silences nothing",
        "What it was for has been put right, or it stands in the wrong place. Left as it is, it would hide the next finding.",
        "Remove it.";
    LINT_EXCEPTION_WITHOUT_REASON = 913, "a lint is silenced without a reason",
        "Whoever reads the file next must know why the lint is wrong here.",
        "Write the reason as the value: `lint_exceptions: {no_verify: the supervisor reports it}`.";
}
