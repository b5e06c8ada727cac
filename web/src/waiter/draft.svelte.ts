import { newID } from "../lib/id";
import type { Line, Text } from "../lib/wire";

export interface DraftLine {
	line: Line & { id: string };
	name: Text;
	/** What was chosen, for people. */
	says: string;
	unit: number;
}

const key = (table: string) => `brigata.draft.${table}`;

/** Draft is what a waiter has tapped and not sent; it survives a reload of the page. */
export class Draft {
	lines = $state.raw<DraftLine[]>([]);
	private table: string;

	constructor(table: string) {
		this.table = table;
		try {
			this.lines = JSON.parse(localStorage.getItem(key(table)) ?? "[]") as DraftLine[];
		} catch {
			this.lines = [];
		}
	}

	get sum() {
		return this.lines.reduce((n, l) => n + l.unit * l.line.qty, 0);
	}

	private set(lines: DraftLine[]) {
		this.lines = lines;
		if (lines.length) localStorage.setItem(key(this.table), JSON.stringify(lines));
		else localStorage.removeItem(key(this.table));
	}

	add(l: Omit<DraftLine, "line"> & { line: Line }) {
		const bare = (x: Line) => JSON.stringify({ ...x, id: undefined, qty: 0 });
		const same = this.lines.find((x) => bare(x.line) === bare(l.line));
		if (same) this.change(same.line.id, same.line.qty + l.line.qty);
		else this.set([...this.lines, { ...l, line: { ...l.line, id: newID().slice(-12) } }]);
	}

	change(id: string, qty: number) {
		this.set(this.lines.flatMap((l) => (l.line.id !== id ? [l] : qty > 0 ? [{ ...l, line: { ...l.line, qty } }] : [])));
	}

	clear() {
		this.set([]);
	}
}
