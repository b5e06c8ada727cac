// Stands in the guest's page itself and runs before the app has come: exchanges the table's
// code and asks for the menu, both at once, while the app is still being loaded. auth.ts and
// menus.svelte.ts take what it started; without it they ask by themselves.
(() => {
	const code = location.pathname.split("/")[2] ?? "";
	const key = decodeURIComponent(code);
	const read = (k) => {
		try {
			return JSON.parse(localStorage.getItem(k));
		} catch {
			return null;
		}
	};
	const last = read("brigata.login.guest");
	const login = last?.key === key ? last : null;
	let phone = localStorage.getItem("brigata.phone"); // this phone's secret, a UUIDv7
	if (!phone) {
		const time = Date.now().toString(16).padStart(12, "0");
		const r = Array.from(crypto.getRandomValues(new Uint8Array(10)), (b) => b.toString(16).padStart(2, "0")).join("");
		phone = `${time.slice(0, 8)}-${time.slice(8)}-7${r.slice(0, 3)}-a${r.slice(3, 6)}-${r.slice(6, 18)}`;
		localStorage.setItem("brigata.phone", phone);
	}
	const kept = login && read(`brigata.menu.guest.${login.store}`);
	const menu = fetch(`/v1/guest/menu?qr=${code}`, { headers: kept ? { "If-None-Match": kept.etag } : {} }).then(async (r) =>
		r.ok ? { etag: r.headers.get("ETag") ?? "", menu: await r.json() } : r.status === 304 ? {} : undefined,
	);
	const exchange = () => {
		const body = JSON.stringify({ qr: key, guest: phone });
		return fetch("/v1/guest", { method: "POST", headers: { "Content-Type": "application/json" }, body });
	};
	const granted = login ? undefined : exchange();
	for (const p of [granted, menu]) p?.catch(() => {});
	globalThis.brigataBoot = { key, granted, menu };
	// The first of its kind loads the language's data, a tenth of a second on a slow phone: now nobody waits for it.
	const lang = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("brigata.lang") ?? navigator.language;
	new Intl.NumberFormat(lang.startsWith("zh") ? "zh-CN" : "en", { style: "currency", currency: "CNY", currencyDisplay: "narrowSymbol" });
})();
