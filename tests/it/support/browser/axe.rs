//! What axe-core has against a page.

use serde_json::Value;

use super::Browser;
use super::tools::axe;

impl Browser {
    /// What is wrong with the page for those who can't see or point: `rule: what (where)`.
    pub async fn barriers(&self) -> Vec<String> {
        // By the driver, whose scripts no content security policy holds back.
        self.script(&axe(), &[]).await;
        let run = "const found = await axe.run(document, {resultTypes: ['violations']});\
                   return {passed: found.passes.length, violations: found.violations};";
        let found = self.async_script(run, &[]).await;
        let passed = found["passed"].as_u64().unwrap_or_default();
        assert!(passed > 0, "axe looked at nothing: {found}");
        let violations = found["violations"].as_array().expect("violations");
        violations.iter().map(barrier).collect()
    }

    /// There must be nothing wrong with the page, as it is light and as it is dark.
    pub async fn must_be_accessible(&self, view: &str) {
        for dark in [true, false] {
            self.show_dark(dark).await;
            let barriers = self.barriers().await;
            let scheme = if dark { "dark" } else { "light" };
            assert!(barriers.is_empty(), "{view}, {scheme}:\n{}", barriers.join("\n"));
        }
    }
}

fn barrier(violation: &Value) -> String {
    let part = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let nodes = violation["nodes"].as_array().expect("nodes").iter();
    let nodes: Vec<String> = nodes
        .map(|node| format!("{}: {}", part(node, "html"), part(node, "failureSummary")))
        .collect();
    format!("{}: {} ({})", part(violation, "id"), part(violation, "help"), nodes.join("; "))
}
