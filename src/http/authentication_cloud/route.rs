//! Maps a method and a path to an operation.

use actix_web::http::Method;

/// The prefix of every path of the API except `/ping`.
pub const BASE: &str = "/api/v1";

/// The path of the page on a phone, and the prefix of its requests.
const PHONE: &str = "/open";

/// An operation, with the variable parts of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'p> {
    Ping,
    Enroll,
    Approval,
    Verification(&'p str),
    Status,
    Introspect,
    Intent,
    Users,
    User(&'p str),
    DeleteUser(&'p str),
    RenameAuthenticator(&'p str),
    DeleteAuthenticator(&'p str),
    DeletePhone(&'p str),
    Phone(PhoneRoute),
}

/// A request of a phone's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PhoneRoute {
    Transaction,
    Confirm,
    Decline,
    Notifications,
    State,
}

/// There is no such operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The methods of this path, for `Allow` (RFC 9110 10.2.1).
    pub allow: String,
}

impl<'p> Route<'p> {
    /// The operation of `method` at `path`, with or without a trailing slash.
    pub(super) fn find(method: &Method, path: &'p str) -> Result<Self, Wrong> {
        let there = operations(path);
        let found = there.iter().find(|(known, _)| known == method);
        found.map(|(_, route)| *route).ok_or_else(|| Wrong {
            allow: there.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The operation's name in the audit trail and the metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Enroll => "enroll",
            Self::Approval => "approval",
            Self::Verification(_) => "verification",
            Self::Status => "status",
            Self::Introspect => "introspect",
            Self::Intent => "intent",
            Self::Users | Self::User(_) => "getUser",
            Self::DeleteUser(_) => "deleteUser",
            Self::RenameAuthenticator(_) => "renameAuthenticator",
            Self::DeleteAuthenticator(_) => "deleteAuthenticator",
            Self::DeletePhone(_) => "deletePhone",
            Self::Phone(PhoneRoute::Transaction) => "phoneLook",
            Self::Phone(PhoneRoute::Confirm) => "phoneConfirm",
            Self::Phone(PhoneRoute::Decline) => "phoneDecline",
            Self::Phone(PhoneRoute::Notifications) => "phoneNotifications",
            Self::Phone(PhoneRoute::State) => "phoneState",
        }
    }
}

/// The operations at a path.
fn operations(path: &str) -> Vec<(Method, Route<'_>)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path == "/ping" {
        return vec![(Method::GET, Route::Ping)];
    }
    if let Some(page) = path.strip_prefix(PHONE).and_then(|path| path.strip_prefix('/')) {
        let asked = match page {
            "transaction" => PhoneRoute::Transaction,
            "confirm" => PhoneRoute::Confirm,
            "decline" => PhoneRoute::Decline,
            "notifications" => PhoneRoute::Notifications,
            "phone-state" => PhoneRoute::State,
            _ => return Vec::new(),
        };
        return vec![(Method::POST, Route::Phone(asked))];
    }
    let Some(path) = path.strip_prefix(BASE).and_then(|path| path.strip_prefix('/')) else {
        return Vec::new();
    };
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        ["users", "enroll"] => vec![(Method::POST, Route::Enroll)],
        ["users"] => vec![(Method::GET, Route::Users)],
        ["users", id] => {
            vec![(Method::GET, Route::User(id)), (Method::DELETE, Route::DeleteUser(id))]
        }
        ["users", id, "verification"] => vec![(Method::POST, Route::Verification(id))],
        ["authenticators", id] => vec![
            (Method::PATCH, Route::RenameAuthenticator(id)),
            (Method::DELETE, Route::DeleteAuthenticator(id)),
        ],
        ["phones", id] => vec![(Method::DELETE, Route::DeletePhone(id))],
        ["approval"] => vec![(Method::POST, Route::Approval)],
        ["status"] => vec![(Method::POST, Route::Status)],
        ["introspect"] => vec![(Method::POST, Route::Introspect)],
        ["intent"] => vec![(Method::POST, Route::Intent)],
        _ => Vec::new(),
    }
}

/// Whether pages of other origins may call this path: frontends poll and use intent tokens.
pub(super) fn is_open_to_frontends(path: &str) -> bool {
    let open = |route: &Route<'_>| matches!(route, Route::Enroll | Route::Approval | Route::Status);
    operations(path).iter().any(|(_, route)| open(route))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_with_and_without_a_slash() {
        for path in ["/api/v1/users/enroll", "/api/v1/users/enroll/"] {
            assert_eq!(Route::find(&Method::POST, path), Ok(Route::Enroll));
        }
        assert_eq!(Route::find(&Method::GET, "/api/v1/users/"), Ok(Route::Users));
        assert_eq!(Route::find(&Method::GET, "/api/v1/users/7e"), Ok(Route::User("7e")));
        assert_eq!(Route::find(&Method::GET, "/ping/"), Ok(Route::Ping));
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let allow = |method: Method, path| Route::find(&method, path).map_err(|wrong| wrong.allow);
        assert_eq!(allow(Method::PUT, "/api/v1/users/7e"), Err("GET, DELETE".to_owned()));
        assert_eq!(allow(Method::GET, "/api/v1/status"), Err("POST".to_owned()));
        for nothing in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/users//verification/x"] {
            assert_eq!(allow(Method::GET, nothing), Err(String::new()), "{nothing}");
        }
    }

    #[test]
    fn frontends_ask_at_three_paths() {
        for open in ["/api/v1/status", "/api/v1/users/enroll/", "/api/v1/approval"] {
            assert!(is_open_to_frontends(open), "{open}");
        }
        for closed in ["/api/v1/users", "/api/v1/intent", "/api/v1/introspect", "/ping"] {
            assert!(!is_open_to_frontends(closed), "{closed}");
        }
    }
}
