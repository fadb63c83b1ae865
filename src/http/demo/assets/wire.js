// Sends the page's requests to the gateway, and shows requests and answers.

/** The types of requests. */
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

/**
 * Asks, with an object as JSON or a form as such. Returns status (0 without an answer), text, media
 * type, body (of JSON), and seconds to wait; shows both in `at`.
 */
export async function ask(method, path, { headers = {}, body }, at) {
  const isForm = body instanceof URLSearchParams;
  const question = { "Content-Type": isForm ? FORM_TYPE : JSON_TYPE, ...headers };
  const asked = `${method} ${path}\n${lines(question)}\n\n${isForm ? body : pretty(body)}`;
  let answer, text;
  try {
    const request = { method, headers: question, body: isForm ? body.toString() : JSON.stringify(body) };
    answer = await fetch(path, { ...request, cache: "no-store", credentials: "omit" });
    text = await answer.text();
  } catch {
    show(at, `${asked}\n\nNobody answered.`);
    return { status: 0, body: {}, text: "", type: "", wait: 0, told: "no answer" };
  }
  const type = (answer.headers.get("Content-Type") ?? "").split(";")[0];
  const given = parsed(text);
  const told = `${answer.status} ${NAMES[answer.status] ?? ""}`.trim();
  show(at, `${asked}\n\n${told}\n${lines({ "Content-Type": type })}\n\n${given ? pretty(given) : text}`);
  const wait = Number(answer.headers.get("Retry-After"));
  return { status: answer.status, body: given ?? {}, text, type, wait, told };
}

/** JSON, or nothing if it is none. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const NAMES = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

const lines = (headers) =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join("\n");

const pretty = (json) => JSON.stringify(json, null, 2);

function show(at, text) {
  document.getElementById(at).textContent = text;
}

/** The result: a sentence with an icon, and details. */
export function outcome(place, kind, title, ...more) {
  place.className = `outcome ${kind}`;
  const sign = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", kind === "good" ? "#i-good" : "#i-bad");
  sign.setAttribute("aria-hidden", "true");
  sign.append(use);
  const heading = document.createElement("b");
  heading.textContent = title;
  const paragraphs = more.map((text) => {
    const made = document.createElement("p");
    made.textContent = text;
    return made;
  });
  place.replaceChildren(...(kind === "waiting" ? [] : [sign]), heading, ...paragraphs);
}

/** Minutes or seconds, for people. */
export const duration = (seconds) =>
  seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} seconds`;
