// Shows pushed notifications, and opens the page that they name. Stores nothing, and handles no
// page's requests.

const TEXTS = {/* texts */};

const texts = TEXTS[navigator.languages.map((one) => one.split("-")[0]).find((one) => TEXTS[one])] ?? TEXTS.en;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  // Browsers require a notification for every push, even one that makes no sense.
  let pushed = {};
  try {
    pushed = event.data.json() ?? pushed;
  } catch {}
  const company = pushed.company ?? "dialpass";
  const open = address(pushed.open);
  const shown = self.registration.showNotification(texts.title.replace("{company}", () => company), {
    body: pushed.prompt ?? texts.body,
    icon: "/open/icon-192.png",
    tag: open,
    requireInteraction: true,
    data: { open },
  });
  event.waitUntil(shown);
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(bring(address(event.notification.data?.open)));
});

/** Only opens pages of this gateway; anything else leads to the page without a link. */
function address(open) {
  try {
    const url = new URL(open, self.location.origin);
    if (url.origin === self.location.origin && url.pathname === "/open") return url.href;
  } catch {}
  return new URL("/open", self.location.origin).href;
}

/** Opens the page, or focuses the window that already shows it. */
async function bring(open) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((one) => one.url === open);
  return there ? there.focus() : self.clients.openWindow(open);
}
