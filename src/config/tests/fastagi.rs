//! `[fastagi]` and the tenants' scripts.

use super::{TENANT, problem, read};
use crate::fastagi::settings::{Mode, PinPrompt, Sounds};

const SCRIPT: &str = "[[tenants.fastagi]]\nscript='t1'\naddresses=['10.0.0.5','10.1.0.0/16']\n";

fn with(section: &str, scripts: &str) -> String {
    format!("{section}{TENANT}{scripts}")
}

#[test]
fn a_script_has_the_documented_defaults_and_nothing_is_served_without_the_section() {
    assert!(read(TENANT).expect("good").fastagi.is_none());
    let config = read(&with("[fastagi]\n", SCRIPT)).expect("good");
    let listen = config.fastagi.expect("served").listen;
    assert_eq!(listen.to_string(), "127.0.0.1:4573");
    assert!(config.warnings.is_empty() || !format!("{:?}", config.warnings).contains("fastagi"));
    let script = &config.tenants[0].fastagi[0];
    assert_eq!((script.name.as_str(), script.mode, script.repeat), ("t1", Mode::Speak, 2));
    assert_eq!((&script.sounds, &script.pin), (&Sounds::default(), &None));
    let more =
        "mode='variable'\nrepeat=5\nsounds={before='custom/a',after='b',refused='c'}\npin={}\n";
    let config = read(&with("[fastagi]\n", &format!("{SCRIPT}{more}"))).expect("good");
    let script = &config.tenants[0].fastagi[0];
    assert_eq!((script.mode, script.repeat), (Mode::Variable, 5));
    assert_eq!(script.pin, Some(PinPrompt { prompt: String::new(), digits: 4 }));
    assert_eq!(script.sounds.before, "custom/a");
}

#[test]
fn each_mistake_of_fastagi_is_named() {
    let section = "[fastagi]\n";
    let script = |from: &str, to: &str| with(section, &SCRIPT.replace(from, to));
    let more = |keys: &str| with(section, &format!("{SCRIPT}{keys}"));
    let other = TENANT.replace("t1", "t2");
    for (text, key, says) in [
        (with("", SCRIPT), "fastagi", "it opens the port"),
        (
            with("[fastagi]\nlisten='10.0.0.1:4573'\n", SCRIPT),
            "fastagi.listen",
            "allow_plain = true",
        ),
        (with("[fastagi]\nlisten='[::]:4573'\n", SCRIPT), "fastagi.listen", "allow_plain = true"),
        (with("[fastagi]\nlisten='127.0.0.1:9090'\n", SCRIPT), "fastagi.listen", "ops.listen"),
        (with("[fastagi]\nlisten='127.0.0.1:8443'\n", SCRIPT), "fastagi.listen", "server.listen"),
        (with("[fastagi]\nport=1\n", SCRIPT), "fastagi.port", "unknown key"),
        (script("script='t1'\n", ""), "fastagi[0].script", "agi://HOST/SCRIPT"),
        (script("'t1'", "'a/b'"), "fastagi[0].script", "agi://HOST/SCRIPT"),
        (
            script("['10.0.0.5','10.1.0.0/16']", "[]"),
            "fastagi[0].addresses",
            "the Asterisk servers",
        ),
        (script("10.0.0.5", "pbx"), "fastagi[0].addresses", "pbx"),
        (script("addresses=['10.0.0.5','10.1.0.0/16']\n", ""), "fastagi[0].addresses", "nothing"),
        (more("mode='speech'"), "fastagi[0].mode", "variable"),
        (more("repeat=0"), "fastagi[0].repeat", "1 to 5"),
        (more("sounds={before='a b'}"), "fastagi[0].sounds.before", "a sound file"),
        (more("sounds={after='a\"'}"), "fastagi[0].sounds.after", "a sound file"),
        (more("sounds={refused=\"a\\nb\"}"), "fastagi[0].sounds.refused", "a sound file"),
        (more("pin={prompt='a b'}"), "fastagi[0].pin.prompt", "a sound file"),
        (more("pin={digits=33}"), "fastagi[0].pin.digits", "1 to 32"),
        (more(SCRIPT), "tenants[0].fastagi[1].script", "tenants[0].fastagi[0]"),
        (more(&format!("{other}{SCRIPT}")), "tenants[1].fastagi[0].script", "across tenants"),
    ] {
        let problem = problem(&text);
        assert!(problem.contains(key) && problem.contains(says), "{text}: {problem}");
    }
    let listen = "[fastagi]\nlisten='0.0.0.0:4573'\nallow_plain=true\n";
    assert!(read(&with(listen, SCRIPT)).is_ok());
}

#[test]
fn scripts_that_serve_nothing_or_too_many_are_warned_of() {
    let warned = |text: &str, key: &str, says: &str| {
        let warnings = read(text).expect("good").warnings;
        let found = warnings.iter().map(ToString::to_string);
        assert!(
            found.clone().any(|text| text.contains(key) && text.contains(says)),
            "{key}: {:?}",
            found.collect::<Vec<_>>()
        );
    };
    let section = "[fastagi]\n";
    warned(&with(section, ""), "fastagi", "all sessions are refused");
    let wide = SCRIPT.replace("10.1.0.0/16", "0.0.0.0/0");
    warned(
        &with(section, &wide),
        "tenants[0].fastagi[0].addresses",
        "a large part of the internet",
    );
    let pin = format!("{SCRIPT}pin={{}}");
    warned(&with(section, &pin), "tenants[0].fastagi[0].pin", "decides nothing");
}
