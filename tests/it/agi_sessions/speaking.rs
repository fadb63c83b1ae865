//! Callers hear their code.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_code_twice_and_it_logs_them_in() {
    let gateway = started("", "");
    let header = Header::of(ANNA);
    let session = Session::of(&gateway, &header).await;
    let code = session.code();
    assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    let say = format!("SAY DIGITS {code} \"\"");
    assert_eq!(
        session.told(),
        ["ANSWER", "EXEC Wait 1", &say, "SET VARIABLE DIALPASS_RESULT TOLD", "EXEC Wait 1", &say]
    );
    let event = event(&gateway, &header);
    assert_eq!((&event["reason"], &event["outcome"]), (&json!("issued"), &json!("allowed")));
    assert_eq!((&event["voice"], &event["tenant"]), (&json!("t1"), &json!("t1")));
    assert_eq!((&event["username"], &event["peer"]), (&json!("anna"), &json!("127.0.0.1")));
    assert_eq!((&event["number"], event.get("status")), (&json!("+46*****4567"), None));
    assert!(!gateway.log().contains(code), "the log has no code");

    let again = Session::of(&gateway, &Header::of(ANNA)).await;
    assert_eq!(again.code(), code, "who calls again hears the same");
    assert_eq!((login(&gateway, code).await, login(&gateway, code).await), (200, 403));
    let metrics = metrics(&gateway).await;
    for sample in [
        "dialpass_fastagi_sessions_total{result=\"TOLD\"} 2\n",
        "dialpass_fastagi_sessions_open 0\n",
        "operation=\"fastagi\",outcome=\"allowed\",reason=\"issued\"} 1\n",
        "dialpass_request_seconds_count{operation=\"fastagi\",status=\"TOLD\"} 2\n",
    ] {
        assert!(metrics.contains(sample), "{sample}: {metrics}");
    }
    let docs = include_str!("../../../docs/operations.md");
    for metric in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE dialpass_fastagi")) {
        let name = metric.split(' ').next().unwrap_or_default();
        assert!(docs.contains(&format!("| `dialpass_fastagi{name}` |")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_plays_its_sounds_or_leaves_speaking_to_the_dialplan() {
    let scripts = format!(
        "{SCRIPT}repeat = 1\n\
         sounds = {{ before = \"custom/your-code\", after = \"goodbye\", refused = \"sorry\" }}\n\
         {}mode = \"variable\"\n",
        SCRIPT.replace("\"t1\"", "\"t1-variable\""),
    );
    let gateway = Gateway::start_in(people(PEOPLE), &config("", "", &scripts));
    let session = Session::of(&gateway, &Header::of(ANNA)).await;
    let say = format!("SAY DIGITS {} \"\"", session.code());
    assert_eq!(
        session.told(),
        [
            "ANSWER",
            "EXEC Wait 1",
            "STREAM FILE custom/your-code \"\"",
            &say,
            "SET VARIABLE DIALPASS_RESULT TOLD",
            "STREAM FILE goodbye \"\"",
        ]
    );
    let refused = Session::of(&gateway, &Header::of("+46709990000")).await;
    let sorry = "STREAM FILE sorry \"\"";
    let set = "SET VARIABLE DIALPASS_RESULT REFUSED";
    assert_eq!(refused.told(), [set, "ANSWER", "EXEC Wait 1", sorry]);

    let peer = Peer::open(&gateway, &Header::of(ANNA)).await;
    let silent = peer.carry_out(|command| {
        if command.starts_with("STREAM FILE") {
            Does::Replies("200 result=-1 endpos=0".to_owned())
        } else {
            Does::AsUsual
        }
    });
    let silent = silent.await;
    assert_eq!((silent.result(), silent.code()), ("TOLD", session.code()), "without its sounds");
    gateway.wait_for_line("could not play the sound");

    let header = Header::of(ANNA).with("agi_network_script", "t1-variable");
    let passed_on = Session::of(&gateway, &header).await;
    let set = format!("SET VARIABLE DIALPASS_CODE {}", session.code());
    assert_eq!(passed_on.told(), [set.as_str(), "SET VARIABLE DIALPASS_RESULT TOLD"]);
    assert_eq!(event(&gateway, &header)["voice"], "t1-variable");
    let header = Header::of("+46709990000").with("agi_network_script", "t1-variable");
    let refused = Session::of(&gateway, &header).await;
    assert_eq!((refused.told().len(), refused.variable("DIALPASS_CODE")), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_one_number_are_told_apart_by_the_keyed_pin() {
    let both = format!("{PEOPLE}{}", PEOPLE.replace("anna", "bob").replace("1234", "4321"));
    let script = format!("{SCRIPT}pin = {{ prompt = \"enter-pin\", digits = 4 }}\n");
    let config = config("", "ambiguous = \"pin\"\n", &script);
    let gateway = Gateway::start_in(people(&both), &config);
    for (keyed, expected) in [
        ("1234", Ok("anna")),
        ("4321", Ok("bob")),
        ("9999", Err("number_ambiguous")),
        ("", Err("number_ambiguous")),
        ("12 (timeout)", Err("number_ambiguous")),
        ("12*4", Err("number_ambiguous")),
    ] {
        let header = Header::of(ANNA);
        let session = Peer::open(&gateway, &header).await;
        let session = session.carry_out(|command| {
            if command.starts_with("GET DATA") {
                Does::Replies(format!("200 result={keyed}"))
            } else {
                Does::AsUsual
            }
        });
        let session = session.await;
        assert_eq!(
            session.told()[..3],
            ["ANSWER", "EXEC Wait 1", "GET DATA \"enter-pin\" 8000 4"],
            "{keyed}"
        );
        let event = event(&gateway, &header);
        match expected {
            Ok(user) => {
                assert_eq!((session.result(), &event["username"]), ("TOLD", &json!(user)));
            }
            Err(reason) => {
                assert_eq!((session.result(), &event["reason"]), ("REFUSED", &json!(reason)));
            }
        }
        assert!(keyed.is_empty() || !event.to_string().contains(&format!("\"{keyed}\"")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_that_asterisk_verified_lets_a_call_through() {
    let gateway = started("", "[tenants.calls]\nminimum_attestation = \"B\"\n");
    for (arguments, expected) in [
        (&["success", "A"][..], "TOLD"),
        (&["success", "B"], "TOLD"),
        (&["success", "C"], "REFUSED"),
        (&["cert_not_trusted", "A"], "REFUSED"),
        (&["", "A"], "REFUSED"),
        (&[], "REFUSED"),
    ] {
        let mut header = Header::of(ANNA);
        for (index, argument) in arguments.iter().enumerate() {
            header = header.and(&format!("agi_arg_{}: {argument}", index + 1));
        }
        let session = Session::of(&gateway, &header).await;
        assert_eq!(session.result(), expected, "{arguments:?}");
        if expected == "REFUSED" {
            assert_eq!(event(&gateway, &header)["reason"], "attestation_too_low");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_scripts_and_not_the_port() {
    let folder = people(PEOPLE);
    let before = config("", "", SCRIPT);
    let gateway = Gateway::start_in(Arc::clone(&folder), &before);
    let header = || Header::of(ANNA).with("agi_network_script", "new");
    assert_eq!(Session::of(&gateway, &header()).await.result(), "REFUSED");
    let path = folder.path().join("dialpass.toml");
    std::fs::write(&path, before.replace("script = \"t1\"", "script = \"new\"")).unwrap();
    gateway.signal("HUP");
    gateway.wait_for_line("was read again and is in force");
    assert_eq!(Session::of(&gateway, &header()).await.result(), "TOLD");
    assert_eq!(Session::of(&gateway, &Header::of(ANNA)).await.result(), "REFUSED");
    std::fs::write(&path, before.replace("[fastagi]\nlisten = \"127.0.0.1:0\"", "[fastagi]"))
        .unwrap();
    gateway.signal("HUP");
    gateway.wait_for_line("fastagi.listen");
    assert_eq!(Session::of(&gateway, &header()).await.result(), "TOLD");
}
