import * as ic from "../lib/icons";
import type { Floor } from "../lib/wire";

export type Look = "free" | "ordering" | "waiting" | "eating" | "bill" | "paid" | "dirty" | "late";

/** How a table looks on the plan: never by colour alone, so each look has its icon and word. */
export function lookOf(f: Floor): Look {
	if (f.late && f.state === "seated") return "late";
	switch (f.state) {
		case "free":
		case "dirty":
		case "paid":
			return f.state;
		case "bill_requested":
			return "bill";
		default:
			return f.phase ?? "ordering";
	}
}

export const icons: Record<Look, string> = {
	free: ic.plus,
	ordering: ic.menu,
	waiting: ic.clock,
	eating: ic.dine,
	bill: ic.bill,
	paid: ic.check,
	dirty: ic.broom,
	late: ic.alert,
};

/** What somebody should do something about, the longest wait first. */
export interface Need {
	key: string;
	table: Floor;
	kind: "call" | "late" | "ready" | "pay";
	since: number;
	call?: Floor["calls"][number];
}

export function needs(all: Floor[]): Need[] {
	const list: Need[] = [];
	for (const f of all) {
		for (const c of f.calls) if (!c.acked_at) list.push({ key: c.id, table: f, kind: "call", since: Date.parse(c.at), call: c });
		const since = f.seated_at ? Date.parse(f.seated_at) : 0;
		if (f.late && f.state === "seated") list.push({ key: `${f.id}-late`, table: f, kind: "late", since });
		if (f.items.ready) list.push({ key: `${f.id}-ready`, table: f, kind: "ready", since });
	}
	const rank = { call: 0, late: 1, ready: 2, pay: 3 };
	return list.sort((a, b) => rank[a.kind] - rank[b.kind] || a.since - b.since);
}
