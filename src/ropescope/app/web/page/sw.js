// The service worker: keeps every file of the page by its hash, so that the page works offline and each version is whole. The
// build writes `BUILT` before this: the SHA-256 of every file by its address, and what is needed to draw the page.

const { files, first } = /** @type {any} */ (self).BUILT;
const NAME = `ropescope ${self.registration.scope}`;
/** Large, and compiled while it comes: it is checked afterwards. */
const STREAMED = /\.wasm$/;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const address = addressOf(event.request);
  if (address !== null) event.respondWith(answer(event, address));
});

/** Where a file of the page is in it, "./" for the page itself; null for what is none of its. */
function addressOf(request) {
  const url = new URL(request.url);
  const scope = new URL(self.registration.scope);
  if (request.method !== "GET" || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return null;
  const path = url.pathname.slice(scope.pathname.length);
  const address = path === "" || path === "index.html" ? "./" : `./${path}`;
  return Object.hasOwn(files, address) ? address : null;
}

/** The key of a file in the cache: two versions share what is the same in both. */
function keyOf(address) {
  return new URL(`${address}?${files[address].slice(0, 16)}`, self.registration.scope).href;
}

async function install() {
  const cache = await caches.open(NAME);
  await Promise.all(first.map(async (address) => (await cache.match(keyOf(address))) ?? put(cache, address, await get(address, "no-cache"))));
}

async function activate() {
  const cache = await caches.open(NAME);
  const wanted = new Set(Object.keys(files).map(keyOf));
  for (const request of await cache.keys()) if (!wanted.has(request.url)) await cache.delete(request);
  await self.clients.claim();
}

async function answer(event, address) {
  const cache = await caches.open(NAME);
  const kept = await cache.match(keyOf(address));
  if (kept) return kept;
  const got = await get(address, "default");
  if (!got.ok) return got;
  if (STREAMED.test(address)) {
    event.waitUntil(put(cache, address, got.clone()).catch(() => {}));
    return got;
  }
  const held = got.clone();
  try {
    await put(cache, address, got);
    return held;
  } catch {
    return new Response("", { status: 409, statusText: "This page was changed since it was opened: load it again." });
  }
}

self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(takeOver());
  if (event.data === "keep the rest") event.waitUntil(keepTheRest());
});

/** A new version begins where no other page still uses the old one. */
async function takeOver() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pages.filter((one) => one.url.startsWith(self.registration.scope)).length < 2) await self.skipWaiting();
}

/** What was not asked for yet, one after the other, so that all of the page works offline. */
async function keepTheRest() {
  const cache = await caches.open(NAME);
  for (const address of Object.keys(files)) {
    if (!(await cache.match(keyOf(address)))) await put(cache, address, await get(address, "default")).catch(() => {});
  }
}

function get(address, cache) {
  return fetch(new URL(address, self.registration.scope), { cache, credentials: "same-origin" });
}

/** Puts a file into the cache if it is the one of this version. */
async function put(cache, address, response) {
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const body = await response.clone().arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hash !== files[address]) throw new Error(`${address} is of another version`);
  await cache.put(keyOf(address), new Response(body, { headers: { "Content-Type": response.headers.get("Content-Type") ?? "" } }));
}
