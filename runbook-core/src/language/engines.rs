//! What the executors of the project add: hosts, containers, requests.

use super::shape::{Names, Shape, TEXTS};
use super::{Key, Place, key};

const ANY_NUMBER: Shape = Shape::Whole(0, u64::MAX);
const TEXT_MAP: Shape = Shape::Map(Names::Any, &Shape::Template);
/// Names, or nothing for all.
const ALL: Shape = Shape::Either(&[TEXTS, Shape::Nothing]);
const COMMAND: Shape = TEXTS;

const SSH: &[Key] = &[
    key(
        "host",
        Shape::Template,
        "The host's name or address, or an alias of your `~/.ssh/config`.",
        "host: app.example.net",
    )
    .required(),
    key("user", Shape::Template, "The user to log in as.", "user: deploy").default("what OpenSSH decides"),
    key("port", Shape::Whole(1, 65_535), "The port of its SSH server.", "port: 2222")
        .default("what OpenSSH decides"),
    key("identity_file", Shape::Template, "The key to log in with.", "identity_file: /home/deploy/.ssh/id_ed25519")
        .default("what OpenSSH decides"),
    key("proxy_jump", Shape::Template, "The hosts to go through.", "proxy_jump: bastion.example.net"),
    key("config", Shape::Template, "A configuration of OpenSSH to read in place of your own.", "config: /etc/runbook/ssh_config"),
    key("connect_timeout", Shape::Duration, "How long the host may take to accept a connection and show its key.", "connect_timeout: 30s")
        .default("`10s`"),
    key("keepalive", Shape::Duration, "After how much silence the host is asked whether it is still there. Three unanswered questions end the connection.", "keepalive: 10s")
        .default("`5s`"),
    key(
        "options",
        TEXT_MAP,
        "Further options of OpenSSH. None that would take host keys on trust or run programs here.",
        "options: {KexAlgorithms: curve25519-sha256}",
    ),
];

const CONTAINER: &[Key] = &[
    key("name", Shape::Template, "The container's name.", "name: organizer-worker").required(),
    key("user", Shape::Template, "As which user commands run in it.", "user: app").default("the image's"),
    key("on", Shape::Template, "The target whose container engine has it.", "on: app").default("`local`"),
];

const SERVICE: &[Key] = &[
    key(
        "compose",
        Shape::Place("service.compose"),
        "The Compose project that the service belongs to.",
        "compose: {project: organizer}",
    )
    .required(),
    key("name", Shape::Template, "The service's name.", "name: api").required(),
    key("user", Shape::Template, "As which user commands run in it.", "user: app").default("the image's"),
    key("on", Shape::Template, "The target whose container engine has it.", "on: app").default("`local`"),
];

const SERVICE_COMPOSE: &[Key] = &[
    key("file", TEXTS, "The Compose file or files.", "file: docker-compose.yml"),
    key("project", Shape::Template, "The project's name.", "project: organizer"),
];

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head"];

const HTTP: &[Key] = &[
    key("get", Shape::Template, "Fetches this URL. Only looks.", "get: \"https://app.example.net/health\""),
    key("post", Shape::Template, "Posts to this URL.", "post: \"https://app.example.net/jobs\""),
    key("put", Shape::Template, "Puts something at this URL.", "put: \"https://app.example.net/flags/a\""),
    key(
        "patch",
        Shape::Template,
        "Changes what is at this URL.",
        "patch: \"https://app.example.net/flags/a\"",
    ),
    key(
        "delete",
        Shape::Template,
        "Deletes what is at this URL. Counts as `destroy`.",
        "delete: \"https://app.example.net/cache\"",
    ),
    key(
        "head",
        Shape::Template,
        "Fetches only the headers of this URL. Only looks.",
        "head: \"https://app.example.net/\"",
    ),
    key(
        "headers",
        TEXT_MAP,
        "Headers of the request. Secrets may stand here.",
        "headers: {Accept: application/json}",
    ),
    key("query", Shape::Any, "Parameters that are added to the URL.", "query: {page: 1}"),
    key(
        "json",
        Shape::Any,
        "The body, as JSON.",
        "json: {enabled: true}\npost: \"https://app.example.net/flags\"",
    ),
    key(
        "form",
        Shape::Any,
        "The body, as the fields of a form.",
        "form: {name: a}\npost: \"https://app.example.net/form\"",
    ),
    key(
        "body",
        Shape::Template,
        "The body, as it is.",
        "body: plain text\npost: \"https://app.example.net/text\"",
    ),
    key(
        "file",
        Shape::Template,
        "The body, as the content of this file of the engine's machine.",
        "file: report.csv\nput: \"https://app.example.net/reports/last\"",
    ),
    key(
        "basic",
        Shape::Place("http.basic"),
        "User and password of the request. The password is a secret.",
        "basic: {user: app, password: \"${{ secrets.password }}\"}",
    ),
    key("bearer", Shape::Template, "The token of the request: a secret.", "bearer: \"${{ secrets.token }}\""),
    key("timeout", Shape::Duration, "How long the whole request may take.", "timeout: 10s")
        .default("the step's `timeout`, else 1m"),
    key("tls", Shape::Place("http.tls"), "Certificates for TLS.", "tls: {ca: ca.pem}")
        .default("the system's authorities are trusted"),
    key(
        "proxy",
        Shape::Template,
        "The proxy to go through. Variables of the environment name none.",
        "proxy: \"http://proxy.example.net:3128\"",
    )
    .default("none"),
    key("follow", Shape::Bool, "Whether redirects are followed, ten at most.", "follow: false")
        .default("`true` for `get` and `head`"),
    key(
        "idempotency_key",
        Shape::Bool,
        "Sends a header `Idempotency-Key` that is the same for every attempt of this step of this run.",
        "idempotency_key: true\npost: \"https://pay.example.net/transfers\"",
    )
    .default("`false`"),
];

const BASIC: &[Key] = &[
    key("user", Shape::Template, "Who the request is from.", "user: app").required(),
    key("password", Shape::Template, "The password: a secret.", "password: \"${{ secrets.password }}\"")
        .required(),
];

const TLS: &[Key] = &[
    key(
        "ca",
        Shape::Template,
        "File with the certificates that are trusted instead of the system's, or these as PEM.",
        "ca: ca.pem",
    ),
    key(
        "cert",
        Shape::Template,
        "File with the certificate of this side, or it as PEM.",
        "cert: client.pem\nkey: client.key",
    ),
    key(
        "key",
        Shape::Template,
        "File with the key of this side, or a secret that holds it as PEM.",
        "cert: client.pem\nkey: client.key",
    ),
    key(
        "insecure_because",
        Shape::Template,
        "Why the server's certificate is not checked. Every plan and every gate shows it.",
        "insecure_because: the appliance has only the certificate of its maker",
    )
    .default("it is checked"),
];

const ANSWER: &[Key] = &[
    key(
        "status",
        Shape::Any,
        "The status: a number, a class such as `2xx`, or a list of these.",
        "status: [200, 404]",
    )
    .default("`2xx`"),
    key(
        "headers",
        Shape::Map(Names::Any, &Shape::Any),
        "What headers are: a text, a list of which one fits, or matchers.",
        "headers: {Content-Type: {contains: json}, X-Debug: {exists: false}}",
    ),
    key(
        "json",
        Shape::Map(Names::Any, &Shape::Any),
        "What stands in the body, by path: a value, a list of which one fits, or matchers.",
        "json: {state: up, queue.length: {max: 100}, hosts.0.name: {matches: '^web'}}",
    ),
    key("body", Shape::Any, "What the body is as a text: a text, or matchers.", "body: {contains: ready}"),
    key("latency", Shape::Any, "How long the answer may take, its body included.", "latency: {max: 500ms}"),
];

const DOCKER: &[Key] = &[
    key("ps", ALL, "Lists containers.", "ps: "),
    key("inspect", TEXTS, "Tells everything about containers.", "inspect: worker"),
    key("stats", ALL, "Tells what containers use.", "stats: worker"),
    key("logs", Shape::Template, "Shows the output of a container.", "logs: worker\ntail: 100"),
    key("start", TEXTS, "Starts containers.", "start: worker"),
    key("stop", TEXTS, "Stops containers.", "stop: [worker, api]"),
    key("restart", TEXTS, "Restarts containers.", "restart: worker"),
    key("kill", TEXTS, "Sends containers a signal.", "kill: worker"),
    key("pull", TEXTS, "Fetches images.", "pull: registry.example.net/app:v2"),
    key("run", Shape::Template, "Runs a container of an image.", "run: registry.example.net/app:v2"),
    key("exec", Shape::Template, "Runs a command in a container.", "exec: worker\ncommand: [date]"),
    key("rm", TEXTS, "Removes containers. Counts as `destroy`.", "rm: worker"),
    key("prune", TEXTS, "Removes what is not used. Counts as `destroy`.", "prune: images"),
    key(
        "image_inspect",
        TEXTS,
        "Tells everything about images.",
        "image_inspect: registry.example.net/app:v2",
    ),
    key("volume_ls", ALL, "Lists volumes.", "volume_ls: "),
    key("volume_inspect", TEXTS, "Tells everything about volumes.", "volume_inspect: data"),
    key("volume_create", Shape::Template, "Makes a volume.", "volume_create: data"),
    key("volume_rm", TEXTS, "Removes volumes with their data. Counts as `destroy`.", "volume_rm: data"),
    key("network_ls", ALL, "Lists networks.", "network_ls: "),
    key("network_inspect", TEXTS, "Tells everything about networks.", "network_inspect: front"),
    key("network_create", Shape::Template, "Makes a network.", "network_create: front"),
    key(
        "network_connect",
        Shape::Template,
        "Connects a container to a network.",
        "network_connect: front\ncontainer: worker",
    ),
    key(
        "network_disconnect",
        Shape::Template,
        "Takes a container out of a network.",
        "network_disconnect: front\ncontainer: worker",
    ),
    key("network_rm", TEXTS, "Removes networks. Counts as `destroy`.", "network_rm: front"),
    key("all", Shape::Bool, "Whether stopped containers are listed too.", "all: true\nps: ").beside(&["ps"]),
    key("filters", TEXT_MAP, "What is listed or removed.", "filters: {status: exited}\nps: ")
        .beside(&["ps", "prune"]),
    key("tail", ANY_NUMBER, "How many lines from the end.", "tail: 100\nlogs: worker").beside(&["logs"]),
    key("since", Shape::Template, "From when on.", "since: 10m\nlogs: worker").beside(&["logs"]),
    key(
        "timestamps",
        Shape::Bool,
        "Whether each line begins with its time.",
        "timestamps: true\nlogs: worker",
    )
    .beside(&["logs"]),
    key(
        "timeout",
        Shape::Duration,
        "How long a container has to end before it is killed.",
        "timeout: 10s\nstop: worker",
    )
    .beside(&["stop", "restart"]),
    key("signal", Shape::Template, "Which signal.", "signal: HUP\nkill: worker").beside(&["kill"]),
    key(
        "command",
        COMMAND,
        "The command: a script, or a program with its arguments.",
        "command: [date]\nexec: worker",
    )
    .beside(&["run", "exec"]),
    key(
        "env",
        TEXT_MAP,
        "Environment variables of the command.",
        "env: {LANG: C}\nrun: registry.example.net/app:v2",
    )
    .beside(&["run", "exec"]),
    key(
        "name",
        Shape::Template,
        "What the new container is called.",
        "name: job\nrun: registry.example.net/app:v2",
    )
    .beside(&["run"]),
    key(
        "network",
        Shape::Template,
        "The network of the new container.",
        "network: front\nrun: registry.example.net/app:v2",
    )
    .beside(&["run"]),
    key(
        "volumes",
        Shape::Either(&[TEXTS, Shape::Bool]),
        "For `run` what is mounted, `source:path`; for `rm` whether the container's volumes go too.",
        "volumes: [\"data:/data\"]\nrun: registry.example.net/app:v2",
    )
    .beside(&["run", "rm"]),
    key(
        "volumes_from",
        TEXTS,
        "Containers whose volumes are mounted too.",
        "volumes_from: [worker]\nrun: registry.example.net/app:v2",
    )
    .beside(&["run"]),
    key(
        "ports",
        TEXTS,
        "Which ports are published, `host:container`.",
        "ports: [\"8080:80\"]\nrun: registry.example.net/app:v2",
    )
    .beside(&["run"]),
    key(
        "user",
        Shape::Template,
        "As which user the command runs.",
        "user: app\nrun: registry.example.net/app:v2",
    )
    .beside(&["run", "exec"]),
    key(
        "detach",
        Shape::Bool,
        "Whether the container goes on by itself.",
        "detach: true\nrun: registry.example.net/app:v2",
    )
    .beside(&["run"]),
    key(
        "remove",
        Shape::Bool,
        "Whether the container is removed when it has ended.",
        "remove: true\nrun: registry.example.net/app:v2",
    )
    .beside(&["run"]),
    key(
        "workdir",
        Shape::Template,
        "The working directory of the command.",
        "workdir: /app\nexec: worker\ncommand: [date]",
    )
    .beside(&["run", "exec"]),
    key(
        "stdin",
        Shape::Template,
        "What the command reads from standard input.",
        "stdin: select 1;\nexec: worker\ncommand: [sqlite3, /data/app.db]",
    )
    .beside(&["exec"]),
    key(
        "wait",
        Shape::Bool,
        "Whether to wait until the containers are running, and healthy when they can say so.",
        "wait: true\nrestart: worker",
    )
    .beside(&["start", "restart", "run"]),
    key("driver", Shape::Template, "Which driver of the engine.", "driver: bridge\nnetwork_create: front")
        .beside(&["volume_create", "network_create"]),
    key("labels", TEXT_MAP, "Labels of the new volume or network.", "labels: {of: app}\nvolume_create: data")
        .beside(&["volume_create", "network_create"]),
    key(
        "internal",
        Shape::Bool,
        "Whether the network leads nowhere else.",
        "internal: true\nnetwork_create: front",
    )
    .beside(&["network_create"]),
    key("force", Shape::Bool, "Whether running containers are removed.", "force: true\nrm: worker")
        .beside(&["rm"]),
    key("container", Shape::Template, "Which container.", "container: worker\nnetwork_connect: front")
        .beside(&["network_connect", "network_disconnect"]),
];

const DOCKER_OPERATIONS: &[&str] = &[
    "ps",
    "inspect",
    "stats",
    "logs",
    "start",
    "stop",
    "restart",
    "kill",
    "pull",
    "run",
    "exec",
    "rm",
    "prune",
    "image_inspect",
    "volume_ls",
    "volume_inspect",
    "volume_create",
    "volume_rm",
    "network_ls",
    "network_inspect",
    "network_create",
    "network_connect",
    "network_disconnect",
    "network_rm",
];

const COMPOSE: &[Key] = &[
    key("file", TEXTS, "The Compose file or files.", "file: docker-compose.yml")
        .default("what Compose finds"),
    key("project", Shape::Template, "The project's name.", "project: organizer")
        .default("what Compose decides"),
    key(
        "services",
        TEXTS,
        "The services that the command is about, besides those under its own key.",
        "services: [api]",
    )
    .default("all"),
    key(
        "env_file",
        Shape::Template,
        "File with environment variables for the Compose file.",
        "env_file: .env.production",
    ),
    key("profiles", TEXTS, "Profiles that are switched on.", "profiles: [workers]"),
    key("ps", ALL, "Lists the containers of services.", "ps: "),
    key("logs", ALL, "Shows the output of services.", "logs: api"),
    key("config", ALL, "Shows the project as Compose understands it.", "config: "),
    key("up", ALL, "Starts services, and makes again what has changed.", "up: "),
    key("start", ALL, "Starts services that are stopped.", "start: api"),
    key("restart", ALL, "Restarts services.", "restart: api"),
    key("stop", ALL, "Stops services.", "stop: api"),
    key(
        "build",
        Shape::Either(&[ALL, Shape::Bool]),
        "Builds the images of services; beside `up`, whether they are built first.",
        "build: api",
    ),
    key("pull", ALL, "Fetches the images of services.", "pull: "),
    key(
        "exec",
        Shape::Template,
        "Runs a command in the container of a service.",
        "exec: api\ncommand: [date]",
    ),
    key("down", ALL, "Stops and removes containers and networks. Counts as `destroy`.", "down: "),
    key("all", Shape::Bool, "Whether stopped containers are listed too.", "all: true\nps: ").beside(&["ps"]),
    key("tail", ANY_NUMBER, "How many lines from the end.", "tail: 100\nlogs: api").beside(&["logs"]),
    key("since", Shape::Template, "From when on.", "since: 10m\nlogs: api").beside(&["logs"]),
    key(
        "force_recreate",
        Shape::Bool,
        "Whether containers are made again though nothing has changed.",
        "force_recreate: true\nup: ",
    )
    .beside(&["up"]),
    key(
        "remove_orphans",
        Shape::Bool,
        "Whether containers of services that are gone are removed.",
        "remove_orphans: true\nup: ",
    )
    .beside(&["up", "down"]),
    key("wait", Shape::Bool, "Whether to wait until services are running and healthy.", "wait: true\nup: ")
        .beside(&["up", "start", "restart"]),
    key(
        "stdin",
        Shape::Template,
        "What the command reads from standard input.",
        "stdin: select 1;\nexec: api\ncommand: [sqlite3, /data/app.db]",
    )
    .beside(&["exec"]),
    key(
        "timeout",
        Shape::Duration,
        "How long a container has to end before it is killed.",
        "timeout: 10s\nstop: api",
    )
    .beside(&["stop", "restart", "down"]),
    key("no_cache", Shape::Bool, "Whether images are built without the cache.", "no_cache: true\nbuild: api")
        .beside(&["build"]),
    key(
        "command",
        COMMAND,
        "The command: a script, or a program with its arguments.",
        "command: [date]\nexec: api",
    )
    .beside(&["exec"]),
    key("user", Shape::Template, "As which user the command runs.", "user: app\nexec: api\ncommand: [date]")
        .beside(&["exec"]),
    key(
        "workdir",
        Shape::Template,
        "The working directory of the command.",
        "workdir: /app\nexec: api\ncommand: [date]",
    )
    .beside(&["exec"]),
    key(
        "env",
        TEXT_MAP,
        "Environment variables of the command.",
        "env: {LANG: C}\nexec: api\ncommand: [date]",
    )
    .beside(&["exec"]),
    key("volumes", Shape::Bool, "Whether volumes are removed with their data.", "volumes: true\ndown: ")
        .beside(&["down"]),
];

const COMPOSE_OPERATIONS: &[&str] =
    &["ps", "logs", "config", "up", "start", "restart", "stop", "build", "pull", "exec", "down"];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new("ssh", "`ssh`", "A host over SSH.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ntargets:\n  app:\n    ssh:\n      @@\nsteps: [{run: [\"true\"], effect: read}]\n", SSH)
        .fill(&[("host", "host: app.example.net")]),
    Place::new("container", "`container`", "A container as a target: commands run in it.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ntargets:\n  app: {local: {}}\n  worker:\n    container:\n      @@\nsteps: [{run: [\"true\"], effect: read}]\n", CONTAINER)
        .late()
        .fill(&[("name", "name: worker")]),
    Place::new("service", "`service`", "A Compose service as a target: commands run in its container.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ntargets:\n  app: {local: {}}\n  api:\n    service:\n      @@\nsteps: [{run: [\"true\"], effect: read}]\n", SERVICE)
        .late()
        .fill(&[("compose", "compose: {project: organizer}"), ("name", "name: api")]),
    Place::new("service.compose", "`compose`", "Which Compose project.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ntargets:\n  api:\n    service:\n      name: api\n      compose:\n        @@\nsteps: [{run: [\"true\"], effect: read}]\n", SERVICE_COMPOSE)
        .late(),
    Place::new("http", "`http`", "A request: one method with its URL, and what goes with it.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsecrets: {token: {env: APP_TOKEN}, password: {env: APP_PASSWORD}}\nsteps:\n  - http:\n      @@\n", HTTP)
        .late()
        .one_of(METHODS)
        .fill(&[("get", "get: \"https://app.example.net/\"")]),
    Place::new("http.basic", "`basic`", "User and password of a request.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsecrets: {password: {env: APP_PASSWORD}}\nsteps:\n  - http:\n      get: \"https://app.example.net/\"\n      basic:\n        @@\n", BASIC)
        .late()
        .fill(&[("user", "user: app"), ("password", "password: \"${{ secrets.password }}\"")]),
    Place::new("http.tls", "`tls`", "Certificates for TLS.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - http:\n      get: \"https://app.example.net/\"\n      tls:\n        @@\n", TLS)
        .late(),
    Place::new("http.expect", "`expect` of `http`", "What an answer must be. Matchers of values are `equals`, `contains`, `matches`, `not_matches`, `empty`, `exists`, `min` and `max`.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - http: {get: \"https://app.example.net/\"}\n    expect:\n      @@\n", ANSWER)
        .late(),
    Place::new("docker", "`docker`", "One operation of the container engine: its key holds what it is about.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - docker:\n      @@\n", DOCKER)
        .late()
        .one_of(DOCKER_OPERATIONS),
    Place::new("compose", "`compose`", "One command of Docker Compose: its key holds the services that it is about, or nothing for all.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - compose:\n      @@\n", COMPOSE)
        .late()
        .any_of(COMPOSE_OPERATIONS)
        .fill(&[("up", "up: ")]),
];
