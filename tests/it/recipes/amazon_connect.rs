//! The Lambda function, run by Python, and the flow that asks it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{ANNA, INJECTING, gateway, read, secret};
use crate::support::ports::free_port;

/// What Lambda's Python runtime does: loads the file once and hands each event to its handler.
const RUNTIME: &str = "import json, runpy, sys\n\
    handler = runpy.run_path(sys.argv[1])['lambda_handler']\n\
    results = [handler(event, None) for event in json.load(sys.stdin)]\n\
    sys.stderr.write(json.dumps(results))";

/// The event of a call, as Connect's documentation has it.
fn event(customer: &Value) -> Value {
    json!({
        "Details": {
            "ContactData": {
                "Attributes": {},
                "Channel": "VOICE",
                "ContactId": "4a573372-1f28-4e26-b97b-000000000001",
                "CustomerEndpoint": customer,
                "InitiationMethod": "INBOUND",
                "SystemEndpoint": { "Address": "+46101234567", "Type": "TELEPHONE_NUMBER" },
            },
            "Parameters": {},
        },
        "Name": "ContactFlowEvent",
    })
}

/// Runs the function on calls from these ends; returns its results and the lines that it logged.
fn lambda(url: &str, tenant: &str, customers: &[Value]) -> (Vec<Value>, Vec<String>) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/integrations/amazon-connect-lambda.py");
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", RUNTIME, file])
        .env("DIALPASS_URL", url)
        .env("DIALPASS_USER", tenant)
        .env("DIALPASS_PASSWORD", secret(tenant))
        .env("NO_PROXY", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let events: Vec<Value> = customers.iter().map(event).collect();
    let mut input = child.stdin.take().expect("piped");
    input.write_all(json!(events).to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let results = String::from_utf8_lossy(&output.stderr).into_owned();
    let results = serde_json::from_str(&results).unwrap_or_else(|_| panic!("{results}"));
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    (results, log.lines().map(str::to_owned).collect())
}

/// The other end of a call from the telephone network.
fn from(caller: &str) -> Value {
    json!({ "Address": caller, "Type": "TELEPHONE_NUMBER" })
}

fn flow() -> Value {
    serde_json::from_str(&read("integrations/amazon-connect-flow.json")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lambda_function_tells_a_caller_the_code_and_others_none() {
    let gateway = gateway();
    let url = gateway.url("");
    let (results, log) = lambda(&url, "open", &[from(ANNA)]);
    let code = results[0]["code"].as_str().expect("a code").to_owned();
    let digits: Vec<String> = code.chars().map(String::from).collect();
    let told = json!({"result": "told", "code": code, "spoken": digits.join(", ")});
    assert_eq!(results, [told]);
    assert!(code.len() == 6 && log.is_empty(), "nothing of it is logged: {log:?}");

    let refused = json!({ "result": "refused" });
    let mut others = vec![from("+46709990000"), from("anonymous"), Value::Null];
    others.extend([INJECTING[0], INJECTING[6]].map(from));
    let injecting: Vec<Value> = INJECTING.iter().map(|caller| from(caller)).collect();
    for (tenant, customers) in [("open", others), ("strict", injecting)] {
        let (results, log) = lambda(&url, tenant, &customers);
        assert_eq!(results, vec![refused.clone(); customers.len()], "{tenant}");
        let is_traceable = |line: &String| line.starts_with("refused with 403, request id ");
        assert!(log.len() == customers.len() && log.iter().all(is_traceable), "{log:?}");
    }
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let (results, log) = lambda(&nobody, "open", &[from(ANNA)]);
    assert!(results == [refused] && log[0].starts_with("no answer: "), "{log:?}");
}

#[test]
fn each_step_of_the_flow_leads_on_and_speaks_what_the_function_returns() {
    let flow = flow();
    let actions = flow["Actions"].as_array().expect("actions");
    let names: BTreeSet<&str> =
        actions.iter().map(|action| action["Identifier"].as_str().unwrap()).collect();
    let mut reached = BTreeSet::from([flow["StartAction"].as_str().unwrap()]);
    for action in actions {
        let transitions = &action["Transitions"];
        let listed = ["Errors", "Conditions"].into_iter();
        let others = listed.filter_map(|name| transitions[name].as_array()).flatten();
        let next = others.chain([transitions]).filter_map(|one| one["NextAction"].as_str());
        let next: Vec<&str> = next.collect();
        let ends = action["Type"] == "DisconnectParticipant";
        assert_eq!(next.is_empty(), ends, "{action}");
        reached.extend(next);
    }
    assert_eq!(reached, names, "each step is there and is reached");
    let placed = flow["Metadata"]["ActionMetadata"].as_object().expect("places");
    assert_eq!(placed.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
    let text = flow.to_string();
    let external: BTreeSet<&str> = text
        .split("$.External.")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap())
        .collect();
    assert_eq!(external, BTreeSet::from(["result", "spoken"]));
    let ask = &actions[0]["Parameters"];
    assert_eq!(ask["ResponseValidation"]["ResponseType"], "STRING_MAP");
}
