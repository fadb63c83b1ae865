// The demo's page: each chapter for itself.
import "./phone.js";
import "./login.js";
import "./confirm.js";
