//! The description's links: which values of an answer a later request takes (`OpenAPI` 3.1,
//! 4.8.20).

use serde_json::{Map, Value};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// A field or parameter, and where its value is in the answer; or the value itself.
type NamedValue = (&'static str, &'static str);

/// A link from one operation's answer to another operation.
struct LinkFrom {
    operation: &'static str,
    status: &'static str,
    to: &'static str,
    parameters: &'static [NamedValue],
    body: &'static [NamedValue],
}

const USER_ID: &str = "$response.body#/userId";
const OF_USER: &[NamedValue] = &[("userId", USER_ID)];

const RECOVERY: &[NamedValue] =
    &[("code", "$response.body#/recoveryCodes/0"), ("channel", "recovery")];

const LINKS: &[LinkFrom] = &[
    enrolled("status", &[], &[("statusToken", "$response.body#/enrollment/statusToken")]),
    enrolled("approval", &[], OF_USER),
    enrolled("intent", &[], OF_USER),
    enrolled("userById", OF_USER, &[]),
    enrolled("userByName", &[("username", "$response.body#/username")], &[]),
    enrolled("deleteUser", OF_USER, &[]),
    enrolled("verification", OF_USER, RECOVERY),
    LinkFrom {
        operation: "approval",
        status: "201",
        to: "status",
        parameters: &[],
        body: &[("statusToken", "$response.body#/statusToken")],
    },
    LinkFrom {
        operation: "status",
        status: "200",
        to: "introspect",
        parameters: &[],
        body: &[("token", "$response.body#/token")],
    },
    code_issued("validateOTP"),
    code_issued("otpTokenAuth"),
];

const fn enrolled(
    to: &'static str,
    parameters: &'static [NamedValue],
    body: &'static [NamedValue],
) -> LinkFrom {
    LinkFrom { operation: "enroll", status: "201", to, parameters, body }
}

const fn code_issued(to: &'static str) -> LinkFrom {
    let body = &[("otp", "$response.body#/otp")];
    LinkFrom { operation: "getOTP", status: "200", to, parameters: &[], body }
}

/// Adds the links to the answers where they start.
pub(super) fn add(document: &mut OpenApi) {
    for from in LINKS {
        let operations = document.paths.paths.values_mut().flat_map(operations);
        for operation in operations {
            if operation.operation_id.as_deref() != Some(from.operation) {
                continue;
            }
            let answer = operation.responses.responses.get_mut(from.status);
            if let Some(RefOr::T(answer)) = answer {
                answer.links.insert(from.to.to_owned(), RefOr::T(link(from)));
            }
        }
    }
}

/// The operations at a path, for every method that the APIs use.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().filter_map(Option::as_mut)
}

fn link(from: &LinkFrom) -> Link {
    let mut link = LinkBuilder::new().operation_id(from.to);
    for (name, value) in from.parameters {
        link = link.parameter(*name, *value);
    }
    if !from.body.is_empty() {
        let body: Map<String, Value> =
            from.body.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        link = link.request_body(Some(Value::Object(body)));
    }
    link.build()
}
