// A customer's page and backend: the backend creates an intent, the page's widget uses it, and the
// backend introspects the widget's final token.
import { ask, outcome } from "./wire.js";

const user = document.getElementById("user");
const place = document.getElementById("widget");
const verdict = document.getElementById("verdict");
const facts = document.getElementById("facts");
const enroll = document.getElementById("enroll");
const approve = document.getElementById("approve-login");

/** The current run; answers to earlier ones are dropped. */
let run = 0;
let widget;

const name = () => user.selectedOptions[0].textContent;

/** A new question replaces the previous one. */
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
  const isEnroll = operation === "enroll";
  const asked = isEnroll ? "Waits for the phone to be registered." : "Waits for the phone’s answer.";
  outcome(verdict, "waiting", asked, "The widget has an intent, good for this one question.");
  const done = isEnroll ? `${name()}’s phone is registered.` : `${name()} has approved the ${about}.`;
  const onResult = (result) => mine === run && finish(mine, operation, body.intentId, result, done);
  widget = globalThis.Dialpass.start(place, { token: body.token, operation, onResult });
}

/** The transaction has ended; only an introspected token allows anything. */
async function finish(mine, operation, intentId, result, done) {
  if (result.status !== "succeeded") {
    const why = result.status === "error" ? `Has ${name()} registered a phone?` : result.message;
    const title = `The widget ended with “${result.status}”.`;
    return outcome(verdict, "bad", title, why, "There is no token, so nothing is allowed.");
  }
  const question = { body: { token: result.token } };
  const { body, told } = await ask("POST", "/demo/introspect", question, "introspection");
  if (mine !== run) return;
  const isThis = body.operation === operation && body.intentId === intentId;
  if (body.active !== true || !isThis) {
    return outcome(verdict, "bad", "The token vouches for nothing.", `${told}.`);
  }
  outcome(verdict, "good", done, "The gateway vouches for the token.");
  show({
    active: "true",
    operation: body.operation,
    user: body.sub,
    message: body.message,
    transaction: body.transactionId,
    "vouched until": new Date(body.exp).toLocaleTimeString("en-GB"),
  });
  lead(true);
}

/** Highlights the next step. */
function lead(isRegistered) {
  enroll.classList.toggle("main", !isRegistered);
  approve.classList.toggle("main", isRegistered);
}

function show(pairs) {
  const there = Object.entries(pairs).filter(([, value]) => value !== undefined);
  const rows = there.flatMap(([title, value]) => {
    const [term, what] = ["dt", "dd"].map((kind) => document.createElement(kind));
    term.textContent = title;
    what.textContent = value;
    return [term, what];
  });
  facts.replaceChildren(...rows);
}

enroll.addEventListener("click", () => start("enroll"));
approve.addEventListener("click", () => start("approve", "login"));
document
  .getElementById("approve-payment")
  .addEventListener("click", () => start("approve", "payment"));
user.addEventListener("change", () => lead(false));
