// Runs before the guest's app has come: exchanges the table's code and asks for the menu,
// so that both are under way while the app is still being loaded. auth.ts and
// menus.svelte.ts take what it started; without it they ask by themselves.
(() => {
	const key = decodeURIComponent(location.pathname.split("/")[2] ?? "");
	const read = (k) => {
		try {
			return JSON.parse(localStorage.getItem(k));
		} catch {
			return null;
		}
	};
	const login = read("brigata.login.guest");
	const held = login && login.key === key && Date.now() < login.until;
	let phone = localStorage.getItem("brigata.phone"); // this phone's secret, a UUIDv7
	if (!phone) {
		const time = Date.now().toString(16).padStart(12, "0");
		const r = Array.from(crypto.getRandomValues(new Uint8Array(10)), (b) => b.toString(16).padStart(2, "0")).join("");
		phone = `${time.slice(0, 8)}-${time.slice(8)}-7${r.slice(0, 3)}-a${r.slice(3, 6)}-${r.slice(6, 18)}`;
		localStorage.setItem("brigata.phone", phone);
	}
	const exchange = () => {
		const body = JSON.stringify({ qr: key, guest: phone });
		return fetch("/v1/guest", { method: "POST", headers: { "Content-Type": "application/json" }, body });
	};
	const granted = held ? undefined : exchange();
	const grant = held ? Promise.resolve(login) : granted.then((r) => (r.ok ? r.clone().json() : null));
	const menu = grant.then((g) => {
		if (!g) return undefined;
		const kept = read(`brigata.menu.guest.${g.store}`);
		return fetch(`/v1/stores/${g.store}/menu`, {
			headers: { Authorization: `Bearer ${g.token}`, ...(kept ? { "If-None-Match": kept.etag } : {}) },
		});
	});
	for (const p of [granted, menu]) p?.catch(() => {});
	globalThis.brigataBoot = { key, granted, menu };
})();
