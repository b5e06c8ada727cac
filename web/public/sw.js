// The shell without a network: hashed assets from the cache, pages from the network with
// the cache behind it. The API is never touched: the apps keep the menu and queue their
// commands themselves.
const cacheName = "brigata-1";
const pageWithin = 1500; // ms until a slow page comes from the cache

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (e) => {
	const old = caches.keys().then((keys) => Promise.all(keys.filter((k) => k !== cacheName).map((k) => caches.delete(k))));
	e.waitUntil(old.then(() => self.clients.claim()));
});

/** One page of each app is kept: /t/<key> is the guest's for every key. */
const shell = (url) => `/${url.pathname.split("/")[1]}`;

async function keep(key, response) {
	if (response.ok) await (await caches.open(cacheName)).put(key, response.clone());
	return response;
}

async function asset(request) {
	return (await caches.match(request)) ?? keep(request, await fetch(request));
}

async function page(request, url) {
	const fresh = fetch(request).then((r) => keep(shell(url), r));
	const slow = new Promise((_, reject) => setTimeout(reject, pageWithin));
	try {
		return await Promise.race([fresh, slow]);
	} catch {
		fresh.catch(() => {});
		return (await caches.match(shell(url))) ?? fresh;
	}
}

self.addEventListener("fetch", (e) => {
	const url = new URL(e.request.url);
	if (e.request.method !== "GET" || url.origin !== location.origin) return;
	if (url.pathname.startsWith("/assets/") || url.pathname === "/icon.svg" || url.pathname === "/boot.js") e.respondWith(asset(e.request));
	else if (e.request.mode === "navigate" && !url.pathname.startsWith("/v1/")) e.respondWith(page(e.request, url));
});

// A page that was loaded before the worker was there has its files kept now.
self.addEventListener("message", async (e) => {
	const c = await caches.open(cacheName);
	for (const url of e.data?.keep ?? []) if (!(await c.match(url))) await c.add(url).catch(() => {});
});
