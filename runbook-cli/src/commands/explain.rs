//! `runbook explain`.

use runbook_core::diag::{Code, closest, code_info, codes};
use runbook_core::language;

use crate::args::Explain;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;

/// Prints what a key of the language or a diagnostic code means.
pub(crate) fn execute(command: &Explain) -> Result<Exit, Fault> {
    let written = command.name.trim().to_ascii_uppercase();
    let code = written.strip_prefix("RB").unwrap_or(&written);
    if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit()) {
        return of_code(&written, code);
    }
    let found = language::find(&command.name);
    if found.is_empty() {
        let fault = Fault::usage(format!("there is no key `{}`", command.name.trim()));
        return Err(match language::suggestion(command.name.trim()) {
            Some(name) => fault.help(format!("did you mean `{name}`?")),
            None => fault.help("keys look like `retry` or `step.retry`, diagnostic codes like `RB0101`"),
        });
    }
    output::data(&language::explain(&found));
    Ok(Exit::Succeeded)
}

fn of_code(written: &str, number: &str) -> Result<Exit, Fault> {
    let Some(info) = number.parse::<u16>().ok().and_then(|number| code_info(Code(number))) else {
        let known: Vec<String> = codes().iter().map(|info| info.code.to_string()).collect();
        let fault = Fault::usage(format!("there is no diagnostic code `{written}`"));
        return Err(match closest(written, known.iter().map(String::as_str)) {
            Some(code) => fault.help(format!("did you mean `{code}`?")),
            None => fault.help("codes look like `RB0101`"),
        });
    };
    output::data(&format!("{}: {}\n\ncause: {}\ncure:  {}\n", info.code, info.title, info.cause, info.cure));
    Ok(Exit::Succeeded)
}
