//! What a search's result code means: one judgement for calls and logins, for readiness, and for
//! the reports of `lookup` and `check-directory`.

use super::settings::LdapSettings;
use crate::breaker::DownReason;

/// The client's own code for a filter that cannot be sent (filterError).
const FILTER_ERROR: u32 = 87;

/// What a search looks for, and so what must be indexed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One entry, by its DN.
    Entry,
    /// People by a number, as for a call.
    Number,
    /// People by a name, as for a login.
    Name,
    /// Entries with any of these attributes, or a value of one; all people if the list is empty.
    Having(&'static [&'static str]),
}

impl Kind {
    pub(super) fn attributes(self, settings: &LdapSettings) -> Vec<&str> {
        match self {
            Self::Entry => Vec::new(),
            Self::Number => settings.phone_attributes.iter().map(String::as_str).collect(),
            Self::Name => vec![&settings.username_attribute],
            Self::Having(attributes) => attributes.to_vec(),
        }
    }
}

/// The meaning of a search's result code.
#[derive(Debug)]
pub(super) enum Judgement {
    /// All matching entries were sent.
    Complete,
    /// There are more entries than requested.
    More,
    /// The server cannot serve any search there.
    Refused(DownReason),
    /// The server refused this search. A probe finds out whether it refuses others like it: a
    /// user's input must not make a server look down.
    Rejected(Rejection),
}

/// A search that the server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejection {
    /// The result code.
    pub code: u32,
    /// What the code means and what to do about it, for an operator.
    pub reason: String,
}

impl Rejection {
    /// A search that could not be sent.
    pub(super) fn unsendable() -> Self {
        let reason = "the filter cannot be sent; check user_filter".to_owned();
        Self { code: FILTER_ERROR, reason }
    }
}

/// Judges the result code (RFC 4511 appendix A) of a search below `base` that returned `found`
/// entries.
pub(super) fn judge(
    code: u32,
    found: usize,
    kind: Kind,
    base: &str,
    settings: &LdapSettings,
) -> Judgement {
    let named = format!("result code {code}{}", name(code));
    let index = || {
        let attributes = kind.attributes(settings).join(", ");
        if attributes.is_empty() { "what user_filter asks for".to_owned() } else { attributes }
    };
    let reason = match code {
        0 => return Judgement::Complete,
        4 if found > 0 => return Judgement::More,
        1 | 51 | 52 | 80 => {
            return Judgement::Refused(DownReason::transient(format!(
                "cannot search now ({named})"
            )));
        }
        10 => {
            return Judgement::Refused(DownReason::persistent(format!(
                "refers to other servers for {base} ({named}); check base_dn"
            )));
        }
        32 => {
            return Judgement::Refused(DownReason::persistent(format!(
                "{base} does not exist there, or the service account may not see it ({named}); \
                 check base_dn and the account's rights"
            )));
        }
        34 => {
            return Judgement::Refused(DownReason::persistent(format!(
                "{base} is not a DN to the server ({named}); check base_dn"
            )));
        }
        7 | 8 | 13 | 48 | 49 | 50 => {
            return Judgement::Refused(DownReason::persistent(format!(
                "the service account may not search {base} ({named}); check its rights"
            )));
        }
        3 => format!(
            "stops searches at its own time limit ({named}): have the server index {}, or give \
             the service account more time there",
            index()
        ),
        4 => format!(
            "finds more entries than the service account may read, and sends none ({named}): raise the \
             account's size limit there"
        ),
        11 => format!(
            "stops searches at a limit of its own ({named}): the server has no index for {}, \
             or the service account's limit is too low; make the index, or raise the limit",
            index()
        ),
        12 | 53 => format!(
            "is not willing to search ({named}): look into the server's log, and check user_filter \
             and what the service account may do"
        ),
        16..=18 | 21 => {
            format!("cannot search by {} ({named}): check user_filter and the attributes", index())
        }
        33 | 36 => format!(
            "cannot follow an alias below {base} ({named}): check base_dn and the aliases there"
        ),
        _ => format!(
            "rejects searches ({named}): check user_filter and the attributes, and look into the \
             server's log"
        ),
    };
    Judgement::Rejected(Rejection { code, reason })
}

/// The code's name in RFC 4511 appendix A, after a comma; empty for codes without one.
fn name(code: u32) -> &'static str {
    match code {
        1 => ", operationsError",
        2 => ", protocolError",
        3 => ", timeLimitExceeded",
        4 => ", sizeLimitExceeded",
        7 => ", authMethodNotSupported",
        8 => ", strongerAuthRequired",
        10 => ", referral",
        11 => ", adminLimitExceeded",
        12 => ", unavailableCriticalExtension",
        13 => ", confidentialityRequired",
        16 => ", noSuchAttribute",
        17 => ", undefinedAttributeType",
        18 => ", inappropriateMatching",
        21 => ", invalidAttributeSyntax",
        32 => ", noSuchObject",
        33 => ", aliasProblem",
        34 => ", invalidDNSyntax",
        36 => ", aliasDereferencingProblem",
        48 => ", inappropriateAuthentication",
        49 => ", invalidCredentials",
        50 => ", insufficientAccessRights",
        51 => ", busy",
        52 => ", unavailable",
        53 => ", unwillingToPerform",
        54 => ", loopDetect",
        80 => ", other",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ldap::settings::tests::settings;

    fn judged(code: u32, found: usize, kind: Kind) -> Judgement {
        judge(code, found, kind, "dc=example", &settings())
    }

    #[test]
    fn nothing_but_success_and_more_entries_than_asked_for_counts_as_an_answer() {
        for code in 0..130 {
            for found in [0, 3] {
                let good = match judged(code, found, Kind::Number) {
                    Judgement::Complete => code == 0,
                    Judgement::More => code == 4 && found > 0,
                    Judgement::Refused(down) => {
                        down.reason.contains(&format!("result code {code}"))
                    }
                    Judgement::Rejected(rejection) => {
                        rejection.code == code
                            && rejection.reason.contains(&format!("result code {code}"))
                    }
                };
                assert!(good, "{code} with {found} entries");
            }
        }
    }

    #[test]
    fn a_limit_of_the_server_is_named_as_a_missing_index_of_what_is_searched() {
        for (kind, attributes) in [
            (Kind::Number, "mobile, telephoneNumber"),
            (Kind::Name, "uid"),
            (Kind::Having(&["member"]), "member"),
        ] {
            let Judgement::Rejected(rejection) = judged(11, 0, kind) else { panic!("{kind:?}") };
            let wanted = format!("no index for {attributes}, or the service account's limit");
            assert!(rejection.reason.contains(&wanted), "{}", rejection.reason);
        }
    }
}
