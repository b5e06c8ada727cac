import type { Availability, Category, Dish, Group, Line, Menu, MenuPart, Option, PartPick, Pick } from "./wire";

/** A menu with what apps look up in it. */
export class MenuIndex {
	readonly menu: Menu;
	readonly dishes: Map<string, Dish>;
	readonly groups: Map<string, Group>;
	/** Categories that sell something, in order, without their tree. */
	readonly sections: { id: string; category: Category; dishes: Dish[] }[] = [];

	constructor(menu: Menu) {
		this.menu = menu;
		this.dishes = new Map(menu.dishes.map((d) => [d.id, d]));
		this.groups = new Map(menu.groups.map((g) => [g.id, g]));
		this.walk(menu.categories);
	}

	private walk(all: Category[]) {
		for (const category of all) {
			const dishes = category.dishes.flatMap((id) => this.dishes.get(id) ?? []);
			if (dishes.length) this.sections.push({ id: category.id, category, dishes });
			this.walk(category.categories);
		}
	}

	price(d: Dish, channel: string): number {
		return d.prices[channel] ?? d.price;
	}

	/** Whether a dish has anything to choose. */
	chooses(d: Dish): boolean {
		return d.groups.some((g) => this.groups.has(g)) || !!d.parts?.length;
	}
}

/** Whether portions can be had, and how many are left where few are. */
export type Left = (key: string) => Availability | undefined;

/** A group as it stands in a form: where it hangs, and what it offers. */
export interface Field {
	path: string;
	group: Group;
	depth: number;
}

/** A part of a combo as it stands in a form, with the groups of the dish chosen for it. */
export interface PartField {
	part: MenuPart;
	path: string;
	fields: Field[];
}

export type Picks = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What is chosen before a form is touched: each group's defaults, each part's first dish that can be had. */
export function defaults(m: MenuIndex, d: Dish, left: Left = () => undefined): Picks {
	const picks: Record<string, Record<string, number>> = {};
	const fill = (path: string, ids: string[]) => {
		for (const id of ids) {
			const g = m.groups.get(id);
			if (!g) continue;
			const here = `${path}/${id}`;
			const chosen = g.options.filter((o) => o.default && left(`option/${o.id}`)?.available !== false);
			picks[here] = Object.fromEntries(chosen.map((o) => [o.id, 1]));
			for (const o of chosen) fill(`${here}/${o.id}`, o.groups ?? []);
		}
	};
	fill("", d.groups);
	for (const p of d.parts ?? []) {
		const first = p.choices.find((c) => left(`dish/${c.dish}`)?.available !== false);
		if (!first || p.min < 1) continue;
		picks[`:${p.id}`] = { [first.dish]: 1 };
		fill(`:${p.id}/${first.dish}`, m.dishes.get(first.dish)?.groups ?? []);
	}
	return picks;
}

/** The groups that a dish's form shows, nested ones below the option that brings them. */
export function fields(m: MenuIndex, ids: string[], picks: Picks, path = "", depth = 0): Field[] {
	return ids.flatMap((id) => {
		const group = m.groups.get(id);
		if (!group) return [];
		const here = `${path}/${id}`;
		const chosen = group.options.filter((o) => picks[here]?.[o.id]);
		return [{ path: here, group, depth }, ...chosen.flatMap((o) => fields(m, o.groups ?? [], picks, `${here}/${o.id}`, depth + 1))];
	});
}

export function partFields(m: MenuIndex, d: Dish, picks: Picks): PartField[] {
	return (d.parts ?? []).map((part) => {
		const path = `:${part.id}`;
		const chosen = Object.keys(picks[path] ?? {});
		return { part, path, fields: chosen.flatMap((id) => fields(m, m.dishes.get(id)?.groups ?? [], picks, `${path}/${id}`)) };
	});
}

/** Sets one option's quantity, within what its group allows: a full group of one swaps. */
export function choose(picks: Picks, f: { path: string; max: number }, id: string, qty: number): Picks {
	const have = { ...picks[f.path] };
	if (qty <= 0) delete have[id];
	else {
		if (f.max === 1) for (const other of Object.keys(have)) delete have[other];
		if (count(have) - (have[id] ?? 0) + qty > f.max) return picks;
		have[id] = qty;
	}
	return { ...picks, [f.path]: have };
}

export const count = (of: Readonly<Record<string, number>> | undefined) => Object.values(of ?? {}).reduce((n, x) => n + x, 0);

/** The groups and parts that still need a choice, by path. */
export function missing(m: MenuIndex, d: Dish, picks: Picks): string[] {
	const parts = partFields(m, d, picks);
	const all = [...fields(m, d.groups, picks), ...parts.flatMap((p) => p.fields)];
	return [
		...all.filter((f) => count(picks[f.path]) < f.group.min).map((f) => f.path),
		...parts.filter((p) => count(picks[p.path]) < p.part.min).map((p) => p.path),
	];
}

function pickList(m: MenuIndex, ids: string[], picks: Picks, path: string): Pick[] {
	return ids.flatMap((id) => {
		const here = `${path}/${id}`;
		return (m.groups.get(id)?.options ?? [])
			.filter((o) => picks[here]?.[o.id])
			.map((o) => {
				const below = pickList(m, o.groups ?? [], picks, `${here}/${o.id}`);
				return { group: id, option: o.id, qty: picks[here]![o.id]!, ...(below.length ? { options: below } : {}) };
			});
	});
}

/** The line that a form stands for. */
export function toLine(
	m: MenuIndex,
	d: Dish,
	picks: Picks,
	more: Omit<Partial<Line>, "dish" | "options" | "parts"> & { qty: number },
): Line {
	const parts: PartPick[] = (d.parts ?? []).flatMap((p) =>
		Object.keys(picks[`:${p.id}`] ?? {}).map((dish) => {
			const options = pickList(m, m.dishes.get(dish)?.groups ?? [], picks, `:${p.id}/${dish}`);
			return { part: p.id, dish, ...(options.length ? { options } : {}) };
		}),
	);
	const options = pickList(m, d.groups, picks, "");
	return { ...more, dish: d.id, ...(options.length ? { options } : {}), ...(parts.length ? { parts } : {}) };
}

/** What one portion costs, minor units: the same rule as the server's. */
export function unitPrice(m: MenuIndex, d: Dish, picks: Picks, channel: string): number {
	const parts = partFields(m, d, picks);
	const all = [...fields(m, d.groups, picks), ...parts.flatMap((p) => p.fields)];
	const options = all.reduce((sum, f) => sum + f.group.options.reduce((n, o: Option) => n + o.price * (picks[f.path]?.[o.id] ?? 0), 0), 0);
	const surcharges = parts.reduce((sum, p) => sum + p.part.choices.reduce((n, c) => n + (picks[p.path]?.[c.dish] ? c.price : 0), 0), 0);
	return m.price(d, channel) + options + surcharges;
}
