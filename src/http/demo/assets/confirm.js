// A customer's page and backend: the backend makes an intent, the page's widget uses it, and the
// backend has the token introspected that the widget ends with.
import { ask, outcome } from "./wire.js";

const user = document.getElementById("user");
const place = document.getElementById("widget");
const verdict = document.getElementById("verdict");
const facts = document.getElementById("facts");
const steps = document.getElementById("steps");

/** What runs now; an answer to an earlier start is dropped. */
let run = 0;
let widget;

const name = () => user.selectedOptions[0].textContent;

async function start(operation, about) {
  const mine = ++run;
  const question = { body: { username: user.value, operation, about } };
  widget?.stop();
  facts.replaceChildren();
  const { status, body, told } = await ask("POST", "/demo/intent", question, "intent");
  if (mine !== run) return;
  if (status === 404) {
    return outcome(verdict, "bad", `${name()} has no phone yet.`, "Register one first.");
  }
  if (status !== 200) return outcome(verdict, "bad", "The gateway gives no intent.", `${told}.`);
  const asked = operation === "enroll" ? "Waits for the phone to be registered." : "Waits for the phone’s answer.";
  outcome(verdict, "waiting", asked, "The widget has an intent, which is good for this one question.");
  const onResult = (result) => mine === run && finish(mine, operation, result);
  widget = globalThis.Dialpass.start(place, { token: body.token, operation, onResult });
}

async function finish(mine, operation, result) {
  if (result.status !== "succeeded") {
    const why = result.status === "error" ? `Has ${name()} registered a phone?` : result.message;
    return outcome(verdict, "bad", `The widget ended with “${result.status}”.`, why, "There is no token, so nothing is allowed.");
  }
  const question = { body: { token: result.token } };
  const { body, told } = await ask("POST", "/demo/introspect", question, "introspection");
  if (mine !== run) return;
  if (body.active !== true || body.operation !== operation || body.transactionId !== result.transactionId) {
    return outcome(verdict, "bad", "The token vouches for nothing.", `${told}.`);
  }
  const done = operation === "enroll" ? `${name()}’s phone is registered.` : `${name()} has approved.`;
  outcome(verdict, "good", done, "The gateway vouches for the token.");
  show({
    active: "true",
    operation: body.operation,
    user: body.sub,
    transaction: body.transactionId,
    "vouched until": new Date(body.exp).toLocaleTimeString("en-GB"),
  });
  steps.dataset.registered = "";
}

function show(pairs) {
  const rows = Object.entries(pairs).flatMap(([title, value]) => {
    const [term, what] = ["dt", "dd"].map((kind) => document.createElement(kind));
    term.textContent = title;
    what.textContent = value;
    return [term, what];
  });
  facts.replaceChildren(...rows);
}

const onClick = (id, action) => document.getElementById(id).addEventListener("click", action);
onClick("enroll", () => start("enroll"));
onClick("approve-login", () => start("approve", "login"));
onClick("approve-payment", () => start("approve", "payment"));
