//! Three nodes on one database: a phone that opens a link comes to any of them.

use serde_json::json;

use super::super::nodes::Nodes;
use super::super::*;
use super::Linked;
use crate::cluster::NODES;
use crate::support::soft_phone::SoftPhone;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_asks_is_confirmed_at_any_other_once() {
    let nodes = Nodes::start().await;
    for at in 0..NODES {
        let name = format!("user{at}");
        let linked = Linked::of(&nodes.api(at).enroll(json!({"username": name})).await);
        let options = nodes.api(at + 1).options(&linked.token).await;
        let mut phone = SoftPhone::at(PUBLIC_URL).counting();
        let made = phone.make(&options).await.unwrap();
        assert_eq!(nodes.api(at + 2).confirm(&linked.token, &made).await.status, 200);
        for other in 0..NODES {
            assert_eq!(nodes.api(other).stage(&linked.status).await, "succeeded");
            assert_eq!(nodes.api(other).confirm(&linked.token, &made).await.status, 412);
            let user = nodes.api(other).user(&linked.user).await.json();
            assert_eq!(
                (&user["status"], &user["authenticators"][0]["name"]),
                (&json!("active"), &json!("Android"))
            );
        }
        let body = json!({"username": name, "channel": "app", "message": "Pay CHF 100"});
        let asked = Linked::of(&nodes.api(at + 1).approve(body.clone()).await);
        assert_eq!(nodes.api(at).sign(&asked.token, &mut phone).await.status, 200);
        let declined = Linked::of(&nodes.api(at).approve(body).await);
        assert_eq!(nodes.api(at + 1).decline(&declined.token).await.status, 204);
        assert_eq!(nodes.api(at + 2).look(&declined.token).await.json()["stage"], "failed");
        let user = nodes.api(at).user(&linked.user).await.json();
        let id = text(&user["authenticators"][0]["authenticatorId"]);
        let path = format!("/api/v1/authenticators/{id}");
        assert_eq!(nodes.api(at + 1).delete(&path).await.status, 204);
        assert_eq!(nodes.api(at + 2).user(&linked.user).await.json()["status"], "new");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_answers_at_several_nodes_at_once_one_is_accepted() {
    let nodes = Nodes::start().await;
    let apis: Vec<_> = (0..NODES).map(|at| nodes.api(at)).collect();
    for round in 0..5 {
        let body = json!({"username": format!("user{round}")});
        let linked = Linked::of(&nodes.api(round).enroll(body).await);
        let mut phone = SoftPhone::at(PUBLIC_URL);
        let made = phone.make(&nodes.api(0).options(&linked.token).await).await.unwrap();
        let at_all = |token: &str, credential: &serde_json::Value| {
            let (apis, token, credential) = (apis.clone(), token.to_owned(), credential.clone());
            at_once(9, move |number| {
                let api = apis[number % NODES].clone();
                let (token, credential) = (token.clone(), credential.clone());
                async move { api.confirm(&token, &credential).await }
            })
        };
        let statuses = at_all(&linked.token, &made).await;
        assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 8), "{statuses:?}");
        let user = nodes.api(0).user(&linked.user).await.json();
        assert_eq!(user["authenticators"].as_array().unwrap().len(), 1);
        let body = json!({"userId": linked.user, "channel": "app"});
        let asked = Linked::of(&nodes.api(round).approve(body).await);
        let signed = phone.sign(&nodes.api(1).options(&asked.token).await).await.unwrap();
        let statuses = at_all(&asked.token, &signed).await;
        assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 8), "{statuses:?}");
        assert_eq!(nodes.api(2).stage(&asked.status).await, "succeeded");
    }
}
