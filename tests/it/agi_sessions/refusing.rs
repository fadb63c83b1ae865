//! Who gets no code, whatever they send.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn all_refusals_look_the_same() {
    let calls = "[tenants.calls]\naccepted_countries = [\"SE\"]\nrefuse_diverted = true\n";
    let gateway = started("", calls);
    for (header, reason) in [
        (Header::of("+46709990000"), "number_unknown"),
        (Header::of("unknown"), "number_withheld"),
        (Header::of(""), "number_withheld"),
        (Header::of(ANNA).with("agi_callingpres", "32"), "number_withheld"),
        (Header::of(ANNA).with("agi_callingpres", "67"), "number_withheld"),
        (Header::of("1%22,%22attestation"), "number_unparseable"),
        (Header::of("+4790123456"), "country_not_accepted"),
        (Header::of(ANNA).with("agi_rdnis", "+46709999999"), "call_diverted"),
    ] {
        let session = Session::of(&gateway, &header).await;
        assert_eq!(session.told(), ["SET VARIABLE DIALPASS_RESULT REFUSED"], "{reason}");
        let event = event(&gateway, &header);
        assert_eq!((&event["reason"], &event["voice"]), (&json!(reason), &json!("t1")));
    }
    assert_eq!(Session::of(&gateway, &Header::of(ANNA)).await.result(), "TOLD");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_injects_lines_is_refused_before_anything_is_looked_up() {
    let gateway = started("", "[tenants.calls]\nminimum_attestation = \"A\"\n");
    let rest = "agi_callingpres: 0\nagi_rdnis: unknown\nagi_arg_1: success\nagi_arg_2: A\n\n";
    let replies = "200 result=1\n".repeat(20);
    for injected in [
        "agi_callerid: +46701234567".to_owned(),
        "agi_network_script: t1".to_owned(),
        "agi_arg_1: success\nagi_arg_2: A".to_owned(),
        "nonsense".to_owned(),
        // The header's end, and then what would follow if it were Asterisk's.
        rest.to_owned(),
        format!("{rest}200 result=1\n200 result=1 (0)\n"),
        format!("{rest}{replies}"),
        format!("{rest}HANGUP\n{replies}"),
    ] {
        let before = gateway.audit().len();
        let header = Header::of(&format!("{ANNA}\n{injected}"));
        let session = Session::of(&gateway, &header).await;
        assert!(!session.0.iter().any(|command| command.starts_with("SAY")), "{injected}");
        assert_ne!(session.result(), "TOLD", "{injected}");
        wait_until("the event", || gateway.audit().len() > before);
        let event = gateway.audit().pop().expect("an event");
        let expected = if injected.contains("HANGUP") { "hung_up" } else { "agi_header_malformed" };
        assert_eq!((&event["reason"], event.get("number")), (&json!(expected), None), "{injected}");
        assert_eq!((&event["voice"], &event["tenant"]), (&json!("t1"), &json!("t1")));
    }
    assert!(!gateway.log().contains("\"issued\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_has_64_lines_of_512_bytes_and_5_seconds() {
    let gateway = started("", "");
    let long = |lines: usize| {
        let header = Header::of(ANNA);
        let more = lines - header.0.len();
        (1..=more).fold(header, |header, at| header.and(&format!("agi_arg_{at}: x")))
    };
    assert_eq!(Session::of(&gateway, &long(64)).await.result(), "TOLD");
    let wide = |bytes: usize| {
        let name = "x".repeat(bytes - "agi_calleridname: ".len());
        Header::of(ANNA).with("agi_calleridname", &name)
    };
    assert_eq!(Session::of(&gateway, &wide(512)).await.result(), "TOLD");
    for (header, what) in [
        (long(65), "65 lines"),
        (long(5_000), "5,000"),
        (wide(513), "513 bytes"),
        (wide(100_000), "100 kB"),
    ] {
        let mut peer = Peer::connect(&gateway).await;
        // The server may end the session first.
        let _ = peer.replies.write_all(header.text().as_bytes()).await;
        let session = peer.carry_out(|_| Does::AsUsual).await;
        assert_eq!(session.0, ["SET VARIABLE DIALPASS_RESULT REFUSED"], "{what}");
    }
    let slow = |step: Duration| {
        let gateway = &gateway;
        async move {
            let header = Header::of(ANNA);
            let mut peer = Peer::connect(gateway).await;
            for line in &header.0 {
                tokio::time::sleep(step).await;
                if peer.replies.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                    break;
                }
            }
            let _ = peer.replies.write_all(b"\n").await;
            peer.carry_out(|_| Does::AsUsual).await
        }
    };
    let (patient, slow, silent) =
        tokio::join!(slow(Duration::from_millis(50)), slow(Duration::from_millis(300)), async {
            Peer::connect(&gateway).await.carry_out(|_| Does::AsUsual).await
        },);
    assert_eq!(patient.result(), "TOLD");
    assert_eq!(slow.0, ["SET VARIABLE DIALPASS_RESULT ERROR"]);
    assert_eq!(silent.0, ["SET VARIABLE DIALPASS_RESULT ERROR"]);
    event_where(&gateway, |event| event["reason"] == "agi_header_too_slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_served_to_its_own_addresses_only() {
    let scripts =
        format!("{SCRIPT}{}", SCRIPT.replace("t1\"", "t2\"").replace("0.0.1\"", "0.0.2/31\""));
    let gateway = Gateway::start_in(people(PEOPLE), &config("", "", &scripts));
    let from = |last: u8| IpAddr::from([127, 0, 0, last]);
    let refused = ["SET VARIABLE DIALPASS_RESULT REFUSED"];
    for (last, script, expected) in [
        (1, "t1", Ok(())),
        (2, "t1", Err("address_not_listed")),
        (3, "t2", Ok(())),
        (1, "t2", Err("address_not_listed")),
        (1, "t3", Err("script_unknown")),
        (1, "t1/", Err("script_unknown")),
        (1, "T1", Err("script_unknown")),
        (1, "", Err("script_unknown")),
        (4, "t1", Err("address_not_listed")),
    ] {
        let header = Header::of(ANNA).with("agi_network_script", script);
        let mut peer = Peer::connect_from(from(last), &gateway).await;
        peer.say(&header.text()).await;
        let session = peer.carry_out(|_| Does::AsUsual).await;
        match expected {
            Ok(()) => assert_eq!(session.result(), "TOLD", "{last} {script}"),
            Err(reason) => {
                assert_eq!(session.0, refused, "{last} {script}");
                let peer = from(last).to_string();
                let event = event_where(&gateway, |event| {
                    event["peer"] == *peer && event["reason"] == reason
                });
                assert_eq!(event.get("number"), None);
            }
        }
    }
    // A stranger need not say anything, and causes no more lines than others without a credential.
    for _ in 0..100 {
        let peer = Peer::connect_from(from(5), &gateway).await;
        assert_eq!(peer.carry_out(|_| Does::AsUsual).await.0, refused);
    }
    let from_there = |event: &Value| event["peer"] == "127.0.0.5";
    let written = || gateway.audit().iter().filter(|event| from_there(event)).count();
    wait_until("60 events", || written() >= 60);
    assert!(written() < 100, "{} events", written());
    let metrics = metrics(&gateway).await;
    let sample = "dialpass_connections_refused_total{reason=\"fastagi_address\"} 101\n";
    assert!(metrics.contains(sample), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_too_often_is_refused_and_so_is_a_flood_of_sessions() {
    let gateway = started("", "[tenants.limits]\ncalls_per_number = { burst = 2, per = \"1h\" }\n");
    let mut heard = Vec::new();
    for _ in 0..3 {
        let session = Session::of(&gateway, &Header::of(ANNA)).await;
        heard.push(session.result().to_owned());
        if session.result() == "TOLD" {
            assert_eq!(login(&gateway, session.code()).await, 200);
        }
    }
    assert_eq!(heard, ["TOLD", "TOLD", "REFUSED"]);
    event_where(&gateway, |event| event["reason"] == "calls_per_number");

    let limit = "[server.limits]\nrequests_per_client = { burst = 5, per = \"1h\" }\n";
    let gateway = Gateway::start_in(people(PEOPLE), &config(limit, "", SCRIPT));
    let mut told = 0;
    for _ in 0..8 {
        let session = Session::of(&gateway, &Header::of(ANNA)).await;
        told += usize::from(session.result() == "TOLD");
    }
    assert_eq!(told, 5);
}
