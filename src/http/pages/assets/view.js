// The page's contents: one view at a time, made of text and buttons. Sends no requests.

/** The texts in the page's language; a word in braces is filled in by `fill`. */
export const texts = JSON.parse(document.getElementById("texts").textContent);

/** The locale for times and numbers: the browser's variant of the page's language. */
export const language =
  navigator.languages?.find((one) => one.split("-")[0] === document.documentElement.lang) ??
  document.documentElement.lang;

const SVG = "http://www.w3.org/2000/svg";
const main = document.querySelector("main");

/** `text` with each `{name}` replaced by the value of that name, literally. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** An element with attributes and children; null and undefined are left out. */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** A paragraph. */
export function paragraph(text, kind) {
  return element("p", { class: kind }, text);
}

/** A paragraph that a screen reader reads out when its text changes: `status` or `alert`. */
export function live(role) {
  return element("p", { role });
}

/** A button; a view's most important one is `main`. */
export function button(id, text, onClick, kind) {
  const made = element("button", { type: "button", id, class: kind }, text);
  made.addEventListener("click", () => {
    if (made.getAttribute("aria-disabled") !== "true") onClick(made);
  });
  return made;
}

/** Names and values in two columns; pairs without a value are left out. */
export function facts(pairs) {
  const there = pairs.filter(([, value]) => value);
  const rows = there.flatMap(([name, value]) => [
    element("dt", null, name),
    element("dd", null, value),
  ]);
  return rows.length ? element("dl", null, ...rows) : null;
}

/** Disables the view's buttons, or enables them again; they keep the focus meanwhile. */
export function setBusy(isBusy) {
  main.setAttribute("aria-busy", String(isBusy));
  for (const one of main.querySelectorAll("button")) {
    one.setAttribute("aria-disabled", String(isBusy));
  }
}

/** Whether the view is busy. */
export function isBusy() {
  return main.getAttribute("aria-busy") === "true";
}

/** Names the company at the top of the page. */
export function showCompany(name) {
  document.getElementById("company").textContent = name;
}

/** Replaces the current view, and moves the focus to the new one's heading. */
export function show(name, title, children, sign) {
  const heading = element("h1", { tabindex: "-1" }, title);
  const parts = [sign && picture(sign), heading, ...children];
  main.dataset.view = name;
  main.setAttribute("aria-busy", "false");
  main.replaceChildren(...parts.filter((part) => part != null));
  document.title = title;
  scrollTo(0, 0);
  heading.focus({ preventScroll: true });
}

/** Adds something below the current view. */
export function add(part) {
  main.append(part);
}

/** An icon above a heading; purely decorative. */
function picture(sign) {
  const made = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${sign}`);
  made.setAttribute("class", `sign ${sign}`);
  made.setAttribute("aria-hidden", "true");
  made.append(use);
  return made;
}
