// What a guest's page starts before its app has come: see ../guest/boot.js.

import type { Menu } from "./wire";

/** A menu as a device keeps it. */
export interface Kept {
	etag: string;
	menu: Menu;
}

interface Started {
	/** The exchange of a table's code. */
	granted?: Promise<Response>;
	/** The menu; empty if it is the one that is kept, undefined if it was refused. */
	menu?: Promise<Partial<Kept> | undefined>;
}

/** Takes what was started for the table's code key, once. */
export function take<K extends keyof Started>(what: K, key?: string): Started[K] {
	const b = (globalThis as { brigataBoot?: Started & { key: string } }).brigataBoot;
	if (!b || (key !== undefined && b.key !== key)) return undefined;
	const early = b[what];
	b[what] = undefined;
	return early;
}
