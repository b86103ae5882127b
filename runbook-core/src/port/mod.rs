//! The engine's ports: what executors, approvers, reporters and stores plug into.

mod clock;
mod connector;
mod executor;
mod files;
mod forward;
mod people;
mod secrets;
mod stand_in;
mod store;

pub use clock::{Clock, SystemClock};
pub use connector::{
    ConnectError, Connection, Connector, ExecCommand, ExecEnd, ExecJob, ExecReport, FileFacts, OutputSink,
    Recovered, Stream,
};
pub use executor::{ActionContext, Connections, Executor};
pub use files::{FileLook, TargetFiles};
pub use forward::{Forward, ForwardTo};
pub use people::{Approver, Ask, Notice, Reply, Reporter};
pub use secrets::{SecretRequest, Secrets};
pub use stand_in::{Asked, Attempted, CheckAnswer, StandIn};
pub use store::{
    Durability, EngineClaim, LockState, PendingAnswer, RunRecord, RunSummary, Store, StoreError,
};
