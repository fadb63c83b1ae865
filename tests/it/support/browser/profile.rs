//! What a browser is: a phone or a desktop, its size, its languages, light or dark.

use serde_json::{Value, json};

use super::Browser;

/// What a browser says it is and how it shows pages.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The phone's model; empty for a desktop.
    model: &'static str,
    /// Its platform in the client hints.
    platform: &'static str,
    /// Its user agent, unless it is its own.
    user_agent: Option<&'static str>,
    /// Whether it has client hints.
    hints: bool,
    size: (u32, u32),
    languages: &'static str,
    dark: bool,
}

/// A desktop's window.
pub const DESKTOP: Profile = Profile {
    model: "",
    platform: "Linux",
    user_agent: None,
    hints: true,
    size: (1280, 800),
    languages: "en-US,en",
    dark: false,
};

/// A phone that says its model and platform in client hints.
pub const PHONE: Profile = Profile {
    model: "Pixel 9",
    platform: "Android",
    user_agent: Some(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/156.0.0.0 Mobile Safari/537.36",
    ),
    hints: true,
    size: (390, 844),
    languages: "en-US,en",
    dark: false,
};

/// A phone that has no client hints, and its name in the user agent.
pub const IPHONE: Profile = Profile {
    model: "iPhone",
    platform: "iOS",
    user_agent: Some(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    ),
    hints: false,
    ..PHONE
};

impl Profile {
    /// The same of another size, in CSS pixels.
    pub fn of_size(&self, width: u32, height: u32) -> Self {
        Self { size: (width, height), ..self.clone() }
    }

    /// The same with other languages, as `navigator.languages` has them: `sv-SE,sv`.
    pub fn speaking(&self, languages: &'static str) -> Self {
        Self { languages, ..self.clone() }
    }

    /// The same in dark.
    pub fn dark(&self) -> Self {
        Self { dark: true, ..self.clone() }
    }

    fn is_phone(&self) -> bool {
        !self.model.is_empty()
    }

    /// The capabilities that a session is asked for with.
    pub fn capabilities(&self) -> Value {
        let (width, height) = self.size;
        let mut options = json!({
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-default-apps",
                "--disable-sync",
                "--disable-breakpad",
                "--disable-crash-reporter",
                "--no-proxy-server",
                "--hide-scrollbars",
                // All names are this machine, and nothing outside is asked.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
                format!("--window-size={width},{height}"),
                format!("--accept-lang={}", self.languages),
            ],
            "prefs": {"intl.accept_languages": self.languages},
            "perfLoggingPrefs": {"enableNetwork": true, "enablePage": false},
        });
        if self.is_phone() {
            options["mobileEmulation"] = json!({"deviceMetrics":
                {"width": width, "height": height, "pixelRatio": 2, "touch": true, "mobile": true}});
        }
        json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"script": 20_000, "pageLoad": 30_000, "implicit": 0},
            "unhandledPromptBehavior": "ignore",
        })
    }

    /// Sets what a session can't be asked for with.
    pub async fn prepare(&self, browser: &Browser) {
        if let Some(user_agent) = self.user_agent {
            let mut what = json!({"userAgent": user_agent, "acceptLanguage": self.languages});
            if self.hints {
                what["userAgentMetadata"] = json!({
                    "brands": [{"brand": "Chromium", "version": "156"}],
                    "platform": self.platform, "platformVersion": "16.0.0",
                    "architecture": "", "model": self.model, "mobile": true,
                });
            }
            browser.devtools("Emulation.setUserAgentOverride", what).await;
        }
        if !self.hints {
            // Else it would tell of the browser that this really is.
            let source = "delete Navigator.prototype.userAgentData;";
            let what = json!({"source": source});
            browser.devtools("Page.addScriptToEvaluateOnNewDocument", what).await;
        }
        browser.show_dark(self.dark).await;
    }
}

impl Browser {
    /// Whether pages are to be dark; nothing on them moves.
    pub async fn show_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            // A picture of a colour that is changing would be of neither.
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Shows pages in another size, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": true});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }
}
