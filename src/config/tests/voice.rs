//! `[[tenants.voice]]` and whom a tenant's calls may come from.

use super::{TENANT, problem, read};
use crate::domain::country::Country;
use crate::domain::policy::Attestation;

const VOICE: &str = "[[tenants.voice]]\nname='main'\ndialect='twiml'\nsignature='twilio'\n\
    secrets=['hunter2']\nlanguages=['sv','en']\n";

fn with(from: &str, to: &str) -> String {
    format!("server.public_url='https://otp.example.com'\n{TENANT}{}", VOICE.replace(from, to))
}

#[test]
fn an_endpoint_has_the_documented_defaults() {
    let endpoint = read(&with("", "")).expect("good").tenants.remove(0).voice.remove(0);
    assert_eq!((endpoint.name.as_str(), endpoint.asks_pin), ("main", false));
    assert!(endpoint.called_numbers.is_empty());
    let speech = &endpoint.speech;
    assert_eq!(
        (&speech.voice, speech.ssml, speech.repeat, speech.rejects),
        (&None, false, 2, false)
    );
    assert_eq!(endpoint.texts.of(None).tag, "sv-SE");
    assert!(!format!("{endpoint:?}").contains("hunter2"));
}

#[test]
fn each_mistake_of_an_endpoint_is_named() {
    let own = "[tenants.voice.text.sv]\n";
    let more = |keys: &str| format!("{}{keys}", with("", ""));
    let browser = |keys: &str| {
        let text = with("signature='twilio'\n", "").replace("secrets=['hunter2']\n", "");
        let client = "[[tenants.clients]]\nname='pbx'\noperations=['getOTP']\n\
                      anonymous.addresses=['10.0.0.5']\n";
        format!("{}{keys}\n{client}", text.replace("'twiml'", "'vxml'"))
    };
    let vonage = |keys: &str| {
        let text = with("'twiml'", "'ncco'").replace("'twilio'", "'vonage'");
        format!("{text}{keys}\n")
    };
    for (text, key, says) in [
        (with("name='main'", "name='a/b'"), "voice[0].name", "a part of the endpoint's URL"),
        (with("dialect='twiml'", "dialect='twixml'"), "voice[0].dialect", "twiml"),
        (with("signature='twilio'\n", ""), "voice[0].signature", "whose signatures"),
        (with("'twilio'", "'jambonz'"), "voice[0].signature", "\"twilio\", \"signalwire\""),
        (with("'twiml'", "'jambonz'"), "voice[0].signature", "\"jambonz\""),
        (browser("client='pbx'\nsecrets=['hunter2']"), "voice[0].secrets", "signs nothing"),
        (browser("client='pbx'\nsignature='twilio'"), "voice[0].signature", "signs nothing"),
        (browser("client='pbx'\nrefuse_by='reject'"), "voice[0].refuse_by", "\"speech\""),
        (browser(""), "voice[0].client", "\"getOTP\": [\"pbx\"]"),
        (browser("client='ivr'"), "voice[0].client", "\"getOTP\": [\"pbx\"]"),
        (more("client='pbx'"), "voice[0].client", "only dialect = \"vxml\""),
        (with("'twiml'", "'ncco'"), "voice[0].signature", "\"vonage\""),
        (format!("{}refuse_by='reject'", vonage("")), "voice[0].refuse_by", "\"speech\""),
        (vonage("voice='Elin'"), "voice[0].voice", "styles at Vonage"),
        (more("caller='from'"), "voice[0].caller", "only dialect = \"jambonz\""),
        (more("caller='p-asserted'"), "voice[0].caller", "p-asserted-identity"),
        (with("['hunter2']", "[]"), "voice[0].secrets", "0 secrets"),
        (with("['hunter2']", "['a','b','c']"), "voice[0].secrets", "3 secrets"),
        (with("['hunter2']", "'hunter2'"), "voice[0].secrets", "a list in brackets"),
        (with("['hunter2']", "['']"), "voice[0].secrets[0]", "an empty secret"),
        (with("['hunter2']", "[{file='/nowhere'}]"), "voice[0].secrets[0]", "/nowhere"),
        (with("'twilio'", "'telnyx'"), "voice[0].secrets[0]", "32 bytes in base64"),
        (with("['sv','en']", "[]"), "voice[0].languages", "no language"),
        (with("'en'", "'tlh'"), "voice[0].languages[1]", "all four sentences"),
        (more("pin=true"), "voice[0].pin: found true", "`off` or `asked`"),
        (more("refuse_by=1"), "voice[0].refuse_by: found 1", "`speech` or `reject`"),
        (
            more("caller=['from']"),
            "voice[0].caller: found a list",
            "`from` or `p-asserted-identity`",
        ),
        (with("dialect='twiml'", "dialect=5"), "voice[0].dialect: found 5", "`twiml`, `jambonz`"),
        (with("dialect='twiml'", "dialect={a=1,b=2}"), "voice[0].dialect: found", "`jambonz`"),
        (with("secrets", "repeat='2'\nsecrets"), "voice[0].repeat: found \"2\"", "a whole number"),
        (more("repeat=0"), "voice[0].repeat", "1 to 5"),
        (more("called_numbers=['046']"), "voice[0].called_numbers[0]", "E.164"),
        (more(&format!("{own}code='Din kod'")), "voice[0].text.sv.code", "{code} once"),
        (more(&format!("{own}refused='{{code}}'")), "voice[0].text.sv.refused", "without {code}"),
        (more("[tenants.voice.text.fi]\npin='x'"), "voice[0].text.fi", "does not list"),
        (more(VOICE), "voice[1].name", "a second time"),
        (format!("{TENANT}{VOICE}"), "server.public_url", "they sign it"),
    ] {
        let problem = problem(&text);
        assert!(problem.contains(key) && problem.contains(says), "{text}: {problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn a_public_url_that_is_wrong_is_not_missing_too() {
    for wrong in ["http://otp.example.com", "https://otp.example.com/voice", "otp.example.com"] {
        let text = with("", "").replace("https://otp.example.com", wrong);
        let problem = problem(&text);
        assert_eq!(problem.matches("server.public_url").count(), 1, "{problem}");
        assert!(problem.contains(wrong) && !problem.contains("found nothing"), "{problem}");
    }
}

#[test]
fn a_pin_that_decides_nothing_is_warned_of() {
    let config = read(&with("languages", "pin='asked'\nlanguages")).expect("good");
    let warned = |warning: &super::super::error::Warning| {
        let warning = warning.to_string();
        warning.contains("tenants[0].voice[0].pin") && warning.contains("ambiguous")
    };
    assert!(config.warnings.iter().any(warned), "{:?}", config.warnings);
}

/// The warnings about a configuration's endpoints.
fn warned(text: &str) -> Vec<String> {
    let warnings = read(text).expect("good").warnings;
    let warnings = warnings.iter().map(ToString::to_string);
    warnings.filter(|warning| warning.contains(".voice[")).collect()
}

#[test]
fn what_is_probably_a_mistake_in_an_endpoint_is_warned_of() {
    let secrets = |written: &str| with("['hunter2']", written);
    let long = "'0123456789abcdef'";
    let telnyx = "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='";
    let keys = |keys: &str| secrets(keys).replace("'twilio'", "'telnyx'");
    for good in [
        secrets(&format!("[{long}]")),
        secrets(&format!("[{long}, 'another one, as long']")),
        keys(&format!("[{telnyx}]")),
        format!("{}called_numbers=['+46101234567']", secrets(&format!("[{long}]"))),
    ] {
        assert_eq!(warned(&good), Vec::<String>::new(), "{good}");
    }
    let good = secrets(&format!("[{long}]"));
    for (text, key, says) in [
        (secrets("['0123456789abcde']"), "voice[0].secrets[0]", "shorter than 16 characters"),
        (secrets(&format!("[{long}, 'short']")), "voice[0].secrets[1]", "shorter than 16"),
        (secrets(&format!("[{long}, {long}]")), "voice[0].secrets[1]", "same secret a second time"),
        (
            keys(&format!("[{telnyx}, {telnyx}]")),
            "voice[0].secrets[1]",
            "same secret a second time",
        ),
        (
            good.replace("['sv','en']", "['sv','en','sv']"),
            "voice[0].languages[2]",
            "\"sv\" is listed",
        ),
        (format!("{good}called_numbers=[]"), "voice[0].called_numbers", "calls to any number"),
        (
            format!("{good}called_numbers=['+46101234567','+46101234567']"),
            "voice[0].called_numbers[1]",
            "listed twice",
        ),
        (secrets("[' 0123456789abcdef']"), "voice[0].secrets[0]", "begins or ends with a blank"),
        (secrets("['0123456789abcdef ']"), "voice[0].secrets[0]", "begins or ends with a blank"),
    ] {
        let warned = warned(&text);
        let [warning] = warned.as_slice() else { panic!("one warning of {text}: {warned:?}") };
        assert!(warning.contains(key) && warning.contains(says), "{text}: {warning}");
        assert!(!warning.contains("0123456789"), "{warning}");
    }
}

/// An endpoint of this dialect, with a secret and further keys.
fn platform(name: &str, dialect: &str, secret: &str, keys: &str) -> String {
    format!(
        "[[tenants.voice]]\nname='{name}'\n{dialect}\nsecrets=['{secret}']\nlanguages=['sv']\n\
         {keys}\n"
    )
}

const TELNYX: &str = "dialect='twiml'\nsignature='telnyx'";
const JAMBONZ: &str = "dialect='jambonz'";
const NCCO: &str = "dialect='ncco'";
const TWILIO: &str = "dialect='twiml'\nsignature='twilio'";
const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn an_endpoint_that_cannot_do_what_its_tenant_asks_is_warned_of() {
    let warned = |dialect: &str, calls: &str| {
        let tenant = format!("{TENANT}[tenants.calls]\n{calls}\n");
        let text = format!("{tenant}{}", platform("main", dialect, SECRET, ""));
        warned(&format!("server.public_url='https://otp.example.com'\n{text}"))
    };
    for dialect in [TWILIO, TELNYX, JAMBONZ, NCCO] {
        assert_eq!(warned(dialect, "minimum_attestation='none'"), Vec::<String>::new());
        let told = warned(dialect, "minimum_attestation='C'");
        let never = [JAMBONZ, NCCO].contains(&dialect);
        assert_eq!(told.len(), usize::from(never), "{dialect}: {told:?}");
        assert!(
            told.iter()
                .all(|told| told.contains("voice[0].dialect: ")
                    && told.contains("refuses every call"))
        );
        let told = warned(dialect, "refuse_diverted=true");
        assert_eq!(told.len(), usize::from(dialect == NCCO), "{dialect}: {told:?}");
        assert!(told.iter().all(|told| told.contains("which calls were forwarded")));
    }
    let browser = "[[tenants.clients]]\nname='pbx'\noperations=['getOTP']\n\
                   anonymous.addresses=['10.0.0.5']\n[[tenants.voice]]\nname='main'\n\
                   dialect='vxml'\nclient='pbx'\nlanguages=['sv']\n";
    let text = format!(
        "server.public_url='https://otp.example.com'\n{TENANT}[tenants.calls]\n\
         minimum_attestation='A'\nrefuse_diverted=true\n{browser}"
    );
    let told = self::warned(&text);
    assert!(told.len() == 1 && told[0].contains("refuses every call"), "{told:?}");
}

#[test]
fn endpoints_that_take_each_others_requests_are_warned_of() {
    let first = "called_numbers=['+46101234567']";
    let another = "called_numbers=['+46107654321']";
    let overlapping = "called_numbers=['+46107654321','+46101234567']";
    let second_tenant = TENANT.replace("'t1'", "'t2'");
    for (dialect, other, keys, count) in [
        (TELNYX, TELNYX, ["", ""], 1),
        (JAMBONZ, JAMBONZ, [first, ""], 1),
        (JAMBONZ, JAMBONZ, ["", another], 1),
        (NCCO, NCCO, [first, overlapping], 1),
        (NCCO, NCCO, [first, another], 0),
        (TWILIO, TWILIO, ["", ""], 0),
        (JAMBONZ, NCCO, ["", ""], 0),
    ] {
        for (between, key) in [("", "tenants[0].voice[1]"), (&second_tenant, "tenants[1].voice[0]")]
        {
            let one = platform("one", dialect, SECRET, keys[0]);
            let two = platform("two", other, SECRET, keys[1]);
            let url = "server.public_url='https://otp.example.com'\n";
            let told = warned(&format!("{url}{TENANT}{one}{between}{two}"));
            assert_eq!(told.len(), count, "{dialect}, {other}, {keys:?}: {told:?}");
            assert!(told.iter().all(|told| told.contains(key)
                && told.contains("tenants[0].voice[0] has the same secret")
                && !told.contains(SECRET)));
        }
    }
    let two = platform("two", JAMBONZ, "another secret, as long", "");
    let one = platform("one", JAMBONZ, SECRET, "");
    let url = "server.public_url='https://otp.example.com'\n";
    assert_eq!(warned(&format!("{url}{TENANT}{one}{two}")), Vec::<String>::new());
}

#[test]
fn pins_that_no_endpoint_asks_for_are_warned_of() {
    let told = |pins: &[&str]| {
        let pin = "ambiguous='pin'\npin_attribute='employeeNumber'\n";
        let url = "server.public_url='https://otp.example.com'\n";
        let mut text = format!("{url}{TENANT}{pin}");
        for (index, pin) in pins.iter().enumerate() {
            text += &platform(&format!("e{index}"), TWILIO, SECRET, &format!("pin='{pin}'"));
        }
        let warnings = read(&text).expect("good").warnings;
        let warnings = warnings.iter().map(ToString::to_string);
        warnings.filter(|warning| warning.contains("tenants[0].directory.ambiguous")).count()
    };
    assert_eq!(told(&["off"]), 1);
    assert_eq!(told(&["off", "off"]), 1);
    assert_eq!(told(&["off", "asked"]), 0);
    assert_eq!(told(&[]), 0, "phone systems send it with getOTP");
}

#[test]
fn a_tenant_that_believes_any_caller_and_asks_no_password_is_warned_of() {
    let warned = |calls: &str, login: &str| {
        let text = format!("{TENANT}[tenants.calls]\n{calls}[tenants.login]\n{login}");
        let warnings = read(&text).expect("good").warnings;
        let warnings = warnings.iter().map(ToString::to_string);
        warnings.filter(|warning| warning.contains("tenants[0].login.password")).count()
    };
    let not_asked = "password='not-asked'\n";
    assert_eq!(warned("", not_asked), 1);
    assert_eq!(warned("accepted_countries=['SE']\n", not_asked), 1, "numbers there are forged too");
    assert_eq!(warned("minimum_attestation='C'\n", not_asked), 0);
    assert_eq!(warned("", ""), 0);
}

#[test]
fn a_tenant_says_which_calls_it_accepts() {
    let trust = |keys: &str| {
        read(&format!("{TENANT}[tenants.calls]\n{keys}")).expect("good").tenants.remove(0).trust
    };
    let usual = trust("");
    assert_eq!(usual.minimum_attestation, Attestation::None);
    assert!(usual.accepted_countries.is_empty() && !usual.refuse_diverted);
    let strict = trust("accepted_countries=['SE']\nrefuse_diverted=true\nminimum_attestation='B'");
    assert_eq!(strict.minimum_attestation, Attestation::B);
    assert!(strict.accepted_countries.contains(&Country::parse("SE").expect("a country")));
    assert!(strict.refuse_diverted);
    let twice = read(&format!("{TENANT}[tenants.calls]\naccepted_countries=['SE','NO','SE']"));
    let twice = twice.expect("good").warnings;
    let is_named = |warning: &super::super::error::Warning| {
        let warning = warning.to_string();
        warning.contains("calls.accepted_countries[2]")
            && warning.contains("\"SE\" is listed twice")
    };
    assert!(twice.iter().any(is_named), "{twice:?}");
    let wrong = problem(&format!("{TENANT}[tenants.calls]\naccepted_countries=['se']"));
    assert!(wrong.contains("tenants[0].calls.accepted_countries") && wrong.contains("\"SE\""));
}
