//! The events and fields of the audit trail, and their names in the Elastic Common Schema (ECS,
//! version 8.11). The documentation's tables are these lists.

/// The names of the events: their `message`, when they are written.
pub const EVENTS: &[(&str, &str)] = &[
    (
        "decision",
        "A request was decided: a code given out or refused, a login accepted or refused, or a step of the authentication cloud.",
    ),
    (
        "administration",
        "A step of an administrator's command: before it acts (`attempted`), and afterwards (`done`, `failed`).",
    ),
    (
        "refusals without events of their own",
        "Once a minute at most: how many refused requests without a credential were too many for an event each.",
    ),
    ("events were lost", "The first event after some could not be written: how many were lost."),
];

/// A field of the audit trail.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name with `audit.format = "json"`.
    pub name: &'static str,
    /// Its name in ECS, or in the `dialpass` namespace where ECS has none.
    pub ecs: &'static str,
    /// What it holds.
    pub meaning: &'static str,
}

const fn field(name: &'static str, ecs: &'static str, meaning: &'static str) -> Field {
    Field { name, ecs, meaning }
}

/// All fields.
pub const FIELDS: &[Field] = &[
    field("timestamp", "@timestamp", "When it was written (RFC 3339, UTC)."),
    field("level", "log.level", "Always `INFO`."),
    field("target", "event.dataset", "Always `audit`; in ECS `dialpass.audit`."),
    field("message", "message", "The event's name."),
    field(
        "request_id",
        "http.request.id",
        "The request, as in the response's `X-Request-Id`; all events of one command share one.",
    ),
    field("operation", "event.action", "The operation or the command: `getOTP`, `codes revoke`."),
    field(
        "outcome",
        "event.outcome",
        "`allowed`, `refused`; `attempted`, `done`, `failed`. In ECS `success`, `failure` or `unknown`, and the word itself in `dialpass.outcome`.",
    ),
    field("reason", "event.reason", "The true [reason](reasons.md)."),
    field("status", "http.response.status_code", "The response's HTTP status."),
    field("tenant", "organization.id", "The tenant, once the client is known."),
    field("client", "dialpass.client", "The client's name in the configuration."),
    field("voice", "dialpass.voice", "The voice platform's endpoint, or the FastAGI script."),
    field("number", "dialpass.number", "The caller's number, masked."),
    field(
        "user_id",
        "user.id",
        "The user's stable id; in an `administration` event `user.target.id`.",
    ),
    field(
        "username",
        "user.name",
        "The user's name in the directory, never the typed one; in an `administration` event `user.target.name`.",
    ),
    field(
        "transaction_id",
        "dialpass.transaction_id",
        "The transaction that a registered user confirms.",
    ),
    field(
        "authenticator_id",
        "dialpass.authenticator_id",
        "The phone that confirmed, or was renamed or deleted.",
    ),
    field(
        "callid",
        "dialpass.callid",
        "The phone system's id of the call; what may be a number in it is masked.",
    ),
    field(
        "clientip",
        "client.address",
        "The address that the login comes from, according to the login service.",
    ),
    field("peer", "source.ip", "The address that the request came from, or most of the refusals."),
    field(
        "certificate_san",
        "tls.client.x509.alternative_names",
        "The names in a certificate that no client lists.",
    ),
    field("certificate_sha256", "tls.client.hash.sha256", "The SHA-256 of that certificate."),
    field("took_ms", "event.duration", "How long the decision took, in ms; in ECS in ns."),
    field("count", "dialpass.count", "How many refusals, or lost events."),
    field(
        "reasons",
        "dialpass.reasons",
        "How many refusals by reason: `no_credential=812 flood=3`.",
    ),
    field(
        "addresses",
        "dialpass.addresses",
        "From how many addresses; at most 1,000 are distinguished.",
    ),
    field("from_peer", "dialpass.from_peer", "How many of the refusals came from `peer`."),
    field("seconds", "dialpass.seconds", "The period of the refusals, in s."),
    field("access_key_id", "dialpass.access_key_id", "The access key's id."),
    field("access_key_name", "dialpass.access_key_name", "A new access key's name."),
    field("os_user", "user.name", "The operating system's user who ran the command."),
    field("os_uid", "user.id", "That user's id."),
    field(
        "login_uid",
        "dialpass.login_uid",
        "The id of the user who logged in, which su and sudo do not change.",
    ),
    field("sudo_user", "dialpass.sudo_user", "The user who ran sudo."),
];

/// The fields that every ECS event has beside those of [`FIELDS`].
pub const ECS_ALWAYS: &[(&str, &str)] = &[
    ("ecs.version", "`8.11.0`"),
    ("event.module", "`dialpass`"),
    ("event.kind", "`event`; `pipeline_error` for lost events"),
    (
        "event.category",
        "`authentication`; `iam` for an `administration` event; none for lost events",
    ),
    (
        "event.type",
        "`start` for an accepted login, `admin` for an `administration` event, else `info`",
    ),
];
