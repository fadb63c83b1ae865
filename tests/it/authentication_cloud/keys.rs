//! Access keys: what opens the API.

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_api_from_its_making_to_its_revocation() {
    let service = Service::start().await;
    let ping = service.api.get("/ping").await;
    assert_eq!((ping.status, ping.body.as_str()), (200, "PONG"));
    assert_eq!(ping.header("content-type"), "text/plain; charset=utf-8");
    let next = access_key(service.gateway.folder(), "t1");
    let api = service.api.with(&next.text);
    assert_eq!(api.get("/ping").await.status, 200, "at once");
    let revoke = ["access-key", "revoke", "--tenant", "t1", "--id", &next.id];
    assert!(command(service.gateway.folder(), &revoke).status.success());
    assert_eq!(api.get("/ping").await.status, 403, "at once");
    assert_eq!(api.enroll(json!({"channel": "recovery"})).await.status, 403);
    assert_eq!(service.api.get("/ping").await.status, 200, "the other goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_tenant_that_is_not_configured_any_more_opens_nothing() {
    let service = Service::start().await;
    let other = service.backend_of("t2");
    assert_eq!(other.get("/ping").await.status, 200);
    let config = std::fs::read_to_string(service.gateway.file("dialpass.toml")).unwrap();
    let (kept, _) = config.rsplit_once("[[tenants]]").expect("two tenants");
    std::fs::write(service.gateway.file("dialpass.toml"), kept).unwrap();
    service.gateway.signal("HUP");
    service.gateway.wait_for_line("the configuration was read again and is in force");
    assert_eq!(other.get("/ping").await.status, 403);
    assert_eq!(service.api.get("/ping").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_nothing_of_the_other_api_and_the_other_way_round() {
    let service = Service::start().await;
    let call = service
        .api
        .request("PUT", "/api/authentication/getOTP")
        .header("tenant", "t1")
        .json(&json!({"phonenumber": PHONE}));
    assert_eq!(crate::support::gateway::Answer::of(call).await.status, 403);
    assert_eq!(service.api.with("vpn-secret").get("/ping").await.status, 403);
}
