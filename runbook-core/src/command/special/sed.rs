//! Scripts of `sed`.

use crate::command::Effect;
use crate::command::arg::Arg;
use crate::command::options::Parsed;
use crate::command::program::Call;
use crate::command::walk::Walker;

pub(super) fn judge(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    if call.safe {
        return;
    }
    let mut scripts: Vec<Arg> = parsed.values(&["-e", "--expression"]).cloned().collect();
    let mut files = parsed.operands.as_slice();
    if scripts.is_empty() && !parsed.has("-f") && !parsed.has("--file") {
        let Some((script, rest)) = files.split_first() else {
            return call.raise(Effect::Unknown, "`sed` without a script");
        };
        scripts.push(script.clone());
        files = rest;
    }
    let in_place = ["-i", "--in-place", "-I"].iter().any(|name| parsed.has(name));
    for file in files {
        walker.file(Some(file));
        if in_place {
            walker.note_write(file, file.span.clone(), false);
        }
    }
    for script in &scripts {
        let Some(text) = script.known() else {
            walker.hide(script.span.clone(), "the script of `sed` is not known");
            continue;
        };
        match (Script { bytes: text.as_bytes(), at: 0 }).all() {
            Ok(()) => {}
            Err(Stop::Writes(file)) => {
                if file != "/dev/stdout" && file != "/dev/stderr" {
                    walker.note_write(&Arg::fixed(&file, script.span.clone()), script.span.clone(), false);
                    call.raise(Effect::Destroy, "the script of `sed` overwrites a file");
                }
            }
            Err(Stop::Runs) => walker.hide(script.span.clone(), "the script of `sed` runs commands"),
            Err(Stop::Strange) => {
                walker.hide(script.span.clone(), "a script of `sed` that is not understood")
            }
        }
    }
}

enum Stop {
    Writes(String),
    Runs,
    Strange,
}

/// Reads the commands of a script; the first that does more than edit what is printed ends it.
struct Script<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Script<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, which: &[u8]) {
        while self.peek().is_some_and(|b| which.contains(&b)) {
            self.at += 1;
        }
    }

    fn all(mut self) -> Result<(), Stop> {
        loop {
            self.skip(b" \t\n;");
            let Some(byte) = self.peek() else { return Ok(()) };
            if byte == b'#' {
                self.line();
                continue;
            }
            self.addresses()?;
            self.skip(b" \t");
            if self.peek() == Some(b'!') {
                self.at += 1;
                self.skip(b" \t!");
            }
            self.command()?;
        }
    }

    fn line(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|b| b != b'\n') {
            self.at += 1;
        }
        String::from_utf8_lossy(self.bytes.get(start..self.at).unwrap_or_default()).trim().to_owned()
    }

    fn addresses(&mut self) -> Result<(), Stop> {
        loop {
            match self.peek() {
                Some(b'0'..=b'9' | b'$' | b'~' | b'+') => self.at += 1,
                Some(b',' | b' ') => self.at += 1,
                Some(b'/') => {
                    self.at += 1;
                    self.delimited(b'/', true)?;
                    self.skip(b"IM");
                }
                Some(b'\\') => {
                    let delimiter = *self.bytes.get(self.at + 1).ok_or(Stop::Strange)?;
                    if delimiter == b'\n' || delimiter == b'\\' || !delimiter.is_ascii() {
                        return Err(Stop::Strange);
                    }
                    self.at += 2;
                    self.delimited(delimiter, true)?;
                    self.skip(b"IM");
                }
                _ => return Ok(()),
            }
        }
    }

    /// Skips text up to `delimiter`. Within brackets of a pattern versions of `sed` disagree about it.
    fn delimited(&mut self, delimiter: u8, pattern: bool) -> Result<(), Stop> {
        let mut class = false;
        loop {
            match self.peek().ok_or(Stop::Strange)? {
                b'\\' => self.at += 1,
                b'\n' if pattern => return Err(Stop::Strange),
                byte if byte == delimiter && class => return Err(Stop::Strange),
                byte if byte == delimiter => {
                    self.at += 1;
                    return Ok(());
                }
                b'[' if pattern => class = true,
                b']' if class => class = false,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn command(&mut self) -> Result<(), Stop> {
        let byte = self.peek().ok_or(Stop::Strange)?;
        self.at += 1;
        match byte {
            b'{' | b'}' => return Ok(()),
            b'p' | b'P' | b'd' | b'D' | b'g' | b'G' | b'h' | b'H' | b'n' | b'N' | b'x' | b'=' | b'F'
            | b'z' => {}
            b'q' | b'Q' | b'l' | b'L' => {
                self.skip(b" ");
                self.skip(b"0123456789");
            }
            b'a' | b'i' | b'c' => {
                // The text goes on as long as lines end with a backslash.
                loop {
                    let line = self.line();
                    if !line.ends_with('\\') || self.peek().is_none() {
                        return Ok(());
                    }
                    self.at += 1;
                }
            }
            b'b' | b't' | b'T' | b':' => {
                while self.peek().is_some_and(|b| b != b'\n' && b != b';' && b != b'}') {
                    self.at += 1;
                }
                // Some take what follows a semicolon for a part of the label: then less is run than is read.
                return Ok(());
            }
            b's' => {
                let delimiter = self.delimiter()?;
                self.delimited(delimiter, true)?;
                self.delimited(delimiter, false)?;
                loop {
                    match self.peek() {
                        Some(b'g' | b'p' | b'i' | b'I' | b'm' | b'M' | b'0'..=b'9') => self.at += 1,
                        Some(b'w') => {
                            self.at += 1;
                            return Err(Stop::Writes(self.line()));
                        }
                        Some(b'e') => return Err(Stop::Runs),
                        _ => break,
                    }
                }
            }
            b'y' => {
                let delimiter = self.delimiter()?;
                self.delimited(delimiter, false)?;
                self.delimited(delimiter, false)?;
            }
            b'w' | b'W' => return Err(Stop::Writes(self.line())),
            b'e' => return Err(Stop::Runs),
            _ => return Err(Stop::Strange),
        }
        self.skip(b" \t");
        match self.peek() {
            None | Some(b'\n' | b';' | b'}' | b'#') => Ok(()),
            Some(_) => Err(Stop::Strange),
        }
    }

    fn delimiter(&mut self) -> Result<u8, Stop> {
        let delimiter =
            self.peek().filter(|b| b.is_ascii() && *b != b'\n' && *b != b'\\').ok_or(Stop::Strange)?;
        self.at += 1;
        Ok(delimiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Result<(), Stop> {
        Script { bytes: text.as_bytes(), at: 0 }.all()
    }

    #[test]
    fn scripts_that_only_print() {
        for text in [
            "1,20p",
            "s/a/b/",
            "s/a/b/g;s|x|y|2p",
            "/error/,/end/p",
            "$d",
            "/^#/d; /^$/d",
            "1~2p",
            "y/abc/xyz/",
            "2q",
            "/a/{p;q}",
            "s/.*=\\(.*\\)/\\1/p",
            "\\,x,p",
            "/a/!d",
            "$!N",
            "a\\\nwrite w x",
            "a some w text",
        ] {
            assert!(look(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn scripts_that_do_more() {
        for text in [
            "w /etc/x",
            "s/a/b/w f",
            "s/a/b/gw f",
            "1e rm",
            "s/x/rm/e",
            "e",
            "/a/w f",
            "p;w f",
            "1,2{w f",
            "W f",
        ] {
            assert!(look(text).is_err(), "{text}");
        }
        for text in ["s/a/b", "k", "s/[/]/x/w f/", "r /etc/shadow", "p x"] {
            assert!(look(text).is_err(), "{text}");
        }
    }
}
