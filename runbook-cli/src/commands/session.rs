//! An engine for one command: who is asked, who is told, what happens on Ctrl-C, what is said at the end.

use std::sync::Arc;

use runbook_core::drive::{Engine, EngineBuilder, EngineError, Run, RunEnd};
use runbook_core::model::Metadata;
use runbook_core::port::Store;
use runbook_core::store::SqliteStore;

use crate::args::{Color, Session};
use crate::exit::Exit;
use crate::fault::{self, Fault};
use crate::identity::Identity;
use crate::people::console::{Console, Terminal};
use crate::people::flags::Flags;
use crate::people::{Desk, Given};
use crate::policies::Outside;
use crate::render::json::Json;
use crate::render::live::Live;
use crate::render::plain::Plain;
use crate::render::screen::Screen;
use crate::render::style::Paint;
use crate::render::summary;
use crate::signals::Signals;
use crate::state_dir::StateDir;
use crate::text::safe_line;
use crate::{identity, output};

/// What a command that carries out a run works with.
pub(crate) struct Stage {
    state: StateDir,
    screen: Screen,
    paint: Paint,
    json: Option<Arc<Json>>,
    user: String,
    pub(crate) engine: Engine,
}

impl Stage {
    /// An engine on `store`, with everything `session` asks for; `given` are values of sensitive inputs.
    pub(crate) fn new(
        session: &Session,
        state: StateDir,
        store: Arc<SqliteStore>,
        given: Given,
        policies: &Outside,
        color: Color,
    ) -> Result<Self, Fault> {
        let screen = Screen::stderr();
        let paint = Paint::for_stderr(color);
        let who = Identity::of_process();
        let user = who.user.clone();
        let console = (!session.non_interactive).then(|| Terminal::find(&screen, paint)).flatten();
        let console = console.map(|terminal| Arc::new(terminal) as Arc<dyn Console>);
        let desk = Arc::new(Desk::new(Flags::of(session), console, who, given));
        let mut builder = policies.enforce(builder(store, &user)).approver(desk.clone()).secrets(desk);
        if let Some(jobs) = session.jobs {
            builder = builder.jobs(jobs.into());
        }
        let json = session.json.then(|| Arc::new(Json::new(output::data)));
        builder = match &json {
            Some(json) => builder.reporter(json.clone()),
            None if Screen::can_redraw() => builder.reporter(Arc::new(Live::new(screen.clone(), paint))),
            None => builder.reporter(Arc::new(Plain::new(screen.clone(), paint))),
        };
        Ok(Stage { state, screen, paint, json, user, engine: builder.build()? })
    }

    /// Stays with `run` until the engine leaves it, and says how it ended.
    pub(crate) async fn see_through(
        self,
        book: &Metadata,
        run: Result<Run, EngineError>,
    ) -> Result<Exit, Fault> {
        let mut signals =
            Signals::listen().map_err(|error| fault::io("cannot listen for signals", &error))?;
        let run = run?;
        let id = run.id().clone();
        if let Some(json) = &self.json {
            json.begin(&id);
        } else {
            let title =
                book.title.as_deref().map_or_else(String::new, |title| format!(" · {}", safe_line(title)));
            let name = self.paint.strong(&safe_line(&book.name));
            self.screen.write(&format!(
                "{name}{title} {}
",
                self.paint.dim(&format!("· run {id}"))
            ));
        }
        let interrupt = run.interrupter();
        let mut end = std::pin::pin!(run.wait());
        let mut asked_to_stop = false;
        let end = loop {
            tokio::select! {
                end = &mut end => break end,
                signal = signals.next() => {
                    if asked_to_stop {
                        self.leave_at_once(id.as_str());
                    }
                    asked_to_stop = true;
                    self.screen.write(&format!(
                        "{}: running steps are stopped, then cleanups run; once more leaves at once\n",
                        self.paint.warn(signal)
                    ));
                    interrupt(&self.user);
                }
            }
        };
        self.screen.close();
        Ok(self.finish(&end?))
    }

    /// The second Ctrl-C: what runs is left in doubt.
    fn leave_at_once(&self, run: &str) -> ! {
        self.screen.close();
        output::talk(&format!(
            "left at once; what was running is in doubt\nnext: {}\n",
            self.state.command(&format!("resume {run}"))
        ));
        std::process::exit(Exit::Interrupted.code().into());
    }

    fn finish(&self, end: &RunEnd) -> Exit {
        let exit = Exit::of_run(end.outcome, &end.machine);
        match &self.json {
            Some(json) => json.end(end.machine.state().run_status(), exit.code()),
            None => output::talk(&summary::render(&end.id, &end.machine, &self.state, self.paint)),
        }
        exit
    }
}

/// An engine with everything this program was built with.
pub(crate) fn builder(store: Arc<SqliteStore>, user: &str) -> EngineBuilder {
    crate::registry::plug_in(Engine::builder().store(store as Arc<dyn Store>).identity(user))
}

/// An engine that keeps nothing, with somebody who can type secrets.
pub(crate) fn rehearsing(
    session: &Session,
    given: Given,
    policies: &Outside,
    color: Color,
) -> Result<Engine, Fault> {
    let (screen, paint, who) = (Screen::stderr(), Paint::for_stderr(color), Identity::of_process());
    let user = who.user.clone();
    let console = (!session.non_interactive).then(|| Terminal::find(&screen, paint)).flatten();
    let console = console.map(|terminal| Arc::new(terminal) as Arc<dyn Console>);
    let desk = Desk::new(Flags::of(session), console, who, given);
    let builder = policies.enforce(Engine::builder()).identity(user).secrets(Arc::new(desk));
    Ok(crate::registry::plug_in(builder).build()?)
}

/// An engine that only looks and writes down.
pub(crate) fn quiet(store: Arc<SqliteStore>) -> Result<Engine, Fault> {
    Ok(builder(store, &identity::user()).build()?)
}
