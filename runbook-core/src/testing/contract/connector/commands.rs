//! What commands get, and what is known of them.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::{Kept, ensure};
use super::bench::{Bench, PATIENCE, Shown, exited, printed};
use crate::model::Shell;
use crate::port::{ExecCommand, ExecEnd, Stream};
use crate::run::Captured;

pub(super) async fn exit_codes_are_the_commands_own(bench: &Bench) -> Kept {
    // 126, 127 and 255 are also what shells and transports use for themselves.
    for code in [0, 1, 2, 126, 127, 255] {
        for job in bench.both(bench.script(&format!("exit {code}"))) {
            exited(&bench.run(&job).await?, code)?;
        }
        let text = format!("exit {code}");
        exited(&bench.run(&bench.argv(&["sh", "-c", &text])).await?, code)?;
    }
    Ok(())
}

pub(super) async fn a_program_that_is_missing_is_127(bench: &Bench) -> Kept {
    for job in bench.both(bench.argv(&["no-such-program-anywhere"])) {
        let report = bench.run(&job).await?;
        exited(&report, 127)?;
        ensure(!report.stderr.is_empty(), || "nothing on standard error says so".to_owned())?;
        ensure(report.stdout.is_empty(), || "its message is on standard output".to_owned())?;
    }
    Ok(())
}

pub(super) async fn death_by_a_signal_is_128_and_the_signal(bench: &Bench) -> Kept {
    for (signal, code) in [("TERM", 143), ("KILL", 137)] {
        for job in bench.both(bench.script(&format!("kill -{signal} $$\nsleep 100"))) {
            exited(&bench.run(&job).await?, code)?;
        }
    }
    Ok(())
}

pub(super) async fn arguments_arrive_as_they_are(bench: &Bench) -> Kept {
    let hard =
        ["a b", "", "-n", "$(id)", "`id`", "'\"\\", "*", "~", "привет, мир 🌍", "line\nline", "--", "!"];
    let want: String = hard.iter().map(|argument| format!("[{argument}]")).collect();
    for job in bench.both(bench.argv(&[&["printf", "[%s]"][..], &hard].concat())) {
        printed(&bench.run(&job).await?, &want)?;
    }
    Ok(())
}

pub(super) async fn outputs_are_apart(bench: &Bench) -> Kept {
    for job in bench.both(bench.script("echo out; echo oops >&2; echo ещё")) {
        let report = bench.run(&job).await?;
        printed(&report, "out\nещё\n")?;
        let found = report.stderr.whole();
        ensure(found == Some("oops\n"), || format!("expected \"oops\\n\" on standard error, got {found:?}"))?;
    }
    Ok(())
}

pub(super) async fn input_is_what_was_given_or_empty(bench: &Bench) -> Kept {
    for mut job in bench.both(bench.script("cat")) {
        printed(&bench.run(&job).await?, "")?;
        let [first, second] = [bench.directory(), bench.directory()];
        (job.token, job.directory) = (format!("contract/{}", first.display()), first);
        job.stdin = Some("одна\n\0две".as_bytes().to_vec());
        printed(&bench.run(&job).await?, "одна\n\0две")?;
        (job.token, job.directory) = (format!("contract/{}", second.display()), second);
        job.stdin = Some(vec![b'x'; 3_000_000]);
        let report = bench.run(&job).await?;
        exited(&report, 0)?;
        ensure(report.stdout.bytes == 3_000_000, || {
            format!("{} of 3000000 bytes arrived", report.stdout.bytes)
        })?;
    }
    // Who does not read its input does not fail because of it.
    let mut job = bench.script("echo done");
    job.stdin = Some(vec![b'x'; 3_000_000]);
    printed(&bench.run(&job).await?, "done\n")
}

pub(super) async fn variables_are_what_was_given(bench: &Bench) -> Kept {
    let values = ["plain", "a b", "$HOME `id` 'x' \"y\" \\", "две\nстроки", ""];
    for value in values {
        for mut job in bench.both(bench.script("printf '[%s][%s]' \"$RB_A\" \"$RB_B\"")) {
            job.env = vec![("RB_A".to_owned(), value.to_owned()), ("RB_B".to_owned(), "last".to_owned())];
            printed(&bench.run(&job).await?, &format!("[{value}][last]"))?;
        }
    }
    Ok(())
}

pub(super) async fn values_are_in_no_list_of_processes(bench: &Bench) -> Kept {
    // Split, so that the text of the script itself does not count.
    let (value, patterns) = ("k7Qp2vXw9LmZ4tRc", bench.path("patterns"));
    let text = format!(
        "read -r GIVEN; printf '%s\\n%s\\n' \"$RB_SECRET\" \"$GIVEN\" >'{patterns}'\n\
         cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c -F -f '{patterns}' || true\n\
         rm -f '{patterns}'"
    );
    for mut job in bench.both(bench.script(&text)) {
        job.env = vec![("RB_SECRET".to_owned(), format!("{value}-env"))];
        job.stdin = Some(format!("{value}-input\n").into_bytes());
        printed(&bench.run(&job).await?, "0\n")?;
    }
    Ok(())
}

pub(super) async fn the_directory_is_the_jobs_or_it_does_not_start(bench: &Bench) -> Kept {
    let here = bench.path("каталог с пробелом");
    bench.ask(&format!("mkdir -p '{here}'")).await?;
    for mut job in bench.both(bench.script("pwd -P | sed 's|.*/||'")) {
        job.cwd = Some(here.clone());
        let name = here.rsplit('/').next().unwrap_or_default();
        printed(&bench.run(&job).await?, &format!("{name}\n"))?;
    }
    for mut job in bench.both(bench.script("echo ran")) {
        job.cwd = Some(bench.path("absent"));
        let report = bench.run(&job).await?;
        let refused = matches!(&report.end, ExecEnd::NotStarted(why) if !why.is_empty());
        ensure(refused, || format!("a directory that is not there: {:?}", report.end))?;
        ensure(report.stdout.is_empty(), || "it ran somewhere else".to_owned())?;
    }
    Ok(())
}

pub(super) async fn scripts_fail_fast(bench: &Bench) -> Kept {
    for job in bench.both(bench.script("echo before; false; echo after")) {
        let report = bench.run(&job).await?;
        exited(&report, 1)?;
        let found = report.stdout.whole();
        ensure(found == Some("before\n"), || format!("it went on after a failure: {found:?}"))?;
    }
    let report = bench.run(&bench.script("echo \"[$RB_NO_SUCH_VARIABLE]\"")).await?;
    ensure(report.end != ExecEnd::Exited(0), || "a variable that is not set was empty".to_owned())?;
    if bench.ask("command -v bash || true").await?.is_empty() {
        return Ok(());
    }
    let mut job = bench.script("");
    job.command = ExecCommand::Script { shell: Shell::Bash, text: "false | true\necho after".to_owned() };
    let report = bench.run(&job).await?;
    exited(&report, 1)
}

pub(super) async fn bytes_that_are_not_text_are_counted_and_shown_as_such(bench: &Bench) -> Kept {
    for job in bench.both(bench.argv(&["printf", r"\377\376ok\000\320"])) {
        let report = bench.run(&job).await?;
        exited(&report, 0)?;
        let Captured { head, bytes, .. } = &report.stdout;
        ensure(head == "\u{fffd}\u{fffd}ok\0\u{fffd}" && *bytes == 6, || {
            format!("six bytes became {bytes}: {head:?}")
        })?;
    }
    Ok(())
}

pub(super) async fn large_output_is_whole_in_a_file(bench: &Bench) -> Kept {
    const BYTES: usize = 20_000_000;
    for job in bench.both(bench.script(&format!("head -c {BYTES} /dev/zero | tr '\\0' x; echo small >&2"))) {
        let report = bench.run(&job).await?;
        exited(&report, 0)?;
        let Captured { head, tail, bytes, sha256, file } = &report.stdout;
        ensure(*bytes == BYTES as u64, || format!("{bytes} of {BYTES} bytes are known"))?;
        ensure(head.len() <= Captured::WHOLE && tail.is_some(), || "all of it is in the report".to_owned())?;
        let whole = vec![b'x'; BYTES];
        let digest = Sha256::digest(&whole).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        ensure(sha256.as_ref() == Some(&digest), || format!("the SHA-256 is {sha256:?}"))?;
        let Some(file) = file else { return Err("no file is named that has all of it".to_owned()) };
        let kept = tokio::fs::read(job.directory.join(file)).await.map_err(|e| format!("{file}: {e}"))?;
        ensure(kept == whole, || format!("the file `{file}` has {} bytes", kept.len()))?;
        ensure(report.stderr.whole() == Some("small\n"), || "standard error was lost".to_owned())?;
    }
    Ok(())
}

pub(super) async fn output_is_shown_while_it_is_written(bench: &Bench) -> Kept {
    let connection = bench.connect().await?;
    for durable in [false, true] {
        let go = bench.path("go");
        let text = format!("echo early; while [ ! -e '{go}' ]; do sleep 0.05; done; echo late >&2");
        let mut job = bench.script(&text);
        job.durable = durable;
        let (sender, mut shown) = mpsc::unbounded_channel();
        let running = connection.exec(&job, Arc::new(Shown(sender)), CancellationToken::new());
        let answering = async {
            let first = tokio::time::timeout(PATIENCE, shown.recv()).await.ok().flatten();
            bench.ask(&format!(": >'{go}'")).await?;
            ensure(first == Some((Stream::Stdout, b"early\n".to_vec())), || format!("shown first: {first:?}"))
        };
        let (report, answered) = tokio::join!(running, answering);
        answered?;
        printed(&report, "early\n")?;
        let last = shown.recv().await;
        ensure(last == Some((Stream::Stderr, b"late\n".to_vec())), || format!("shown last: {last:?}"))?;
    }
    connection.close().await;
    Ok(())
}

pub(super) async fn many_at_once_are_told_apart(bench: &Bench) -> Kept {
    let connection = bench.connect().await?;
    let mut running = tokio::task::JoinSet::new();
    for number in 0..24 {
        let mut job = bench.script(&format!("echo {number}; echo e{number} >&2; exit {number}"));
        job.durable = number % 2 == 0;
        let connection = Arc::clone(&connection);
        running.spawn(async move {
            (number, connection.exec(&job, Arc::new(()), CancellationToken::new()).await)
        });
    }
    while let Some(done) = running.join_next().await {
        let (number, report) = done.map_err(|error| error.to_string())?;
        exited(&report, number)?;
        let found = (report.stdout.whole(), report.stderr.whole());
        let wanted = (format!("{number}\n"), format!("e{number}\n"));
        ensure(found == (Some(&wanted.0), Some(&wanted.1)), || format!("job {number} wrote {found:?}"))?;
    }
    connection.close().await;
    Ok(())
}
