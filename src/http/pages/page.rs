//! The page: one shell for each language, filled by its script.

use std::sync::LazyLock;

use askama::Template;

use super::assets;
use super::language::Language;
use super::texts::{self, PageTexts};
use crate::http::error::escape_html;

#[derive(Template)]
#[template(path = "page.html", config = "src/http/pages/askama.toml")]
struct Page {
    language: &'static str,
    texts: &'static PageTexts,
    /// JSON, escaped so that HTML parsers find nothing in it.
    script_texts: String,
    /// The modules that the script will load, so that they can be preloaded.
    modules: [&'static str; 3],
}

/// In the order of [`Language::ALL`].
static PAGES: LazyLock<[String; 3]> = LazyLock::new(|| Language::ALL.map(render));

/// The page in a language.
pub(super) fn page(language: Language) -> &'static str {
    &PAGES[language as usize]
}

fn render(language: Language) -> String {
    let texts = texts::of(language);
    let page = Page {
        language: language.code(),
        texts: &texts.page,
        script_texts: escape_html(&texts::json(&texts.script)),
        modules: assets::MODULES,
    };
    page.render().expect("a text takes whatever is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_in_its_language_and_has_nothing_inline_that_runs() {
        for language in Language::ALL {
            let page = page(language);
            assert!(page.contains(&format!("<html lang=\"{}\">", language.code())));
            assert!(page.contains(&texts::of(language).page.loading));
            for script in page.split("<script ").skip(1) {
                let runs = script.starts_with("type=\"module\" src=\"/open/page.js\"></script>");
                let is_data = script.starts_with("type=\"application/json\" id=\"texts\">");
                assert!(runs || is_data, "{script}");
            }
            for inline in ["<style", " style=", "<script>", " onclick", " onload", "javascript:"] {
                assert!(!page.contains(inline), "{inline}");
            }
            assert!(!page.contains("http:") && !page.contains("https:"), "no outside resource");
        }
    }

    #[test]
    fn the_texts_in_the_page_are_those_of_the_file() {
        let page = page(Language::German);
        let json =
            page.split("id=\"texts\">").nth(1).and_then(|rest| rest.split("</script").next());
        let read: texts::ByKey = serde_json::from_str(json.expect("the texts")).expect("JSON");
        assert_eq!(read, texts::of(Language::German).script);
    }
}
