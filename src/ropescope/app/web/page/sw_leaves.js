// What the server gives as sw.js, which it does without. A page of files that was at this address before left a service worker, which
// would go on to answer in the place of the server: this one takes its place, lets go of what it kept, and leaves.

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("install", () => void worker.skipWaiting());
worker.addEventListener("activate", (event) => event.waitUntil(leave()));

async function leave() {
  for (const name of await caches.keys()) if (name.startsWith("ropescope ")) await caches.delete(name);
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  await worker.registration.unregister();
  for (const page of pages) {
    const address = new URL(page.url);
    // With the same address and a fragment nothing would be loaded: a lone "?" makes it another.
    if (address.hash) address.href = address.href.replace(/\??#/, address.href.includes("?#") ? "#" : "?#");
    await page.navigate(address.href).catch(() => {});
  }
}
