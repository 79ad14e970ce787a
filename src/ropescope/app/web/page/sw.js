// The service worker: keeps every file of the page by its hash, so that the page works offline and each version is whole. The
// build writes `BUILT` before this: the SHA-256 of every file by its address, and what is needed to draw the page.

const sw = /** @type {ServiceWorkerGlobalScope & { BUILT: { files: Record<string, string>, first: string[] } }} */ (/** @type {unknown} */ (self));
const { files, first } = sw.BUILT;
const NAME = `ropescope ${sw.registration.scope}`;
/** Large, and compiled while it comes: it is checked afterwards. */
const STREAMED = /\.wasm$/;

sw.addEventListener("install", (event) => event.waitUntil(install()));
sw.addEventListener("activate", (event) => event.waitUntil(activate()));
sw.addEventListener("fetch", (event) => {
  const address = addressOf(event.request);
  if (address !== null) event.respondWith(answer(event, address));
});
sw.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(takeOver());
  if (event.data === "keep the rest") event.waitUntil(keepTheRest());
});

/** Where a file of the page is in it, "./" for the page itself; null for anything else. @param {Request} request */
function addressOf(request) {
  const url = new URL(request.url);
  const scope = new URL(sw.registration.scope);
  if (request.method !== "GET" || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return null;
  const path = url.pathname.slice(scope.pathname.length);
  const address = path === "" || path === "index.html" ? "./" : `./${path}`;
  return Object.hasOwn(files, address) ? address : null;
}

/** The key of a file in the cache: two versions share what is the same in both. @param {string} address */
function keyOf(address) {
  return new URL(`${address}?${files[address].slice(0, 16)}`, sw.registration.scope).href;
}

async function install() {
  const cache = await caches.open(NAME);
  await Promise.all(first.map(async (address) => (await cache.match(keyOf(address))) ?? put(cache, address, await get(address, "no-cache"))));
}

async function activate() {
  const cache = await caches.open(NAME);
  const wanted = new Set(Object.keys(files).map(keyOf));
  for (const request of await cache.keys()) if (!wanted.has(request.url)) await cache.delete(request);
  await sw.clients.claim();
}

/** @param {FetchEvent} event @param {string} address */
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

/** A new version begins where no other page still uses the old one. */
async function takeOver() {
  const pages = await sw.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pages.filter((one) => one.url.startsWith(sw.registration.scope)).length < 2) await sw.skipWaiting();
}

/** What was not asked for yet, one after the other, so that all of the page works offline. */
async function keepTheRest() {
  const cache = await caches.open(NAME);
  for (const address of Object.keys(files)) {
    if (!(await cache.match(keyOf(address)))) await get(address, "default").then((got) => put(cache, address, got)).catch(() => {});
  }
}

/** @param {string} address @param {RequestCache} cache */
function get(address, cache) {
  return fetch(new URL(address, sw.registration.scope), { cache, credentials: "same-origin" });
}

/** Puts a file into the cache if it is the one of this version. @param {Cache} cache @param {string} address @param {Response} response */
async function put(cache, address, response) {
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const body = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hash !== files[address]) throw new Error(`${address} is of another version`);
  const kept = new Response(body, { headers: { "Content-Type": response.headers.get("Content-Type") ?? "" } });
  await cache.put(keyOf(address), kept).catch(() => {}); // a full disk: the host still has it
}
