//! The published examples of the API, as its users copy them: their requests are run as they are,
//! by curl and by Python, with only the host and the scheme changed, and what they leave to fill in
//! filled in.

use std::process::Command;

use serde_json::{Value, json};

use super::*;
use crate::support::soft_phone::SoftPhone;

/// Where the examples ask, as curl's and as Python's have it.
const HOSTS: [(&str, &str); 2] = [
    ("https://$instance.mauth.nevis.cloud", "http://$instance"),
    ("https://{instance}.mauth.nevis.cloud", "http://{instance}"),
];

fn at_home(example: &str) -> String {
    let moved = HOSTS.iter().fold(example.to_owned(), |text, (from, to)| text.replace(from, to));
    assert_ne!(moved, example, "it asks the published host");
    moved
}

/// The status and the body that an example gets.
#[derive(Debug)]
struct Got {
    status: u16,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }
}

/// Runs an example for curl with these variables set.
fn curl(service: &Service, variables: &[(&str, &str)], example: &str) -> Got {
    let home = tempfile::tempdir().unwrap();
    let settings = "silent\nwrite-out = \"\\n%{http_code}\"\nnoproxy = \"*\"\n";
    std::fs::write(home.path().join(".curlrc"), settings).unwrap();
    let output = Command::new("bash")
        .args(["-euc", &at_home(example)])
        .env("CURL_HOME", home.path())
        .env("instance", service.gateway.address().to_string())
        .env("access_key", &service.key.text)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    let (body, status) = said.rsplit_once('\n').expect("a status");
    Got { status: status.parse().expect("a status"), body: body.to_owned() }
}

/// Runs an example for Python, with `requests` of the system.
fn python(service: &Service, example: &str) -> Got {
    let (instance, key) = (service.gateway.address(), &service.key.text);
    let script = format!(
        "import requests, sys\ninstance = '{instance}'\naccess_key = '{key}'\n{}\n\
         sys.stderr.write(f'{{resp.status_code}}\\n{{resp.text}}')",
        at_home(example)
    );
    let output = Command::new("/usr/bin/python3")
        .args(["-c", &script])
        .env("NO_PROXY", "*")
        .output()
        .expect("python3 is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!output.stdout.is_empty(), "each prints what it got");
    let (status, body) = said.split_once('\n').expect("a status");
    Got { status: status.parse().expect("a status"), body: body.to_owned() }
}

const PING: &str = r#"curl "https://$instance.mauth.nevis.cloud/ping" \
  -H "Authorization: Bearer $access_key""#;

const PING_PYTHON: &str = r"resp = requests.get(f'https://{instance}.mauth.nevis.cloud/ping',
                    headers = {'authorization': f'Bearer {access_key}'})
print(resp.text) # => PONG";

const ENROLL_PHONE: &str = r#"curl -X POST https://$instance.mauth.nevis.cloud/api/v1/users/enroll \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $access_key" \
-d "{ \"username\":\"$username\",
\"channel\":\"sms\",
\"message\":\"SMS Registration Test, code: {{CODE}}\",
\"phone\":\"$phone\"
}""#;

const VERIFY_PHONE: &str = r#"curl -v -X POST https://$instance.mauth.nevis.cloud/api/v1/users/$userId/verification \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $access_key" \
-d "{ \"code\":\"$code\",
\"statusToken\":\"$statusToken\" }""#;

const APPROVE: &str = r#"curl -v -X POST https://$instance.mauth.nevis.cloud/api/v1/approval \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $access_key" \
-d "{ \"username\":\"$username\",
\"channel\":\"sms\",
\"message\":\"SMS Transaction Approval Test, code: {{CODE}}\" }""#;

const APPROVE_IN_A_LINE: &str = r#"curl -v -X POST https://$instance.mauth.nevis.cloud/api/v1/approval \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer $access_key" \
  -d "{ \"username\":\"$username\", \"channel\":\"sms\", \"message\":\"SMS Transaction Approval Test, code: {{CODE}}\" }""#;

const VERIFY_IN_A_LINE: &str = r#"curl -v -X POST https://$instance.mauth.nevis.cloud/api/v1/users/$userId/verification \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer $access_key" \
  -d "{ \"code\":\"$code\", \"statusToken\":\"$statusToken\" }""#;

const RECOVER: &str = r#"curl -v https://$instance.mauth.nevis.cloud/api/v1/users/$userId/verification \
    -H "Content-Type: application/json" \
    -H "Authorization: Bearer $access_key" \
    -d "{ \"code\":\"$code\", \"channel\":\"recovery\" }""#;

const STATUS: &str = r#"curl "https://$instance.mauth.nevis.cloud/api/v1/status" \
  -XPOST \
  -H 'Content-Type: application/json' \
  -d "{ \"statusToken\": \"$statusToken\" }""#;

const STATUS_PYTHON: &str = r"data = {'statusToken': 'eyJhb...lc3g'}
resp = requests.post(f'https://{instance}.mauth.nevis.cloud/api/v1/status', json = data)
print(resp.json())";

const INTROSPECT: &str = r#"curl "https://$instance.mauth.nevis.cloud/api/v1/introspect" \
  -XPOST \
  -H "Authorization: Bearer $access_key" \
  --data-urlencode "token=$token""#;

const INTROSPECT_PYTHON: &str = r"data = {'token': 'eyJhb...lc3g'}
resp = requests.post(f'https://{instance}.mauth.nevis.cloud/api/v1/introspect',
                     headers = {'authorization': f'Bearer {access_key}'},
                     data = data)
print(resp.json())";

const USER: &str = r#"curl "https://$instance.mauth.nevis.cloud/api/v1/users/$userId" \
  -H "Authorization: Bearer $access_key""#;

const USER_PYTHON: &str = r"userId = '7e16ba00-92e2-4fcb-b30e-1af8fdc843aa'
resp = requests.get(f'https://{instance}.mauth.nevis.cloud/api/v1/users/{userId}',
                    headers = {'authorization': f'Bearer {access_key}'})
print(resp.json())";

const USER_NAMED: &str = r#"curl "https://$instance.mauth.nevis.cloud/api/v1/users?username=$username" \
  -H "Authorization: Bearer $access_key""#;

const USER_NAMED_PYTHON: &str = r"data = {'username':'u12345'}
resp = requests.get(f'https://{instance}.mauth.nevis.cloud/api/v1/users',
                    headers = {'authorization': f'Bearer {access_key}'},
                    params = data)
print(resp.json())";

const DELETE: &str = r#"curl "https://$instance.mauth.nevis.cloud/api/v1/users/$userId" \
  -X DELETE \
  -H "Authorization: Bearer $access_key""#;

const DELETE_PYTHON: &str = r"userId = '7e16ba00-92e2-4fcb-b30e-1af8fdc843aa'
resp = requests.delete(f'https://{instance}.mauth.nevis.cloud/api/v1/users/{userId}',
                       headers = {'authorization': f'Bearer {access_key}'})
print(resp.status_code) # => 204";

const INTENT: &str = r#"curl "https://$instance.mauth.nevis.cloud/api/v1/intent" \
  -XPOST \
  -H "Authorization: Bearer $access_key" \
  -H 'Content-Type: application/json' \
  -d "{ \"username\":\"u12345\",\"operation\":\"enroll\" }""#;

const ENROLL_APP: [&str; 2] = [
    r#"curl "https://$instance.mauth.nevis.cloud/api/v1/users/enroll" \
  -XPOST \
  -H "Authorization: Bearer $access_key" \
  -H 'Content-Type: application/json' \
  -d '{}'"#,
    r#"curl "https://$instance.mauth.nevis.cloud/api/v1/users/enroll" \
  -XPOST \
  -H "Authorization: Bearer $access_key" \
  -H 'Content-Type: application/json' \
  -d '{ "username": "u12345" }'"#,
];

const ENROLL_APP_PYTHON: [&str; 2] = [
    r"resp = requests.post(f'https://{instance}.mauth.nevis.cloud/api/v1/users/enroll',
                     headers = {'authorization': f'Bearer {access_key}'},
                     json = {})
print(resp.json())",
    r"data = {'username': 'u12345'}
resp = requests.post(f'https://{instance}.mauth.nevis.cloud/api/v1/users/enroll',
                     headers = {'authorization': f'Bearer {access_key}'},
                     json = data)
print(resp.json())",
];

const AUTHENTICATOR: [&str; 2] = [
    r#"curl "https://$instance.mauth.nevis.cloud/api/v1/authenticators/$authenticator_id" \
  -X PATCH \
  -H "Authorization: Bearer $access_key" \
  -H 'Content-Type: application/json' \
  -d '{ "name": "Personal Phone" }'"#,
    r#"curl "https://$instance.mauth.nevis.cloud/api/v1/authenticators/$authenticator_id" \
  -X DELETE \
  -H "Authorization: Bearer $access_key""#,
];

const AUTHENTICATOR_PYTHON: [&str; 2] = [
    r"authenticator_id = 'f3ef70fc-9231-48f8-8e81-8eef7826d594'
data = {'name':'Personal Phone'}
resp = requests.patch(f'https://{instance}.mauth.nevis.cloud/api/v1/authenticators/{authenticator_id}',
                      headers = {'authorization': f'Bearer {access_key}'},
                      json = data)
print(resp.json())",
    r"authenticator_id = 'f3ef70fc-9231-48f8-8e81-8eef7826d594'
resp = requests.delete(f'https://{instance}.mauth.nevis.cloud/api/v1/authenticators/{authenticator_id}',
                       headers = {'authorization': f'Bearer {access_key}'})
print(resp.status_code) # => 204",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_curl_do_what_they_say() {
    let service = Service::start().await;
    let ping = curl(&service, &[], PING);
    assert_eq!((ping.status, ping.body.as_str()), (200, "PONG"));

    let name = ("username", "u12345");
    let enrolled = curl(&service, &[name, ("phone", PHONE)], ENROLL_PHONE);
    assert_eq!(enrolled.status, 201, "{enrolled:?}");
    let body = enrolled.json();
    let user = text(&body["userId"]);
    let (id, token) = (("userId", user.as_str()), text(&body["enrollment"]["statusToken"]));
    let code = service.code(PHONE);
    let sent = texts(&service.provider, PHONE);
    assert_eq!(sent, [format!("SMS Registration Test, code: {code}")]);
    let status = curl(&service, &[("statusToken", &token)], STATUS);
    assert_eq!((status.status, &status.json()["status"]), (200, &json!("pending")));
    let variables = [id, ("code", code.as_str()), ("statusToken", &token)];
    assert_eq!(curl(&service, &variables, VERIFY_PHONE).status, 200);
    assert_eq!(curl(&service, &variables, VERIFY_PHONE).status, 412);

    for (approve, verify) in [(APPROVE, VERIFY_PHONE), (APPROVE_IN_A_LINE, VERIFY_IN_A_LINE)] {
        let approval = curl(&service, &[name], approve);
        assert_eq!((approval.status, &approval.json()["userId"]), (201, &json!(user)));
        let (token, code) = (text(&approval.json()["statusToken"]), service.code(PHONE));
        let sent = texts(&service.provider, PHONE);
        assert_eq!(sent.last().unwrap(), &format!("SMS Transaction Approval Test, code: {code}"));
        let variables = [id, ("code", code.as_str()), ("statusToken", &token)];
        assert_eq!(curl(&service, &variables, verify).status, 200);
        let status = curl(&service, &[("statusToken", &token)], STATUS).json();
        assert_eq!(status["status"], "succeeded");
        let vouching = text(&status["token"]);
        let vouched = curl(&service, &[("token", &vouching)], INTROSPECT);
        assert_eq!((vouched.status, &vouched.json()["sub"]), (200, &json!(user)));
    }
    assert_eq!(curl(&service, &[("token", "x")], INTROSPECT).body, r#"{"active":false}"#);

    let (_, codes) = service.recovery("u12345").await;
    let variables = [id, ("code", codes[0].as_str())];
    assert_eq!(curl(&service, &variables, RECOVER).status, 200);
    assert_eq!(curl(&service, &variables, RECOVER).status, 400);

    let intent = curl(&service, &[], INTENT);
    assert_eq!(intent.status, 200);
    let frontend = service.api.with(&text(&intent.json()["token"]));
    let allowed = frontend.enroll(json!({"channel": "sms", "phone": "+46702223344"})).await;
    assert_eq!((allowed.status, &allowed.json()["userId"]), (201, &json!(user)));

    let (by_id, by_name) = (curl(&service, &[id], USER), curl(&service, &[name], USER_NAMED));
    assert_eq!((by_id.status, by_name.status), (200, 200));
    assert_eq!(by_id.body, by_name.body);
    assert_eq!(by_id.json()["status"], "active");
    let deleted = curl(&service, &[id], DELETE);
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    for gone in [DELETE, USER] {
        assert_eq!(curl(&service, &[id], gone).status, 404);
    }
    assert_eq!(curl(&service, &[name], USER_NAMED).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_python_do_what_they_say() {
    let service = Service::start().await;
    let ping = python(&service, PING_PYTHON);
    assert_eq!((ping.status, ping.body.as_str()), (200, "PONG"));
    let user = service.user("u12345", PHONE).await;
    let texted = service.approve("u12345", PHONE).await;
    let status = STATUS_PYTHON.replace("eyJhb...lc3g", &texted.token);
    let got = python(&service, &status);
    assert_eq!((got.status, &got.json()["status"]), (200, &json!("pending")));
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    let got = python(&service, &status);
    assert_eq!((got.status, &got.json()["status"]), (200, &json!("succeeded")));
    let vouching = text(&got.json()["token"]);
    let got = python(&service, &INTROSPECT_PYTHON.replace("eyJhb...lc3g", &vouching));
    assert_eq!((got.status, &got.json()["active"]), (200, &json!(true)));
    // As they are, with what is only hinted at in them.
    let got = python(&service, STATUS_PYTHON);
    assert_eq!((got.status, got.body.as_str()), (404, r#"{"status":"unknown"}"#));
    assert_eq!(python(&service, INTROSPECT_PYTHON).body, r#"{"active":false}"#);

    let sample = "7e16ba00-92e2-4fcb-b30e-1af8fdc843aa";
    assert_eq!(python(&service, USER_PYTHON).status, 404);
    let by_id = python(&service, &USER_PYTHON.replace(sample, &user));
    let by_name = python(&service, USER_NAMED_PYTHON);
    assert_eq!((by_id.status, by_name.status), (200, 200));
    assert_eq!(by_id.body, by_name.body);
    assert_eq!(python(&service, DELETE_PYTHON).status, 404);
    let deleted = python(&service, &DELETE_PYTHON.replace(sample, &user));
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(python(&service, USER_NAMED_PYTHON).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_about_apps_and_authenticators_do_what_they_say() {
    let service = Service::start().await;
    let (nameless, named) =
        (curl(&service, &[], ENROLL_APP[0]), curl(&service, &[], ENROLL_APP[1]));
    let [nameless_too, named_too] = ENROLL_APP_PYTHON.map(|example| python(&service, example));
    for got in [&nameless, &named, &nameless_too, &named_too] {
        assert_eq!(got.status, 201, "{got:?}");
        let uri = text(&got.json()["enrollment"]["appLinkUri"]);
        assert!(uri.starts_with(&format!("{PUBLIC_URL}/open?dispatchTokenResponse=")), "{uri}");
    }
    assert_eq!(nameless.json()["username"], Value::Null);
    assert_ne!(nameless.json()["userId"], nameless_too.json()["userId"]);
    assert_eq!(named.json()["username"], "u12345");
    assert_eq!(named.json()["userId"], named_too.json()["userId"]);

    let mut phones = [SoftPhone::at(PUBLIC_URL), SoftPhone::at(PUBLIC_URL)];
    for phone in &mut phones {
        service.phone_of("u12345", phone).await;
    }
    let body = service.api.user_named("u12345").await.json();
    let ids = [0, 1].map(|at| text(&body["authenticators"][at]["authenticatorId"]));
    let id = [("authenticator_id", ids[0].as_str())];
    let renamed = curl(&service, &id, AUTHENTICATOR[0]);
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!("Personal Phone")));
    assert_eq!(curl(&service, &id, AUTHENTICATOR[1]).status, 204);
    for example in AUTHENTICATOR {
        assert_eq!(curl(&service, &id, example).status, 404);
    }
    let sample = "f3ef70fc-9231-48f8-8e81-8eef7826d594";
    for (example, status) in AUTHENTICATOR_PYTHON.into_iter().zip([200, 204]) {
        assert_eq!(python(&service, example).status, 404);
        let example = example.replace(sample, &ids[1]);
        assert_eq!(python(&service, &example).status, status);
        let left = service.api.user_named("u12345").await.json();
        let name = &left["authenticators"][0]["name"];
        assert_eq!(*name, if status == 200 { json!("Personal Phone") } else { Value::Null });
    }
}
