/**
 * Has the service worker keep this page and all that it has loaded, so that the app opens
 * without a network. It waits until the first screen has what it needs.
 */
export function keepShell() {
	if (!("serviceWorker" in navigator)) return;
	setTimeout(() => void keep().catch(() => {}), 2000); // without it the app works, but not without a network
}

async function keep() {
	await navigator.serviceWorker.register("/sw.js");
	const { active } = await navigator.serviceWorker.ready;
	const files = performance.getEntriesByType("resource").map((e) => e.name);
	active?.postMessage({ page: location.href, files });
}

/** Loads a part of the app; while the network is away it tries again each second. */
export async function patient<T>(load: () => Promise<T>): Promise<T> {
	for (;;) {
		try {
			return await load();
		} catch {
			await new Promise((again) => setTimeout(again, 1000));
		}
	}
}
