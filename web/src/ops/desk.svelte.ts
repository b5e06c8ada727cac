import { rest } from "../lib/auth";
import type { Client } from "../lib/client.svelte";
import { Menus } from "../lib/menus.svelte";
import { why } from "../lib/refusals";
import { Stations } from "../lib/stations.svelte";
import { tell } from "../lib/toast.svelte";
import { t } from "./words";

/** A date some days on; both are YYYY-MM-DD. */
export const addDays = (date: string, n: number) => new Date(Date.parse(`${date}T00:00:00Z`) + n * 86_400_000).toISOString().slice(0, 10);

/** Desk is what every page of operations needs: the connection, the store, its menu and document. */
export class Desk {
	readonly client: Client;
	readonly store: string;
	readonly menus: Menus;
	readonly stations: Stations;

	constructor(client: Client, store: string) {
		this.client = client;
		this.store = store;
		this.menus = new Menus(client, store, "staff");
		this.stations = new Stations(client);
	}

	get currency() {
		return this.menus.index?.menu.currency ?? "CNY";
	}

	get admin() {
		return this.client.session?.roles.includes("admin") ?? false;
	}

	/** A REST call below /v1, or of this store when the path begins with "./". */
	async call<T>(path: string, o: { method?: string; body?: unknown; headers?: Record<string, string> } = {}): Promise<T> {
		return rest<T>(path.startsWith("./") ? `/v1/stores/${this.store}${path.slice(1)}` : path, {
			...o,
			token: await this.client.auth.token(),
		});
	}

	/** Tries what may be refused, and says so when it is; true when it went well. */
	async attempt(what: () => Promise<unknown>, said?: string): Promise<boolean> {
		try {
			await what();
			if (said) tell(said);
			return true;
		} catch (e) {
			tell(why(e), "bad");
			return false;
		}
	}

	/** A file of this store's: it needs the token, so a plain link would not do. */
	async download(path: string, name: string) {
		await this.attempt(async () => {
			const r = await fetch(`/v1/stores/${this.store}${path.slice(1)}`, {
				headers: { Authorization: `Bearer ${await this.client.auth.token()}` },
			});
			if (!r.ok) throw new Error(r.statusText);
			const a = document.createElement("a");
			a.href = URL.createObjectURL(await r.blob());
			a.download = name;
			a.click();
			URL.revokeObjectURL(a.href);
		});
	}

	/** Where orders come from, in words; a partner's channel goes by its own name. */
	channel(id: string) {
		if (id === "qr" || id === "pos" || id === "web") return t(`c_${id}`);
		return id.charAt(0).toUpperCase() + id.slice(1);
	}

	reason(id: string) {
		return t(`r_${id}` as "r_other");
	}
}
