// The demo's page: each chapter is independent.
import "./phone.js";
import "./login.js";
import "./confirm.js";
