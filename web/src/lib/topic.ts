import type { Entry, Push, SubResult } from "./frames";
import type { Code } from "./wire";

/** Held is one entity of a topic as this client knows it. */
export interface Held<T> {
	v: number;
	d: T;
}

/**
 * Topic holds the newest view of each of a topic's entities, and the epoch and sequence
 * to resume from. Older versions than what is held are ignored.
 */
export class Topic<T = unknown> {
	readonly name: string;
	entries = new Map<string, Held<T>>();
	epoch = "";
	seq = 0;
	/** Whether an answer has come at all: an empty board is not an unknown one. */
	loaded = false;
	/** Why the server does not show this topic. */
	refused?: Code;
	changed: () => void;

	constructor(name: string, changed: () => void) {
		this.name = name;
		this.changed = changed;
	}

	/** What to ask for: all of it, or what changed since. */
	ask() {
		return this.epoch ? { t: this.name, e: this.epoch, s: this.seq } : { t: this.name };
	}

	subscribed(r: SubResult) {
		this.refused = r.err?.code;
		if (r.err) return this.changed();
		if (r.mode === "snap") this.replace(r.d ?? []);
		else for (const e of r.d ?? []) this.put(e);
		this.epoch = r.e ?? this.epoch;
		this.seq = r.s ?? this.seq;
		this.loaded = true;
		this.changed();
	}

	pushed(p: Push) {
		if (p.snap) {
			this.replace(p.snap);
			this.epoch = p.e ?? this.epoch;
		} else this.put(p);
		if (p.s > this.seq || p.snap) this.seq = p.s;
		this.changed();
	}

	private replace(all: Entry[]) {
		this.entries = new Map();
		for (const e of all) this.put(e);
	}

	private put(e: Entry) {
		if (e.del) {
			this.entries.delete(e.k);
			return;
		}
		const have = this.entries.get(e.k);
		const v = e.v ?? 0;
		if (!have || v >= have.v) this.entries.set(e.k, { v, d: e.d as T });
	}
}
