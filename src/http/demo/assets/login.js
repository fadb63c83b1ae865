// A service's login form, which has the gateway check name, password and code.
import { ask, duration, outcome } from "./wire.js";

const form = document.getElementById("login");
const button = document.getElementById("log-in");
const place = document.getElementById("login-outcome");

/** The login service's credential. */
const LOGIN_SERVICE = { Authorization: "Bearer demo-vpn", tenant: "demo" };

async function logIn() {
  const { username, password, otp } = form.elements;
  if (!otp.value.trim()) {
    outcome(place, "bad", "The code is missing.", "Press Call on the phone to hear one.");
    otp.focus();
    return;
  }
  const body = { username: username.value, password: password.value, otp: otp.value.trim() };
  button.setAttribute("aria-disabled", "true");
  outcome(place, "waiting", "Asking the gateway…");
  const question = { headers: LOGIN_SERVICE, body };
  const answer = await ask("PUT", "/api/authentication/validateOTP", question, "validate-otp");
  button.removeAttribute("aria-disabled");
  if (answer.status === 200) {
    const again = "Now try the same code again: it is accepted once, ever.";
    return outcome(place, "good", `Welcome, ${answer.body.username}.`, again);
  }
  if (answer.status === 0) {
    return outcome(place, "bad", "The gateway does not answer.", "Is the demo still running?");
  }
  const held = "Name, password or code: which one was wrong is not told.";
  const more = answer.status === 429 ? `Too many tries. Wait ${duration(answer.wait)}.` : held;
  outcome(place, "bad", "You are not logged in.", `${answer.told}. ${more}`);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (button.getAttribute("aria-disabled") !== "true") logIn();
});
