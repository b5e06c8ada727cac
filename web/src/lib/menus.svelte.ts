import * as boot from "./boot";
import type { Client, View } from "./client.svelte";
import { Refused } from "./frames";
import { MenuIndex } from "./menu";
import type { Availability, Menu, MenuVersion } from "./wire";

/**
 * Menus keeps a store's menu: at once from this device if it was here before, then the
 * server's, and again whenever the topic tells of a new version.
 */
export class Menus {
	index = $state.raw<MenuIndex>();
	readonly topic: View<Availability & Partial<MenuVersion>>;
	private client: Client;
	private key: string;
	private store: string;
	private etag = "";
	private loading = false;

	constructor(client: Client, store: string, audience: "guest" | "staff") {
		this.client = client;
		this.store = store;
		this.key = `brigata.menu.${audience}.${store}`;
		this.topic = client.topic("menu");
		try {
			const kept = JSON.parse(localStorage.getItem(this.key) ?? "null") as boot.Kept | null;
			if (kept) this.take(kept);
		} catch {
			localStorage.removeItem(this.key);
		}
		void this.load();
		$effect(() => {
			const now = this.topic.get(`menu/${store}`)?.version;
			if (now && now !== this.index?.menu.version) void this.load();
		});
	}

	/** How a dish or option stands, by "dish/…" or "option/…"; undefined: as many as one likes. */
	left = (key: string): Availability | undefined => this.topic.get(key);

	async load() {
		if (this.loading) return;
		this.loading = true;
		try {
			const now = (await boot.take("menu")) ?? (await this.ask());
			if (!now.menu) return;
			this.take(now as boot.Kept);
			localStorage.setItem(this.key, JSON.stringify(now));
		} catch (e) {
			if (!(e instanceof Refused || e instanceof TypeError)) throw e; // offline, or not logged in: the old one stands
		} finally {
			this.loading = false;
		}
	}

	/** The server's menu; nothing if it is the one that is here. */
	private async ask(): Promise<Partial<boot.Kept>> {
		const r = await fetch(`/v1/stores/${this.store}/menu`, {
			headers: { Authorization: `Bearer ${await this.client.auth.token()}`, ...(this.etag ? { "If-None-Match": this.etag } : {}) },
		});
		return r.ok ? { etag: r.headers.get("ETag") ?? "", menu: (await r.json()) as Menu } : {};
	}

	private take(k: boot.Kept) {
		this.etag = k.etag;
		this.index = new MenuIndex(k.menu);
	}
}
