//! Keys of other tools, and what they are called here.

/// Words of other tools that are often misspelt.
pub(super) const FOREIGN: [&str; 8] = [
    "command",
    "script",
    "register",
    "depends_on",
    "environment",
    "ignore_errors",
    "condition",
    "parameters",
];

/// What to write instead of `key` in the map `what`, for people who come from another tool.
pub(super) fn foreign_key(what: &str, key: &str) -> Option<&'static str> {
    match what {
        "a step" => in_step(key),
        "a runbook" => in_runbook(key),
        "a check" => in_check(key),
        "`retry`" => in_retry(key),
        "an input" | "a field" => in_input(key),
        "`expect`" => in_expect(key),
        "`confirm`" | "`manual`" => in_question(key),
        "`defaults`" => in_command(key),
        "an assertion" => in_assertion(key),
        "a text matcher" => in_matcher(key),
        "`for_each`" => in_for_each(key),
        "`rollout`" => in_rollout(key),
        "a case" => in_case(key),
        "`remedies`" => in_remedies(key),
        "`wait`" => in_wait(key),
        "a procedure" => in_procedure(key),
        "a target" => in_target(key),
        _ => None,
    }
}

fn in_command(key: &str) -> Option<&'static str> {
    Some(match key {
        "working_dir" | "working-directory" | "workdir" | "chdir" | "dir" => "the working directory is `cwd`",
        "environment" | "envs" => "environment variables are written under `env`",
        "input" => "data on standard input is written under `stdin`",
        _ => return None,
    })
}

fn in_step(key: &str) -> Option<&'static str> {
    Some(match key {
        "name" => "a step has an `id` (for expressions) and a `title` (for people)",
        "register" => "declare results under `outputs: {name: expression over result}`",
        "cmd" | "command" | "script" | "shell_command" | "exec" => "commands are written under `run`",
        "if" | "condition" | "only_if" => "conditions are written under `when`",
        "unless" => "write `when: not (…)`, or checks under `done_when`",
        "depends_on" | "dependsOn" | "depends" | "after" | "requires" => {
            "predecessors are written under `needs`"
        }
        "ignore_errors" | "continue_on_error" | "continue-on-error" | "allow_failure" => {
            "write `on_failure: continue`"
        }
        "retries" | "retry_policy" => "write `retry: {attempts: 3, every: 5s}`",
        "loop" | "with_items" | "foreach" => "write `for_each: {item: name, in: list}`",
        "serial" | "throttle" | "batch" | "batch_size" => "write `rollout: {batch: 1}`",
        "switch" | "case" | "cases" => {
            "write `choose: [{when: …, steps: […]}, {otherwise: true, steps: […]}]`"
        }
        "include_tasks" | "import_tasks" | "include_role" | "procedure" => {
            "a procedure or another runbook is called with `call`"
        }
        "vars" | "args" | "inputs" | "params" => {
            "what a procedure is given is written under `with`, what a step computes under `set`"
        }
        "delay" | "sleep" | "pause" => "write a step `wait: 30s`, or `settle: 5s` before a verification",
        "undo" | "compensate" => "steps that undo a step are written under `rollback`",
        "approval" | "approve" | "gate" => "a gate is written under `confirm`",
        "tags" => "free labels are written under `labels: {key: value}`",
        "hosts" | "host" | "delegate_to" => "where a step acts is chosen with `target`",
        "always" | "always_run" => {
            "steps that always run are written under `finally`, or `cleanup` at a step"
        }
        "check" | "checks" | "test" => {
            "checks after an action are written under `verify`, before it under `preconditions`"
        }
        "uses" | "action" => "a step names its action by a key of its own, such as `run`",
        _ => return in_command(key),
    })
}

fn in_runbook(key: &str) -> Option<&'static str> {
    Some(match key {
        "spec" | "metadata" => "the language is flat: write the keys at the top level",
        "hosts" | "host" => "where steps act is declared under `targets` and chosen with `target`",
        "params" | "parameters" | "args" | "variables" => {
            "what an operator gives is declared under `inputs`, what is computed under `vars`"
        }
        "tasks" | "jobs" | "stages" => "what is to be done is written under `steps`",
        "on_error" | "rescue" => "what follows a failure is written under `on_failure`",
        "always" | "cleanup" | "post" => "steps that always run are written under `finally`",
        "on" | "trigger" => "when it runs is written under `schedule`",
        "env" | "environment" => "environment variables of all steps are written under `defaults: {env: …}`",
        "timeout" | "retry" | "target" | "shell" | "cwd" => {
            "what holds for every step is written under `defaults`"
        }
        "tags" => "free labels are written under `labels: {key: value}`",
        _ => return None,
    })
}

fn in_check(key: &str) -> Option<&'static str> {
    Some(match key {
        "cmd" | "command" | "script" | "exec" => "commands are written under `run`",
        "id" => "a check has no name: no expression can refer to it",
        "name" => "a check has a `title` for people",
        "effect" => "a check only looks; a change is a step",
        "when" | "if" => "put the condition on the step, or write the check as an expression",
        "wait" => "wait with `retry: {every: 2s, within: 1m}`, or with `settle` at the step",
        "port" => "write `tcp: {port: …}`",
        "path" => "write `file: {path: …}`",
        _ => return in_command(key),
    })
}

fn in_retry(key: &str) -> Option<&'static str> {
    Some(match key {
        "times" | "count" | "max_attempts" | "retries" | "max" | "limit" => {
            "the number of tries is `attempts`"
        }
        "delay" | "interval" | "sleep" | "wait" | "pause" => "the pause between tries is `every`",
        "timeout" | "max_time" | "deadline" => "the time for all tries is `within`",
        "max_delay" | "max_interval" => "the longest pause is `max_every`",
        "until" => "write what makes another try useful under `when`",
        _ => return None,
    })
}

fn in_input(key: &str) -> Option<&'static str> {
    Some(match key {
        "choices" | "values" | "enum" | "allowed" => "the allowed values are `options`",
        "regex" | "regexp" | "match" | "validate" => "the regular expression is `pattern`",
        "help" | "title" | "label" | "prompt" => "what it is for is written under `description`",
        "optional" => "write `required: false`, or give a `default`",
        "secret" | "private" | "no_log" => "a secret is declared under `secrets`",
        "minimum" | "min_length" => "the lower limit is `min`",
        "maximum" | "max_length" => "the upper limit is `max`",
        _ => return None,
    })
}

fn in_expect(key: &str) -> Option<&'static str> {
    Some(match key {
        "code" | "rc" | "returncode" | "exit" | "exitcode" => "the exit code of a command is `exit_code`",
        "output" | "out" | "text" => "what a command wrote is `stdout` or `stderr`",
        "status" | "json" | "body" | "headers" => "a command has `exit_code`, `stdout` and `stderr`",
        _ => return None,
    })
}

fn in_assertion(key: &str) -> Option<&'static str> {
    Some(match key {
        "if" | "when" | "condition" | "expr" | "expression" | "check" => "the condition is `that`",
        "msg" | "fail_msg" | "title" => "what is shown when it does not hold is `message`",
        _ => return None,
    })
}

fn in_matcher(key: &str) -> Option<&'static str> {
    Some(match key {
        "regex" | "regexp" | "pattern" | "match" => "a regular expression is written under `matches`",
        "eq" | "is" => "the whole text is written under `equals`",
        "includes" | "has" | "in" => "a part of the text is written under `contains`",
        "not_contains" | "excludes" => "write `not_matches` with a regular expression",
        _ => return None,
    })
}

fn in_for_each(key: &str) -> Option<&'static str> {
    Some(match key {
        "items" | "list" | "over" | "values" | "of" | "from" => "the list is written under `in`",
        "as" | "name" | "var" | "loop_var" | "variable" => "what expressions call the item is `item`",
        "concurrency" | "workers" | "max_parallel" | "maxParallel" | "batch" | "limit" => {
            "how many run at once is `parallel`"
        }
        "max_fail_percentage" | "ignore_errors" | "on_failure" => "how many may fail is `max_failures`",
        _ => return None,
    })
}

fn in_rollout(key: &str) -> Option<&'static str> {
    Some(match key {
        "serial" | "parallel" | "max_parallel" | "maxUnavailable" | "maxSurge" | "size" | "batches"
        | "canary" => "how many at once is `batch`: `1`, `25%` or `[1, 25%, 100%]`",
        "max_fail_percentage" | "max_fail" | "failures" | "tolerate" => "how many may fail is `max_failures`",
        "delay" | "wait" | "sleep" | "interval" | "between" => "the time between two batches is `pause`",
        _ => return None,
    })
}

fn in_case(key: &str) -> Option<&'static str> {
    Some(match key {
        "if" | "case" | "condition" | "test" | "is" => "the condition is `when`",
        "else" | "default" | "fallback" => "the last case, for everything else, has `otherwise: true`",
        "then" | "do" | "tasks" | "body" | "run" | "call" | "manual" | "set" | "parallel" => {
            "what a case does is a list under `steps`"
        }
        "name" => "a case has a `title` for people",
        _ => return None,
    })
}

fn in_remedies(key: &str) -> Option<&'static str> {
    Some(match key {
        "steps" | "tries" | "actions" | "ladder" | "try" => "the remedies are a list of steps under `rungs`",
        "until" | "check" | "checks" | "verify" | "when" => "what is to be reached is `goal`",
        "timeout" | "deadline" => "the time in which remedies begin is `within`",
        "else" | "otherwise" | "on_failure" | "escalate" | "finally" => {
            "the steps that follow when no remedy helped are `on_exhausted`"
        }
        "every" | "delay" | "pause" | "settle" => {
            "a remedy that takes a while gets a `settle`, or the goal a `retry`"
        }
        "attempts" | "retry" => "each remedy is tried once; put `retry` on the remedy",
        _ => return None,
    })
}

fn in_wait(key: &str) -> Option<&'static str> {
    Some(match key {
        "until" | "check" | "checks" | "condition" | "goal" => "what is waited for is written under `for`",
        "timeout" | "max" | "at_most" | "deadline" | "limit" => "how long to wait at most is `within`",
        "interval" | "delay" | "sleep" | "pause" | "poll" => "the pause between two looks is `every`",
        _ => return None,
    })
}

fn in_procedure(key: &str) -> Option<&'static str> {
    Some(match key {
        "params" | "parameters" | "args" | "arguments" | "with" => "what it takes is declared under `inputs`",
        "tasks" | "body" | "do" => "what it does is written under `steps`",
        "returns" | "return" | "results" => "what it returns is declared under `outputs`",
        "target" => "a procedure acts where the step that calls it acts, or where its own steps say",
        _ => return None,
    })
}

fn in_target(key: &str) -> Option<&'static str> {
    Some(match key {
        "host" | "hostname" | "address" | "ip" | "user" | "port" | "ansible_host" | "ansible_user" => {
            "how it is reached is written under `ssh`: `{ssh: {host: …, user: …}}`"
        }
        "docker" => "a container is `{container: {name: …}}`",
        "workdir" | "directory" | "dir" => "the working directory is `cwd`",
        "hosts" | "members" => "several targets are declared under `groups`",
        "labels" | "facts" => "what expressions see as `target.vars` is written under `vars`",
        _ => return None,
    })
}

fn in_question(key: &str) -> Option<&'static str> {
    Some(match key {
        "msg" | "prompt" | "text" | "question" => {
            "the text is `message` in `confirm`, `instructions` in `manual`"
        }
        "approvers" => "how many must agree is `approvers_min`",
        _ => return None,
    })
}
