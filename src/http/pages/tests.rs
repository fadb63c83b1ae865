//! The pages as browsers get them, and their size.

use super::*;

/// Most bytes that the page may transfer, including everything it may load later.
const PAGE: usize = 50_000;

/// Most bytes that it may transfer before a phone can confirm.
const UNTIL_CONFIRMED: usize = 32_000;

/// Largest size of the script that customers embed, in bytes.
const WIDGET: usize = 20_000;

fn weight(paths: impl Fn(&str) -> bool) -> usize {
    let assets = assets::all().iter().filter(|asset| paths(asset.path));
    assets.map(|asset| asset.body.len()).sum()
}

#[test]
fn a_page_load_weighs_little() {
    let icons = |path: &str| path.starts_with("/open/icon-");
    let parts = weight(|path| !icons(path));
    let later = weight(|path| ["/open/notifications.js", "/open/worker.js"].contains(&path));
    for language in Language::ALL {
        let whole = parts + page::page(language).len() + manifest::manifest("", language).len();
        assert!(whole < PAGE, "{language:?}: {whole} bytes");
        let first = whole - later;
        assert!(first < UNTIL_CONFIRMED, "{language:?}: {first} bytes");
    }
    let widget = assets::widget("https://id.example.com").body.len();
    assert!(widget < WIDGET, "{widget} bytes");
    assert!(weight(icons) < 12_000, "{} bytes", weight(icons));
}

#[test]
fn whatever_the_page_names_is_served() {
    let page = page::page(Language::English);
    let named = page.split('"').filter(|text| text.starts_with("/open/"));
    for path in named {
        let is_served = path == MANIFEST || assets::all().iter().any(|asset| asset.path == path);
        assert!(is_served, "{path}");
    }
    for module in assets::MODULES {
        let name = module.trim_start_matches("/open");
        let is_imported = |text: &str| text.contains(&format!("from \".{name}\""));
        assert!(is_imported(include_str!("assets/page.js")), "{module}");
    }
}
