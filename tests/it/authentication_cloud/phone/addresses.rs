//! Where the server's own URL has an address instead of a name, browsers make no passkeys.

use serde_json::json;

use super::super::*;

#[tokio::test(flavor = "multi_thread")]
async fn at_an_address_the_server_runs_and_warns_and_answers_400_for_apps() {
    for host in ["192.0.2.1", "[2001:db8::1]:8443"] {
        let url = format!("https://{host}");
        let service = Service::start_with(|config| config.replacen(PUBLIC_URL, &url, 1), &[]).await;
        service.gateway.wait_for_line("has an IP address where passkeys need a name");
        service.user("anna", PHONE).await;
        let says = "the channel app is not available: there are no passkeys for an IP address";
        for body in [json!({}), json!({"username": "anna"}), json!({"channel": "push"})] {
            let answer = service.api.enroll(body).await;
            assert_eq!((answer.status, text(&answer.json()["message"])), (400, says.to_owned()));
        }
        for channel in ["app", "qr-code"] {
            let body = json!({"username": "anna", "channel": channel});
            let answer = service.api.approve(body).await;
            assert_eq!((answer.status, text(&answer.json()["message"])), (400, says.to_owned()));
        }
        let push = service.api.approve(json!({"username": "anna"})).await;
        assert_eq!(push.status, 400, "{}", push.body);
        // All else works, and what failed left the intent unused.
        let wish = json!({"username": "anna", "operation": "approve"});
        let page = service.api.with(&service.api.intent(wish).await);
        assert_eq!(page.approve(json!({"channel": "app"})).await.status, 400);
        assert_eq!(page.approve(json!({"channel": "sms"})).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_name_it_does_not_warn() {
    let service = Service::start().await;
    service.user_with_phone("anna").await;
    assert!(!service.gateway.log().contains("passkeys need a name"));
}
