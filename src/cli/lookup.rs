//! `lookup`: who would a caller be, and how was the caller ID read.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{Ended, source, wrong_argument};
use crate::app;
use crate::config::TenantConfig;
use crate::domain::caller_id::NoNumber;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::{Candidates, NotOne};

/// Longer than the server would wait: an administrator wants the answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn run(text: &str, path: PathBuf, tenant: Option<String>) -> Ended {
    let source = source(path);
    let app::Checked { config, prepared, .. } = app::check(&source, &Handle::current())?;
    let ids: Vec<&str> = config.tenants.iter().map(|tenant| tenant.id.as_str()).collect();
    let chosen = match (&tenant, config.tenants.as_slice()) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(id), all) => all.iter().find(|tenant| tenant.id.as_str() == id),
    };
    let Some(chosen) = chosen else {
        let found = tenant.unwrap_or_else(|| "nothing".to_owned());
        return Err(wrong_argument(&source.path, "--tenant", &found, &ids.join(", ")));
    };
    println!("tenant     {}", chosen.id);
    println!("caller ID  {text}");
    let number = match chosen.caller_ids.read(text) {
        Ok(number) => number,
        Err(NoNumber::Withheld) => {
            println!("read as    a withheld number: never looked up, refused");
            return Ok(ExitCode::FAILURE);
        }
        Err(NoNumber::Unparseable) => {
            println!("read as    no telephone number: never looked up, refused");
            return Ok(ExitCode::FAILURE);
        }
    };
    println!("read as    {}", number.key());
    let directory = prepared
        .directories
        .iter()
        .find(|(id, _)| *id == chosen.id)
        .map(|(_, directory)| directory)
        .ok_or_else(|| anyhow::anyhow!("the tenant has no directory"))?;
    let found = directory.find_by_number(&number, Instant::now() + PATIENCE).await;
    match found {
        Ok(candidates) => Ok(verdict(candidates, &number, chosen)),
        Err(error) => {
            println!("directory  {error}");
            for state in directory.states() {
                println!(
                    "           {}: {}",
                    state.name,
                    if state.up { "up" } else { &state.detail }
                );
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn verdict(candidates: Candidates, number: &PhoneNumber, tenant: &TenantConfig) -> ExitCode {
    let plan = &tenant.caller_ids.numbering;
    println!(
        "found      {}{}",
        candidates.users.len(),
        if candidates.truncated { ", and more than the directory lists" } else { "" }
    );
    for user in &candidates.users {
        println!(
            "           {} ({}){}",
            user.username,
            user.locator,
            if user.enabled { "" } else { ", disabled" }
        );
        for value in &user.numbers {
            let says = match plan.read_stored(&value.text) {
                Some(read) if read == *number => "this number".to_owned(),
                Some(read) => format!("another: {}", read.key()),
                None => "not a number".to_owned(),
            };
            println!("             {:?} is {says}", value.text);
        }
    }
    match candidates.exactly_one(number, plan, tenant.ambiguity, None) {
        Ok(user) if user.enabled => {
            println!("verdict    {} would get a code", user.username);
            ExitCode::SUCCESS
        }
        Ok(user) => {
            println!("verdict    refused: {} is disabled", user.username);
            ExitCode::FAILURE
        }
        Err(NotOne::Nobody) => {
            println!("verdict    refused: nobody has this number");
            ExitCode::FAILURE
        }
        Err(NotOne::Several) => {
            println!("verdict    refused: more than one has this number");
            ExitCode::FAILURE
        }
    }
}
