// Turns notifications on and off: after a confirmation, and on the page of the Home Screen icon.

import { post } from "./api.js";
import { bytes } from "./passkey.js";
import { button, element, fill, live, paragraph, setBusy, show, showCompany, texts } from "./view.js";

const SCOPE = "/open/";
const PATIENCE = 20_000;

// The page's policy allows no plain string as a worker's URL (Trusted Types).
const createScriptURL = () => "/open/worker.js";
const WORKER =
  globalThis.trustedTypes?.createPolicy("worker", { createScriptURL }).createScriptURL("") ??
  createScriptURL();

/** Whether this page can ask: `here`, only from the Home Screen (`home-screen`), or `never`. */
export function canAsk() {
  const has = "PushManager" in globalThis && "Notification" in globalThis;
  if (has && navigator.serviceWorker) return "here";
  const isTablet = navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1;
  const [, major, minor] = /OS (\d+)_(\d+)/.exec(navigator.userAgent) ?? [];
  // Before 16.4, Apple's pages have no notifications anywhere.
  const isApple = isTablet || Number(major) + Number(minor) / 100 >= 16.04;
  return isApple && navigator.standalone === false ? "home-screen" : "never";
}

/** The part below a confirmation; `answer` is the gateway's. */
export function offer(answer, company) {
  const { device, pushKey, subscribed } = answer;
  const place = element("section", null);
  const fillPlace = (isOn) => {
    const status = live("status");
    if (isOn) {
      status.textContent = texts.notify_on;
      const hadFocus = place.contains(document.activeElement);
      place.replaceChildren(status);
      status.tabIndex = -1;
      return hadFocus && status.focus();
    }
    const onClick =
      canAsk() === "home-screen"
        ? () => homeScreen(device, company)
        : () => turnOn(device, pushKey, status).then((done) => done && fillPlace(true));
    const text = canAsk() === "home-screen" ? texts.home_show : texts.notify;
    place.replaceChildren(
      element("h2", null, texts.notify_title),
      paragraph(fill(texts.notify_text, { company })),
      button("notify", text, onClick),
      status,
    );
  };
  if (subscribed && canAsk() === "here") {
    // Subscriptions change now and then, so send the current one.
    refresh(device, pushKey).then(fillPlace);
  } else {
    fillPlace(false);
  }
  return place;
}

/** Asks the person, subscribes, and informs the gateway; returns whether it worked. */
async function turnOn(device, pushKey, status) {
  const asked = Notification.requestPermission();
  setBusy(true);
  status.textContent = texts.sending;
  let isOn = false;
  let why = texts.notify_failed;
  try {
    if ((await asked) !== "granted") why = texts.notify_blocked;
    else isOn = await Promise.race([subscribe(device, pushKey), afterPatience()]);
  } catch {
    // The browser's error would not help the reader of this page.
  }
  setBusy(false);
  status.textContent = isOn ? "" : why;
  return isOn;
}

/** Some browsers wait forever if their push service cannot be reached. */
function afterPatience() {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE, false));
}

async function refresh(device, pushKey) {
  try {
    return (await subscription()) !== null && (await subscribe(device, pushKey));
  } catch {
    return false;
  }
}

/** The existing subscription, if notifications are allowed. */
async function subscription() {
  if (Notification.permission !== "granted") return null;
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function subscribe(device, pushKey) {
  const registration = await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
  await active(registration);
  const applicationServerKey = bytes(pushKey);
  const had = await registration.pushManager.getSubscription();
  const hadKey = had && new Uint8Array(had.options.applicationServerKey ?? []);
  // A subscription with another key can be neither used nor replaced.
  if (had && String(hadKey) !== String(applicationServerKey)) await had.unsubscribe();
  const options = { userVisibleOnly: true, applicationServerKey };
  const made = await registration.pushManager.subscribe(options);
  const answer = await post("/open/notifications", { device, subscription: made.toJSON() });
  return answer.status === 204;
}

/** Waits for the worker to run; `serviceWorker.ready` is for pages in the worker's scope only. */
function active(registration) {
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  if (worker.state === "activated") return Promise.resolve();
  return new Promise((resolve, reject) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve();
      if (worker.state === "redundant") reject(new Error("the worker did not start"));
    });
  });
}

/**
 * Has the Home Screen's icon open this phone's page. The manifest names no start page, so the icon
 * opens the address that stands here (Web Application Manifest, `start_url`): its fragment, with the
 * phone's token, is sent to no server and stands in no log.
 */
function prepareIcon(device, company) {
  history.replaceState(null, "", `/open/phone#${new URLSearchParams({ device })}`);
  const query = new URLSearchParams({ name: company });
  document.querySelector("link[rel=manifest]").href = `/open/app.webmanifest?${query}`;
}

function homeScreen(device, company) {
  prepareIcon(device, company);
  const steps = [texts.home_share, texts.home_add, texts.home_open];
  const list = steps.map((step) => element("li", null, step));
  show("home-screen", texts.home_title, [paragraph(texts.home_text), element("ol", null, ...list)]);
}

/** The page that the Home Screen icon opens. */
export async function phonePage(device) {
  const say = (text, sign = "bell") => show("phone", texts.phone_title, [paragraph(text)], sign);
  if (canAsk() === "never") return say(texts.phone_unsupported);
  const { status, body } = await post("/open/phone-state", { device });
  if (status === 200) {
    showCompany(body.company);
    if (canAsk() === "home-screen") return homeScreen(device, body.company);
    prepareIcon(device, body.company);
    if (!body.pushKey) return say(texts.phone_unsupported);
    // Only a tap subscribes here: the link may belong to someone else.
    const isOn = body.subscribed && (await subscription().catch(() => null)) !== null;
    return showSwitch(device, body, isOn);
  }
  if (status === 404) return say(texts.phone_gone);
  if (status === 400 || status === 403) {
    const isOn = canAsk() === "here" && (await subscription().catch(() => null));
    return say(isOn ? texts.notify_on : texts.phone_too_old);
  }
  const again = button("try-again", texts.try_again, () => phonePage(device), "main");
  show("failed", texts.away_title, [paragraph(texts.away), again], "bad");
}

function showSwitch(device, phone, isOn) {
  const status = live("status");
  const flip = async () => {
    if (!isOn) return (await turnOn(device, phone.pushKey, status)) && showSwitch(device, phone, true);
    // The browser keeps its subscription, which other registrations on this phone may share.
    const answer = await post("/open/notifications", { device, subscription: null });
    if (answer.status === 204) showSwitch(device, phone, false);
    else status.textContent = texts.away;
  };
  show(
    "phone",
    texts.phone_title,
    [
      paragraph(fill(texts.phone_for, phone)),
      paragraph(isOn ? texts.notify_on : texts.notify_is_off),
      button("notify", isOn ? texts.notify_off : texts.notify, flip, isOn ? null : "main"),
      status,
    ],
    "bell",
  );
}
