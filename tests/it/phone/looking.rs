//! How each view looks: no barrier that axe-core finds, light or dark; nothing wider than the
//! narrowest phone; and pictures for people to look at.

use crate::support::browser::Browser;

/// Looks at the view that is shown, on a phone.
pub async fn look(phone: &Browser, name: &str) {
    phone.must_be_accessible(name).await;
    phone.resize(320, 568).await;
    assert!(!phone.overflows().await, "{name} is wider than 320 pixels");
    phone.screenshot(&format!("{name}-narrow")).await;
    phone.resize(1280, 800).await;
    phone.screenshot(&format!("{name}-desktop")).await;
    phone.resize(390, 844).await;
    phone.screenshot(&format!("{name}-phone")).await;
    phone.show_dark(true).await;
    phone.screenshot(&format!("{name}-dark")).await;
    phone.show_dark(false).await;
}
