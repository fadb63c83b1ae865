//! Says how a value of another type is written.

use super::schema::is_list_of_sections;

/// What was found and what is accepted, for a value of the wrong type.
///
/// `path` has the names on the way to the key, each with whether it is a list element; `found` and
/// `expected` are the parser's words.
pub(super) fn described(path: &[(String, bool)], found: &str, expected: &str) -> (String, String) {
    let name = path.last().map_or("key", |(name, _)| name.as_str());
    let names: Vec<&str> = path.iter().map(|(name, _)| name.as_str()).collect();
    let section = names.join(".");
    let is_section = expected.starts_with("struct Raw") || expected == "a map";
    let (is_element, is_of_sections) =
        (path.last().is_some_and(|(_, is_list)| *is_list), is_list_of_sections(path));
    // A secret that lacks the brackets of its list is a secret all the same.
    let quoted =
        found.strip_prefix("string ").map(|text| if name == "secrets" { "\"…\"" } else { text });
    let shown = match (found, quoted) {
        ("map", _) if is_of_sections => format!("one section, as [{section}] makes it"),
        ("map", _) => "a section, or keys in braces".to_owned(),
        ("sequence", _) => "a list, or a section in double brackets".to_owned(),
        (found, _) if is_section && found.starts_with("invalid length") => "a list".to_owned(),
        // A text in place of a section may be the secret that belongs in it.
        (_, Some(_)) if is_section || is_of_sections => "a text".to_owned(),
        (_, Some(text)) => text.to_owned(),
        _ => found.to_owned(),
    };
    let accepted = match expected {
        "a sequence" if is_of_sections => {
            format!("[[{section}]], in double brackets, before each of them")
        }
        "a sequence" => {
            format!("a list in brackets: {name} = [{}]", quoted.unwrap_or("\"…\", \"…\""))
        }
        "struct Quota" => "{ burst = 5, per = \"10m\" }".to_owned(),
        _ if is_section && is_element => format!("[[{section}]] with keys of its own"),
        _ if is_section => {
            format!("[{section}] with keys of its own, or {name} = {{ KEY = VALUE, KEY = VALUE }}")
        }
        "a boolean" => "true or false, without quotes".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number that is not too large, without quotes".to_owned()
        }
        "path string" => "a path in quotes".to_owned(),
        "a string" | "string or table" => "a text in quotes".to_owned(),
        "" => "see config/default.toml".to_owned(),
        other => other.to_owned(),
    };
    (shown, accepted)
}
