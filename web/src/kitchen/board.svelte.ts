import { SvelteSet } from "svelte/reactivity";
import type { Client, View } from "../lib/client.svelte";
import { type Locale, say } from "../lib/i18n.svelte";
import type { ItemState, Text, Ticket, TicketItem } from "../lib/wire";
import { ems, type Heights, type Packable } from "./pack";

export type Band = "new" | "fresh" | "warn" | "late";
const newFor = 45_000;

/** Slip is a ticket on this screen: what the server says, and over it what was just tapped. */
export class Slip {
	readonly k: string;
	v = 0;
	d: Ticket = $state.raw() as Ticket;
	/** Taps that no view shows yet, by item; until is the version that will. */
	taps = $state.raw<ReadonlyMap<string, { state: ItemState; until: number }>>(new Map());
	items: TicketItem[] = $derived.by(() => this.d.items.map((i) => this.tapped(i)));
	open = $derived.by(() => this.items.filter((i) => !i.bumped).length);
	done = $derived.by(() => this.open === 0);
	private times = $derived.by(() => {
		const { fired_at, warn_at, late_at } = this.d;
		return [fired_at, warn_at, late_at].map((x) => (x ? Date.parse(x) : undefined));
	});
	private drawn?: { items: TicketItem[]; look: Look; placed: Placed };

	constructor(k: string, v: number, d: Ticket) {
		this.k = k;
		this.v = v;
		this.d = d;
	}

	private tapped(i: TicketItem): TicketItem {
		const tap = this.taps.get(i.id);
		if (!tap) return i;
		return i.state === "voided" ? { ...i, bumped: true } : { ...i, state: tap.state, bumped: tap.state === "ready" };
	}

	get pending() {
		return this.taps.size > 0;
	}

	take(v: number, d: Ticket) {
		this.v = v;
		this.d = d;
		this.settle((t) => t.until > v);
	}

	tap(ids: string[], state: ItemState) {
		const taps = new Map(this.taps);
		for (const id of ids) taps.set(id, { state, until: Number.POSITIVE_INFINITY });
		this.taps = taps;
	}

	/** The server has answered: a view of version until will show the taps. */
	answered(ids: string[], until: number) {
		const taps = new Map(this.taps);
		for (const id of ids) {
			const tap = taps.get(id);
			if (tap) taps.set(id, { ...tap, until });
		}
		this.taps = taps;
		this.settle((t) => t.until > this.v);
	}

	untap(ids: string[]) {
		this.taps = new Map([...this.taps].filter(([id]) => !ids.includes(id)));
	}

	private settle(keep: (t: { until: number }) => boolean) {
		if ([...this.taps.values()].some((t) => !keep(t))) this.taps = new Map([...this.taps].filter(([, t]) => keep(t)));
	}

	band(now: number): Band {
		const [fired, warn, late] = this.times;
		if (late && now >= late) return "late";
		if (warn && now >= warn) return "warn";
		return fired && now - fired < newFor ? "new" : "fresh";
	}

	age(now: number) {
		const [fired] = this.times;
		return fired ? now - fired : 0;
	}

	/** What packing needs to know; the same as long as the ticket takes the same room. */
	placed(look: Look): Placed {
		const had = this.drawn;
		if (had?.items === this.items && had.look === look) return had.placed;
		const next = { slip: this, top: this.d.note ? look.h.mod : 0, rows: this.items.map((i) => rowHeight(i, look)) };
		const same = had?.placed.top === next.top && `${had.placed.rows}` === `${next.rows}`;
		const placed = same ? had.placed : next;
		this.drawn = { items: this.items, look, placed };
		return placed;
	}
}

/** What a row has room for: how the board is drawn just now. */
export interface Look {
	/** The language of names; their lengths go by it. */
	lang: Locale;
	/** One language a row instead of two. */
	mono: boolean;
	h: Heights;
	/** A column's width, px. */
	column: number;
}

const beside = 70; // border, padding, quantity
const tagged = (i: TicketItem) => i.state === "voided" || i.void_qty > 0 || !!i.flag || (!!i.added_at && !i.bumped);

/** Whether a dish's name takes two lines. */
export function wraps(i: TicketItem, { mono, h, column }: Look): boolean {
	const marks = tagged(i) ? 66 : i.state === "cooking" || i.bumped ? 26 : 0;
	const seat = mono && i.seat ? 44 : 0;
	return ems(say(i.name)) * h.dish > column - beside - marks - seat;
}

/** The height of one item's row with all that hangs below it, px. */
export function rowHeight(i: TicketItem, look: Look): number {
	const { mono, h } = look;
	const choices = i.mods.filter((m) => m.kind === "choice").length; // they share one row
	const below = i.mods.length - choices + (choices ? 1 : 0) + (i.note ? 1 : 0) + (i.combo ? 1 : 0) + (wraps(i, look) ? 1 : 0);
	return (mono ? h.lineMono : h.line) + below * h.mod + (i.allergies.length ? h.allergy : 0);
}

export interface Placed extends Packable {
	slip: Slip;
}

/** Times of tickets that were finished while this screen watched: what the averages are of. */
interface Finished {
	ms: number;
	onTime: boolean;
}

export interface BoardEvents {
	arrived: (s: Slip) => void;
	late: (s: Slip) => void;
}

/** Board turns the topic kitchen.all into slips, and taps into commands. */
export class Board {
	readonly client: Client;
	slips = $state.raw<Slip[]>([]);
	finished = $state.raw<Finished[]>([]);
	hot = new SvelteSet<string>();
	private view: View<Ticket>;
	private byKey = new Map<string, Slip>();
	private wasLate = new Set<string>();
	private counted = new Set<string>();
	private on: BoardEvents;
	private first = true;

	constructor(client: Client, on: BoardEvents) {
		this.client = client;
		this.on = on;
		this.view = client.topic<Ticket>("kitchen.all");
	}

	get loaded() {
		return this.view.loaded;
	}

	/** Follows the topic; the app calls it in an effect. */
	sync() {
		const { entries, loaded } = this.view;
		if (!loaded) return;
		const fresh: Slip[] = [];
		for (const [k, held] of entries) {
			const have = this.byKey.get(k);
			if (!have) {
				const s = new Slip(k, held.v, held.d);
				this.byKey.set(k, s);
				if (held.d.state === "open") fresh.push(s);
			} else if (have.d !== held.d) have.take(held.v, held.d);
			if (held.d.state === "done") this.count(k, held.d);
		}
		for (const k of this.byKey.keys()) if (!entries.has(k)) this.byKey.delete(k);
		this.slips = [...this.byKey.values()].sort((a, b) => order(a.d, b.d));
		if (!this.first) for (const s of fresh) this.on.arrived(s);
		this.first = false;
	}

	/** Tells of each ticket that became late, once. */
	tick(now: number) {
		for (const s of this.slips) {
			if (s.done || this.wasLate.has(s.k) || s.band(now) !== "late") continue;
			this.wasLate.add(s.k);
			this.on.late(s);
		}
	}

	private count(k: string, d: Ticket) {
		const key = `${k}@${d.done_at}`;
		if (this.counted.has(key) || !d.done_at || !d.fired_at) return;
		this.counted.add(key);
		const one = {
			ms: Date.parse(d.done_at) - Date.parse(d.fired_at),
			onTime: !d.late_at || d.done_at <= d.late_at,
		};
		this.finished = [...this.finished, one].slice(-50);
	}

	/** Open tickets of a station, oldest first; "" is all of them. */
	open(station: string): Slip[] {
		return this.slips.filter((s) => !s.done && (!station || s.d.station === station));
	}

	/** Finished ones that can be recalled, latest first. */
	past(station: string): Slip[] {
		return this.slips
			.filter((s) => s.done && (!station || s.d.station === station))
			.sort((a, b) => ((a.d.done_at ?? "~") < (b.d.done_at ?? "~") ? 1 : -1));
	}

	/** Takes items of a slip to a state at once; what the server refuses comes back. */
	private async send(s: Slip, cmd: "item.bump" | "item.start" | "item.recall", items: TicketItem[], to: ItemState) {
		const ids = items.map((i) => i.id);
		if (!ids.length) return;
		s.tap(ids, to);
		try {
			const ok = await this.client.do(cmd, { order: s.d.order, items: ids }, s.d.label);
			s.answered(ids, ok.v);
		} catch (e) {
			s.untap(ids);
			throw e;
		}
	}

	bump(s: Slip) {
		return this.send(
			s,
			"item.bump",
			s.items.filter((i) => !i.bumped),
			"ready",
		);
	}

	recall(s: Slip) {
		return this.send(
			s,
			"item.recall",
			s.items.filter((i) => i.state === "ready" || i.state === "served"),
			"cooking",
		);
	}

	/** What a tap on one line does next. */
	advance(s: Slip, i: TicketItem) {
		if (i.state === "queued") return this.send(s, "item.start", [i], "cooking");
		if (i.state === "cooking" || (i.state === "voided" && !i.bumped)) return this.send(s, "item.bump", [i], "ready");
		if (i.state === "ready") return this.send(s, "item.recall", [i], "cooking");
		return Promise.resolve();
	}

	/** How many of each dish are still to be made. */
	allDay(station: string): { dish: string; name: Text; n: number; cooking: number }[] {
		const by = new Map<string, { dish: string; name: Text; n: number; cooking: number }>();
		for (const s of this.open(station))
			for (const i of s.items) {
				if (i.bumped || i.state === "voided") continue;
				const e = by.get(i.dish) ?? {
					dish: i.dish,
					name: i.name,
					n: 0,
					cooking: 0,
				};
				const n = i.qty - i.void_qty;
				e.n += n;
				if (i.state === "cooking") e.cooking += n;
				by.set(i.dish, e);
			}
		return [...by.values()].sort((a, b) => b.n - a.n);
	}
}

/** Rush first, then what was fired first. */
function order(a: Ticket, b: Ticket): number {
	if (a.rush !== b.rush) return a.rush ? -1 : 1;
	return by(a.fired_at ?? "", b.fired_at ?? "") || a.no - b.no || by(a.id, b.id);
}

const by = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
