//! Fuzzes tokens and passkeys as strangers might send them.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::passkeys::Passkeys;
use super::refusal::CloudRefusal;
use super::tokens::{DispatchToken, Intent, Tokens};
use crate::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Credential, Platform,
};
use crate::domain::clock::Timestamp;
use crate::domain::otp::{ServerKey, ServerKeys};
use crate::domain::registered_user::{RegisteredId, RegisteredName, RegisteredUser};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionId;
use crate::fuzzing::{Reader, Target, outcome, seeds};

#[path = "../../../tests/it/support/soft_phone.rs"]
#[expect(dead_code, reason = "tests from outside use more of it")]
mod soft_phone;

use self::soft_phone::{SoftPhone, bytes};

/// Words with a meaning in what a phone sends.
const WORDS: &[&str] = &[
    "\"type\"",
    "webauthn.create",
    "webauthn.get",
    "\"challenge\"",
    "\"origin\"",
    "\"crossOrigin\":true",
    "https://id.example.com",
    "https://evil.example",
    "\"tokenBinding\"",
    "\n--\n",
    "fmt",
    "none",
    "packed",
    "tpm",
    "attStmt",
    "authData",
    "\u{a3}",
    "x5c",
    "{",
    "}",
    "null",
];

const ORIGIN: &str = "https://id.example.com";

/// Separates the parts of an input; unlikely within a part.
const END: &[u8] = b"\n--\n";

/// Targets for [`crate::fuzzing`].
pub(crate) fn targets() -> Vec<Target> {
    let mut all = vec![tokens()];
    all.extend(ceremonies());
    all
}

fn tenant() -> TenantId {
    TenantId::parse("t1").expect("legal")
}

fn tokens() -> Target {
    let keys = ServerKeys::new(vec![ServerKey::new([7; 32])]).expect("keys");
    let tokens = Tokens::new(ORIGIN, &keys);
    let (user, now) =
        (RegisteredId::from_random([2; 16]), Timestamp::from_millis(1_700_000_000_000));
    let honest = [
        tokens.intent(&Intent {
            id: Uuid::from_u128(9),
            tenant: tenant(),
            user: None,
            name: RegisteredName::parse("anna"),
            operation: "enroll".to_owned(),
            key: Some(Uuid::from_u128(3)),
            channels: vec!["sms".to_owned()],
            message: Some("{{CODE}}".to_owned()),
            expires_at: now,
        }),
        tokens.dispatch(&DispatchToken {
            tenant: tenant(),
            transaction: TransactionId::from_random([1; 16]),
        }),
        tokens.device(&tenant(), user, AuthenticatorId::from_random([3; 16]), now),
    ];
    let known = honest.clone();
    let read = move |input: &[u8]| {
        let token = String::from_utf8_lossy(input);
        let read = [
            tokens.read_status(&token).is_some(),
            tokens.read_transaction(&token).is_some(),
            tokens.read_intent(&token).is_some(),
            tokens.read_dispatch(&token).is_some(),
            tokens.read_device(&token).is_some(),
        ];
        let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
        let is_ours = known.iter().any(|known| signed(known) == signed(&token));
        assert!(is_ours || read == [false; 5], "nobody else signs: {token}");
        outcome((read, token.split('.').count().min(5)))
    };
    Target {
        kind: "tokens of our own",
        share: 60,
        seeds: seeds(honest),
        words: &[".", "eyJ", "eyJhbGciOiJub25lIn0", "=", "-", "_", "\"alg\"", "e30"],
        read: Box::new(read),
    }
}

/// A phone's registration and assertion: the state the server keeps, and what a browser sends.
struct Ceremonies {
    passkeys: Passkeys,
    user: RegisteredId,
    started: String,
    made: Value,
    asked: String,
    signed: Value,
}

/// The parts of a registration that are checked.
const MADE: [&str; 2] = ["clientDataJSON", "attestationObject"];

/// The parts of an assertion that are checked.
const SIGNED: [&str; 3] = ["clientDataJSON", "authenticatorData", "signature"];

impl Ceremonies {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let passkeys = Passkeys::new(ORIGIN, "Example", Duration::from_mins(5));
        let passkeys = passkeys.expect("a relying party");
        let (id, now) = (RegisteredId::from_random([2; 16]), Timestamp::from_millis(0));
        let user = RegisteredUser::new(id, RegisteredName::parse("anna"), now);
        let mut phone = SoftPhone::at(ORIGIN);
        let started = passkeys.start_registration(&user).expect("a challenge");
        let options = super::passkeys::options(&started).expect("options");
        let made = runtime.block_on(phone.make(&options)).expect("a passkey");
        let credential = passkeys.finish_registration(&started, made.clone());
        let authenticator = authenticator(credential.expect("it is accepted"));
        let asked = passkeys.start_assertion(std::iter::once(&authenticator));
        let asked = asked.expect("a challenge");
        let options = super::passkeys::options(&asked).expect("options");
        let signed = runtime.block_on(phone.sign(&options)).expect("a signature");
        passkeys.finish_assertion(&asked, signed.clone(), id).expect("it is accepted");
        Self { passkeys, user: id, started, made, asked, signed }
    }
}

/// Targets for each ceremony's parts, and for both as the JSON that a browser sends.
fn ceremonies() -> [Target; 3] {
    let one = Rc::new(Ceremonies::new());
    let target = |kind, share, seeds, read| Target { kind, share, seeds, words: WORDS, read };
    let parts = |answer: &Value, names: &[&str]| -> Vec<u8> {
        let parts: Vec<_> = names.iter().map(|name| bytes(&answer["response"][name])).collect();
        parts.join(END)
    };
    let all = Rc::clone(&one);
    let register: Reader = Box::new(move |input| {
        let answer = with_parts(&all.made, &MADE, input);
        let made = all.passkeys.finish_registration(&all.started, answer);
        outcome(made.map(|made| made.id.len()).map_err(seen))
    });
    let (all, honest) = (Rc::clone(&one), parts(&one.signed, &SIGNED[..2]));
    let assert: Reader = Box::new(move |input| {
        let answer = with_parts(&all.signed, &SIGNED, input);
        let signed = all.passkeys.finish_assertion(&all.asked, answer, all.user);
        assert!(signed.is_err() || input.starts_with(&honest), "nobody else signs");
        outcome(signed.map(|signed| signed.counter).map_err(seen))
    });
    let all = Rc::clone(&one);
    let whole: Reader = Box::new(move |input| {
        let Ok(answer) = serde_json::from_slice::<Value>(input) else { return 0 };
        let made = all.passkeys.finish_registration(&all.started, answer.clone());
        let signed = all.passkeys.finish_assertion(&all.asked, answer, all.user);
        outcome((made.map(|_| ()).map_err(seen), signed.map(|_| ()).map_err(seen)))
    });
    [
        target("clientDataJSON, attestation", 25, vec![parts(&one.made, &MADE)], register),
        target("clientDataJSON, signature", 25, vec![parts(&one.signed, &SIGNED)], assert),
        target(
            "credentials in JSON",
            20,
            seeds([one.made.to_string(), one.signed.to_string()]),
            whole,
        ),
    ]
}

fn seen(refusal: CloudRefusal) -> String {
    format!("{refusal:?}")
}

fn authenticator(credential: Credential) -> Authenticator {
    let at = Timestamp::from_millis(0);
    Authenticator {
        id: AuthenticatorId::from_random([3; 16]),
        name: AuthenticatorName::parse("Pixel").expect("a name"),
        platform: Platform::Android,
        credential,
        subscription: None,
        enrolled_at: at,
        updated_at: at,
    }
}

/// A response with its parts replaced by those of the input.
fn with_parts(answer: &Value, names: &[&str], input: &[u8]) -> Value {
    let mut answer = answer.clone();
    let mut rest = input;
    for name in names {
        let end = rest.windows(END.len()).position(|window| window == END);
        let (part, left) = match end {
            Some(at) => (&rest[..at], &rest[at + END.len()..]),
            None => (rest, &[][..]),
        };
        answer["response"][*name] = json!(URL_SAFE_NO_PAD.encode(part));
        rest = left;
    }
    answer
}
