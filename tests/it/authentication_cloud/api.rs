//! Who asks the API: a backend, a frontend, a stranger; one or many at once.

use std::sync::Arc;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Texted, text};
use crate::support::gateway::{Answer, Gateway};

/// Somebody who asks a node, with a token.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Api {
    pub fn of(gateway: &Gateway, token: &str) -> Self {
        let token = Some(token.to_owned());
        Self { http: gateway.http.clone(), base: gateway.url(""), token }
    }

    /// The same with another token.
    pub fn with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same with no token.
    pub fn stranger(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// A request without a body.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request("POST", path).json(&body)).await
    }

    /// Posts a text as JSON, whatever it is.
    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        let request = self.request("POST", path).header("content-type", "application/json");
        Answer::of(request.body(body.to_owned())).await
    }

    pub async fn enroll(&self, body: Value) -> Answer {
        self.post("/api/v1/users/enroll", body).await
    }

    pub async fn approve(&self, body: Value) -> Answer {
        self.post("/api/v1/approval", body).await
    }

    /// Verifies a code of a text.
    pub async fn verify(&self, texted: &Texted, code: &str) -> Answer {
        let path = format!("/api/v1/users/{}/verification", texted.user);
        self.post(&path, json!({"code": code, "statusToken": texted.token})).await
    }

    /// Verifies a recovery code.
    pub async fn recover(&self, user: &str, code: &str) -> Answer {
        let path = format!("/api/v1/users/{user}/verification");
        self.post(&path, json!({"code": code, "channel": "recovery"})).await
    }

    pub async fn status(&self, token: &str) -> Answer {
        self.stranger().post("/api/v1/status", json!({"statusToken": token})).await
    }

    /// How far a transaction is, in a word.
    pub async fn stage(&self, token: &str) -> String {
        text(&self.status(token).await.json()["status"])
    }

    pub async fn introspect(&self, token: &str) -> Answer {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .finish();
        let request = self
            .request("POST", "/api/v1/introspect")
            .header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(form)).await
    }

    /// Whether a token is active; one that is not is answered nothing else.
    pub async fn is_active(&self, token: &str) -> bool {
        let answer = self.introspect(token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let active = answer.json()["active"].as_bool().expect("a truth");
        assert!(active || answer.body == r#"{"active":false}"#, "{}", answer.body);
        active
    }

    /// An intent token.
    pub async fn intent(&self, body: Value) -> String {
        let answer = self.post("/api/v1/intent", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        text(&answer.json()["token"])
    }

    pub async fn user_named(&self, name: &str) -> Answer {
        self.get(&format!("/api/v1/users?username={name}")).await
    }

    pub async fn user(&self, id: &str) -> Answer {
        self.get(&format!("/api/v1/users/{id}")).await
    }
}

/// The statuses that so many get who ask the same at the same time; each has a connection already.
pub async fn at_once<F>(count: usize, ask: impl Fn(usize) -> F) -> Vec<u16>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let mut asking = JoinSet::new();
    for number in 0..count {
        let (start, asked) = (Arc::clone(&start), ask(number));
        asking.spawn(async move {
            start.wait().await;
            asked.await.status
        });
    }
    asking.join_all().await
}

/// How many of these are this status.
pub fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|one| **one == status).count()
}
