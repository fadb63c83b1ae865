//! Which numbers are sent to, and by whom.

use std::time::Duration;

use dialpass::messenger::SendError;

use super::provider::{Manner, Provider};
use super::{messenger, number, send};

const PATIENCE: Duration = Duration::from_secs(10);
const SWEDEN: &str = "+46701234567";
const NORWAY: &str = "+4791234567";
const JAMAICA: &str = "+18765550123";
/// An international network's.
const NOWHERE: &str = "+883510012345678";

async fn good() -> Provider {
    Provider::start(Manner::Answer("200 OK", String::new())).await
}

#[tokio::test]
async fn a_refused_country_gets_nothing_and_neither_does_a_number_of_no_country() {
    let provider = good().await;
    let section = provider.section("main", "");
    for (rules, reached) in [
        ("", vec![SWEDEN, NORWAY, JAMAICA, NOWHERE]),
        ("[tenants.sms]\ndenied_countries = [\"JM\"]\n", vec![SWEDEN, NORWAY]),
        ("[tenants.sms]\nallowed_countries = [\"SE\"]\n", vec![SWEDEN]),
        (
            "[tenants.sms]\nallowed_countries = [\"SE\", \"NO\"]\ndenied_countries = [\"SE\"]\n",
            vec![NORWAY],
        ),
    ] {
        let messenger = messenger(&format!("{rules}{section}"));
        for to in [SWEDEN, NORWAY, JAMAICA, NOWHERE] {
            let expected = reached.contains(&to);
            assert_eq!(messenger.reaches(&number(to)), expected, "{rules}: {to}");
            let before = provider.count();
            let (sent, _) = send(&messenger, to, "1", PATIENCE).await;
            let answer = if expected { Ok(()) } else { Err(SendError::CountryRefused) };
            assert_eq!(sent, answer, "{rules}: {to}");
            assert_eq!(provider.count() - before, usize::from(expected), "{rules}: {to}");
        }
    }
}

#[tokio::test]
async fn who_is_named_for_a_country_is_asked_first_and_who_is_for_others_never() {
    let (world, nordic, caribbean) = (good().await, good().await, good().await);
    let counts = || [world.count(), nordic.count(), caribbean.count()];
    let messenger = messenger(
        &(world.section("world", "")
            + &nordic.section("nordic", "countries = [\"SE\", \"NO\"]")
            + &caribbean.section("caribbean", "countries = [\"JM\"]")),
    );
    for (to, expected) in [
        (SWEDEN, [0, 1, 0]),
        (JAMAICA, [0, 1, 1]),
        (NOWHERE, [1, 1, 1]),
        ("+4532123456", [2, 1, 1]),
    ] {
        assert_eq!(send(&messenger, to, "1", PATIENCE).await.0, Ok(()), "{to}");
        assert_eq!(counts(), expected, "{to}");
    }
    nordic.behave(Manner::Close);
    assert_eq!(send(&messenger, NORWAY, "1", PATIENCE).await.0, Ok(()));
    assert_eq!(counts(), [3, 2, 1], "the one for all takes over");
}

#[tokio::test]
async fn where_every_provider_is_for_other_countries_nothing_is_reached() {
    let nordic = good().await;
    let messenger = messenger(&nordic.section("nordic", "countries = [\"SE\", \"NO\"]"));
    assert!(messenger.reaches(&number(SWEDEN)));
    for to in [JAMAICA, NOWHERE] {
        assert!(!messenger.reaches(&number(to)), "{to}");
        let (sent, _) = send(&messenger, to, "1", PATIENCE).await;
        assert_eq!(sent, Err(SendError::CountryRefused), "{to}");
    }
    assert_eq!(nordic.count(), 0);
}
