// Packs tickets into columns and pages by fixed row heights, so that no layout is ever
// read from the DOM.

/** What packing needs to know of a ticket: its rows' heights in order. */
export interface Packable {
	rows: number[];
	/** Extra rows under the header (the order's note), px. */
	top: number;
}

/** About how wide a text is in Inter at a weight of 650, in ems: a CJK sign is one. */
export function ems(text: string): number {
	let n = 0;
	for (const c of text) n += c > "\u2e7f" ? 1 : c === " " ? 0.28 : c >= "A" && c <= "Z" ? 0.68 : 0.56;
	return n;
}

/** Seg is the part of one ticket that stands in one column. */
export interface Seg<T> {
	t: T;
	from: number;
	to: number;
	slot: number;
	head: boolean;
	tail: boolean;
}

export interface Heights {
	head: number;
	meta: number;
	pad: number;
	line: number;
	lineMono: number;
	mod: number;
	allergy: number;
	foot: number;
	cont: number;
	gap: number;
	column: number;
	/** The dish's letters. */
	dish: number;
}

export const roomy: Heights = {
	head: 58,
	meta: 30,
	pad: 10,
	line: 50,
	lineMono: 42,
	mod: 26,
	allergy: 34,
	foot: 54,
	cont: 28,
	gap: 12,
	column: 294,
	dish: 21,
};
/** For screens less than 900 px high. */
export const compact: Heights = {
	head: 44,
	meta: 24,
	pad: 6,
	line: 40,
	lineMono: 34,
	mod: 21,
	allergy: 27,
	foot: 50,
	cont: 24,
	gap: 8,
	column: 232,
	dish: 17,
};

/** The pages again with the parts that are as they were before: what shows one then has nothing to do. */
export function keep<T>(before: Seg<T>[][][], now: Seg<T>[][][]): Seg<T>[][][] {
	const had = new Map<T, Seg<T>[]>();
	for (const s of before.flat(2)) had.set(s.t, [...(had.get(s.t) ?? []), s]);
	const same = (a: Seg<T>, b: Seg<T>) => a.from === b.from && a.to === b.to && a.slot === b.slot;
	return now.map((page) => page.map((column) => column.map((s) => had.get(s.t)?.find((x) => same(x, s)) ?? s)));
}

/** First-come packing; long tickets continue in the next column with a perforated edge. */
export function pack<T extends Packable>(list: T[], columns: number, height: number, h: Heights): Seg<T>[][][] {
	const pages: Seg<T>[][][] = [];
	let page: Seg<T>[][] = [[]];
	let used = 0;
	let slot = 0;
	const nextColumn = () => {
		if (page.length === columns) {
			pages.push(page);
			page = [[]];
			slot = 0;
		} else page.push([]);
		used = 0;
	};
	for (const t of list) {
		const { rows } = t;
		let from = 0;
		let first = true;
		do {
			const above = first ? h.head + h.meta + t.top + h.pad : h.cont + h.pad;
			const gap = page.at(-1)!.length ? h.gap : 0;
			const room = height - used - gap - above;
			let to = from;
			let body = 0;
			while (to < rows.length) {
				const need = rows[to]! + (to === rows.length - 1 ? h.foot : h.cont);
				if (body + need > room) break;
				body += rows[to++]!;
			}
			if (rows.length - to === 1 && to - from > 2) body -= rows[--to]!; // no line alone
			const splits = to - from >= 2 && rows.length - to >= 2;
			if (to < rows.length && used > 0 && !splits) {
				nextColumn();
				continue;
			}
			if (to === from && rows.length) body = rows[to++]!; // a tiny screen shows one line at a time
			if (first) slot++;
			const tail = to === rows.length;
			page.at(-1)!.push({ t, from, to, slot, head: first, tail });
			used += gap + above + body + (tail ? h.foot : h.cont);
			from = to;
			first = false;
			if (!tail) nextColumn();
		} while (from < rows.length);
	}
	if (page.some((c) => c.length)) pages.push(page);
	return pages;
}
