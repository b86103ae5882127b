//! `runbook explain`.

use runbook_core::diag::{Code, closest, code_info, codes};

use crate::args::Explain;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;

/// Prints what a diagnostic code means.
pub(crate) fn execute(command: &Explain) -> Result<Exit, Fault> {
    let written = command.code.trim().to_ascii_uppercase();
    let number = written.strip_prefix("RB").unwrap_or(&written);
    let info = number.parse::<u16>().ok().and_then(|number| code_info(Code(number)));
    let Some(info) = info else {
        let known: Vec<String> = codes().iter().map(|info| info.code.to_string()).collect();
        let fault = Fault::usage(format!("there is no diagnostic code `{}`", command.code));
        return Err(match closest(&written, known.iter().map(String::as_str)) {
            Some(code) => fault.help(format!("did you mean `{code}`?")),
            None => fault.help("codes look like `RB0101`"),
        });
    };
    output::data(&format!("{}: {}\n\ncause: {}\ncure:  {}\n", info.code, info.title, info.cause, info.cure));
    Ok(Exit::Succeeded)
}
