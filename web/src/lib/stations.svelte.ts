import { rest } from "./auth";
import type { Client } from "./client.svelte";
import { say } from "./i18n.svelte";
import type { StoreDocument } from "./wire";

/** Stations of the store with their names, from its document; ids where it cannot be read. */
export class Stations {
	document = $state.raw<StoreDocument>();
	private asked = "";

	constructor(client: Client) {
		$effect(() => {
			const store = client.session?.store ?? client.session?.stores?.[0];
			if (store && client.live && this.asked !== store) void this.read(client, store);
		});
	}

	private async read(client: Client, store: string) {
		this.asked = store;
		try {
			this.document = await rest<StoreDocument>(`/v1/stores/${store}`, {
				token: await client.auth.token(),
			});
		} catch {
			this.asked = ""; // the next reconnect asks again
		}
	}

	get list() {
		return this.document?.stations ?? [];
	}

	name = (id: string): string => {
		const s = this.list.find((x) => x.id === id);
		return s ? say(s.name) : id;
	};
}
