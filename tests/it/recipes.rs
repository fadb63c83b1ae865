//! The recipes of `docs/phone-systems.md` and the files of `docs/integrations`: each request is read
//! from there, filled in as its platform does, and sent to the real server. The platforms themselves
//! are not here.

mod amazon_connect;
mod freeswitch;
mod platforms;

use std::path::Path;

use serde_json::json;

use self::platforms::{PLATFORMS, Question};
use crate::support::gateway::{Answer, Gateway, folder, sections, sha256};
use crate::support::wire::GET_OTP;

/// The number of the user `anna`, in E.164.
const ANNA: &str = "+46701234567";

/// Callers who try to vouch for themselves as Anna.
const INJECTING: [&str; 12] = [
    "+46701234567\",\"attestation\":\"A",
    "+46701234567\", \"attestation\": \"A\", \"x\": \"",
    "+46701234567\\\",\\\"attestation\\\":\\\"A",
    "+46701234567&attestation=A",
    "+46701234567%26attestation%3DA",
    "+46701234567%2526attestation%253DA",
    "+46701234567\r\n&attestation=A",
    "+46701234567\nattestation: A\n\nphonenumber=+46701234567&attestation=A",
    "' post phonenumber=+46701234567&attestation=A '",
    "+46701234567 post phonenumber=+46701234567&attestation=A",
    "${input.CONVERSATION_ID}+46701234567&attestation=A",
    "\")&attestation=A&phonenumber=+46701234567&x=$esc.uriEncode(\"",
];

/// A file of the documentation.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The code blocks below a heading of `docs/phone-systems.md`.
fn blocks(heading: &str) -> Vec<String> {
    let document = read("phone-systems.md");
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).expect(heading);
    let section = section.split("\n## ").next().expect("a section");
    let inside = section.split("```").skip(1).step_by(2);
    inside.map(|block| block.split_once('\n').expect("a language").1.to_owned()).collect()
}

/// A gateway with two tenants, each with the client that is named as it: `open`, and `strict`, which
/// takes only calls that the carrier vouches for.
fn gateway() -> Gateway {
    let folder = folder();
    let people = "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\n";
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let tenant = |id: &str, calls: &str| {
        format!(
            "[[tenants]]\nid = \"{id}\"\ncountry = \"SE\"\nspoken = \"strings\"\n\
             [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n\
             [tenants.limits]\ncalls_per_number = {{ burst = 1000, per = \"1h\" }}\n\
             codes_per_user = {{ burst = 1000, per = \"1h\" }}\n{calls}\
             [[tenants.clients]]\nname = \"{id}\"\noperations = [\"getOTP\"]\n\
             basic = {{ username = \"{id}\", password_sha256 = \"{0}\" }}\n\
             bearer = {{ token_sha256 = \"{0}\" }}\n",
            sha256(&secret(id)),
        )
    };
    let server = sections("limits = { calls_per_caller = { burst = 1000, per = \"1s\" } }");
    let strict = tenant("strict", "[tenants.calls]\nminimum_attestation = \"A\"\n");
    let config = format!("{server}{}{strict}", tenant("open", ""));
    Gateway::start_in(std::sync::Arc::new(folder), &config)
}

/// The secret of the client of this tenant.
fn secret(tenant: &str) -> String {
    format!("the secret of {tenant}")
}

/// Asks the tenant's code for a caller.
async fn ask(gateway: &Gateway, tenant: &str, question: &Question) -> Answer {
    let mut request = gateway
        .http
        .post(gateway.url(GET_OTP))
        .basic_auth(tenant, Some(secret(tenant)))
        .header("content-type", question.media_type)
        .body(question.body.clone());
    if let Some(accept) = question.accept {
        request = request.header("accept", accept);
    }
    Answer::of(request).await
}

/// The code of an answer, whatever its form.
fn code(answer: &Answer, what: &str) -> String {
    assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    let is_json = answer.header("content-type").contains("json");
    let code = if is_json {
        answer.json()["otp"].as_str().unwrap().to_owned()
    } else {
        answer.body.clone()
    };
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{what}: {code}");
    code
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipe_asks_for_the_callers_code_and_gets_it() {
    let gateway = gateway();
    let mut told = Vec::new();
    for platform in &PLATFORMS {
        let name = platform.name;
        for caller in platform.callers {
            let question = platform.question(caller).expect("it asks");
            let answer = ask(&gateway, "open", &question).await;
            told.push(code(&answer, &format!("{name}, {caller}")));
            let strict = ask(&gateway, "strict", &question).await;
            assert_eq!(strict.status, 403, "{name} vouches for nothing");
        }
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "one code for all: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_and_a_withheld_caller_get_no_code_by_any_recipe() {
    let gateway = gateway();
    for platform in &PLATFORMS {
        for caller in ["+46709990000", "anonymous", "", "sip:anonymous@anonymous.invalid"] {
            if let Some(question) = platform.question(caller) {
                let answer = ask(&gateway, "open", &question).await;
                assert!(
                    [400, 403].contains(&answer.status),
                    "{}, {caller}: {answer:?}",
                    platform.name
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_writes_adds_no_field_to_any_recipe() {
    let gateway = gateway();
    let form = |body: String| Question { body, ..Question::form() };
    // The field would open the door.
    let vouched = form("phonenumber=%2B46701234567&attestation=A".to_owned());
    code(&ask(&gateway, "strict", &vouched).await, "a carrier's word");
    for platform in &PLATFORMS {
        for caller in INJECTING {
            if let Some(question) = platform.question(caller) {
                let answer = ask(&gateway, "strict", &question).await;
                assert!(
                    [400, 403].contains(&answer.status),
                    "{}, {caller:?}: {answer:?}",
                    platform.name
                );
            }
        }
    }
    // What recipes must not do lets such callers in, so these would be noticed.
    let pasted = |caller: &str| Question {
        media_type: "application/json",
        body: format!("{{\"phonenumber\":\"{caller}\"}}"),
        accept: None,
    };
    code(&ask(&gateway, "strict", &pasted(INJECTING[0])).await, "JSON from strings");
    for caller in &INJECTING[3..5] {
        let question = form(freeswitch::sent(&freeswitch::escaped(caller)));
        code(&ask(&gateway, "strict", &question).await, "mod_curl with url_encode");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_what_the_data_actions_contract_says() {
    let gateway = gateway();
    let action: serde_json::Value =
        serde_json::from_str(&read("integrations/genesys-cloud-getotp.custom.json")).unwrap();
    let input = &action["contract"]["input"]["inputSchema"];
    assert_eq!(input["required"], json!(["ANI", "CONVERSATION_ID"]));
    let request = &action["config"]["request"];
    assert_eq!(request["requestType"], "POST");
    assert!(request["requestUrlTemplate"].as_str().unwrap().ends_with(GET_OTP));
    assert_eq!(action["config"]["response"]["successTemplate"], "${rawResult}");
    let genesys = &PLATFORMS[0];
    let question = genesys.question(genesys.callers[0]).expect("it asks");
    let answer = ask(&gateway, "open", &question).await;
    let answered = answer.json();
    let output = &action["contract"]["output"]["successSchema"];
    for (name, schema) in output["properties"].as_object().unwrap() {
        assert_eq!(schema["type"], "string", "outputs are flat strings");
        assert!(answered[name].is_string(), "{name}: {answered}");
    }
    assert_eq!(answered.as_object().unwrap().len(), 3, "{answered}");
    let event = gateway.audit_of(answer.header("x-request-id"));
    assert_eq!(event["callid"], platforms::CALL_ID);
}
