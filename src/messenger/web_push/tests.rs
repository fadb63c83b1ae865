//! The hosts that notifications may go to.

use rcgen::KeyPair;

use super::*;
use crate::domain::clock::SystemClock;
use crate::messenger::http_client::client;

fn web_push(hosts: &[&str]) -> WebPush {
    let pem = KeyPair::generate().expect("a key").serialize_pem();
    let contact = "mailto:it@example.com".to_owned();
    let settings = WebPushSettings {
        contact,
        private_key: pem.into(),
        hosts: hosts.iter().map(|host| host.parse().expect("a host")).collect(),
        timeout: Duration::from_secs(1),
    };
    let client = client(None).expect("a client");
    WebPush::new(&settings, Arc::new(SystemClock), client, Handle::current()).expect("a key")
}

#[tokio::test]
async fn a_subscription_is_at_a_host_of_the_list_and_nowhere_else() {
    let push = web_push(&["fcm.example.com", "*.push.example.org", "localhost:8443"]);
    let long = |bytes: usize| {
        let start = "https://fcm.example.com/";
        format!("{start}{}", "x".repeat(bytes - start.len()))
    };
    for good in [
        "https://fcm.example.com/fcm/send/e-T:APA91b_x",
        "https://fcm.example.com:443/wp/x",
        "https://FCM.example.com/x",
        "https://web.push.example.org/QGx?token=a%2fb%3d%3d",
        "https://localhost:8443/push/anna",
        &long(2048),
    ] {
        assert!(push.may_reach(good), "{good}");
    }
    for wrong in [
        "",
        "x",
        "http://fcm.example.com/x",
        "ftp://fcm.example.com/x",
        "//fcm.example.com/x",
        "https://fcm.example.com:8443/x",
        "https://localhost/x",
        "https://localhost:8444/x",
        "https://push.example.org/x",
        "https://evil.com/x?fcm.example.com",
        "https://fcm.example.com.evil.com/x",
        "https://fcm.example.com@evil.com/x",
        "https://evil.com\\@fcm.example.com/x",
        "https://evilpush.example.org/x",
        "https://me@fcm.example.com/x",
        "https://me:pw@fcm.example.com/x",
        "https://:pw@fcm.example.com/x",
        "https://fcm.example.com./x",
        "https://fcm.example.com/x#y",
        "https://fcm.example.com/x#",
        "https://fcm.example.com/x y",
        "https://fcm.example.com/x\n",
        "\thttps://fcm.example.com/x",
        "https://fcm.example.com/é",
        "https://fcm。example.com/x",
        "https://127.0.0.1/x",
        "https://127.0.0.1:8443/x",
        "https://[::1]:8443/x",
        "https://2130706433:8443/x",
        &long(2049),
    ] {
        assert!(!push.may_reach(wrong), "{wrong}");
    }
}
