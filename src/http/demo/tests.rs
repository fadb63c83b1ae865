//! The demo's page and its files.

use super::*;

/// Total size of the page's files, in bytes, without the widget and the icon.
const WEIGHT: usize = 50_000;

#[test]
fn the_page_runs_nothing_inline_and_loads_nothing_from_others() {
    for script in PAGE.split("<script ").skip(1) {
        let is_file = script.starts_with("src=\"") || script.starts_with("type=\"module\" src=\"");
        assert!(is_file && script.contains("></script>"), "{script}");
    }
    for inline in ["<style", " style=", "<script>", " onclick", " onload", "javascript:"] {
        assert!(!PAGE.contains(inline), "{inline}");
    }
    let all = ASSETS.iter().map(|asset| String::from_utf8_lossy(&asset.body).into_owned());
    for text in all.chain([PAGE.to_owned()]) {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http:") && !text.contains("https:"), "no outside resource");
    }
}

#[test]
fn whatever_the_page_names_is_there() {
    for path in PAGE.split('"').filter(|text| text.starts_with("/demo/")) {
        assert!(ASSETS.iter().any(|asset| asset.path == path), "{path}");
    }
    for asset in ASSETS.iter().filter(|asset| asset.path != "/demo/page.css") {
        let script = String::from_utf8_lossy(&asset.body);
        for part in script.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(ASSETS.iter().any(|asset| asset.path == format!("/demo/{part}")), "{part}");
        }
        for id in
            script.split("getElementById(\"").skip(1).filter_map(|rest| rest.split('"').next())
        {
            assert!(PAGE.contains(&format!(" id=\"{id}\"")), "{id}");
        }
    }
    for symbol in PAGE.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(PAGE.contains(&format!(" id=\"{symbol}\"")), "{symbol}");
    }
    let whole: usize = ASSETS.iter().map(|asset| asset.body.len()).sum();
    assert!(whole + PAGE.len() < WEIGHT, "{} bytes", whole + PAGE.len());
}

#[test]
fn the_people_of_the_page_are_those_of_the_demo() {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(value.to_owned())
    };
    let shown: Vec<(String, String)> = PAGE
        .split("<input type=\"radio\"")
        .skip(1)
        .filter_map(|tag| Some((attribute(tag, "value")?, attribute(tag, "data-number")?)))
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, number)| (name, digits(&number)))
        .collect();
    let people: toml::Table =
        include_str!("../../../config/demo-people.toml").parse().expect("the people");
    let people: Vec<(String, String)> = people["people"]
        .as_array()
        .expect("people")
        .iter()
        .map(|one| {
            let name = one["username"].as_str().expect("a name").to_owned();
            (name, digits(one["numbers"][0].as_str().expect("a number")))
        })
        .collect();
    assert_eq!(shown, people);
}

#[test]
fn the_page_is_at_one_name_only() {
    let at = |host: &str| {
        let request = actix_web::test::TestRequest::default().insert_header((header::HOST, host));
        is_at(&request.to_http_request(), "http://localhost:8080")
    };
    assert!(at("localhost:8080") && at("LOCALHOST:8080"));
    for other in
        ["127.0.0.1:8080", "[::1]:8080", "localhost", "localhost:80801", "evil.example:8080"]
    {
        assert!(!at(other), "{other}");
    }
}
