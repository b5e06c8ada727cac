// The shell without a network: hashed assets from the cache, pages from the network with
// the cache behind it. The API is never touched: the apps keep the menu and queue their
// commands themselves.
const cacheName = "brigata-1";
const pageWithin = 1500; // ms until a slow page comes from the cache
const keptMax = 200; // files; all apps of one release are about 60

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

const isAsset = (url) => url.origin === location.origin && (url.pathname.startsWith("/assets/") || url.pathname === "/icon.svg");

self.addEventListener("fetch", (e) => {
	const url = new URL(e.request.url);
	if (e.request.method !== "GET" || url.origin !== location.origin) return;
	if (isAsset(url)) e.respondWith(asset(e.request));
	else if (e.request.mode === "navigate" && !url.pathname.startsWith("/v1/")) e.respondWith(page(e.request, url));
});

/** What a page loaded before the worker was there is kept now; the oldest files make room. */
async function keepAll({ page, files }) {
	const url = new URL(page);
	await keep(shell(url), await fetch(url));
	const cache = await caches.open(cacheName);
	for (const file of files) if (isAsset(new URL(file)) && !(await cache.match(file))) await keep(file, await fetch(file));
	const kept = await cache.keys();
	await Promise.all(kept.slice(0, Math.max(0, kept.length - keptMax)).map((r) => cache.delete(r)));
}
self.addEventListener("message", (e) => e.waitUntil(keepAll(e.data).catch(() => {}))); // offline: the next visit keeps it
