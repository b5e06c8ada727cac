import { expect, test } from "vitest";
import { compact, keep, pack, roomy } from "../../src/kitchen/pack";

const ticket = (...rows: number[]) => ({ rows, top: 0 });

test("every row of every ticket stands once, in order, and no column is too high", () => {
	for (const h of [roomy, compact])
		for (let n = 1; n < 40; n++) {
			const list = Array.from({ length: n }, (_, i) =>
				ticket(...Array.from({ length: 1 + ((i * 7) % 12) }, (_, r) => h.line + (r % 3) * h.mod)),
			);
			const segs = pack(list, 4, 900, h).flat(2);
			for (const t of list) {
				const of = segs.filter((s) => s.t === t);
				expect(of[0]!.head && of.at(-1)!.tail).toBe(true);
				let at = 0;
				for (const s of of) {
					expect(s.from).toBe(at);
					at = s.to;
				}
				expect(at).toBe(t.rows.length);
			}
			for (const column of pack(list, 4, 900, h).flat()) {
				const used =
					column.reduce(
						(sum, s) =>
							sum +
							(s.head ? h.head + h.meta : h.cont) +
							h.pad +
							s.t.rows.slice(s.from, s.to).reduce((a, b) => a + b, 0) +
							(s.tail ? h.foot : h.cont),
						0,
					) +
					(column.length - 1) * h.gap;
				expect(used).toBeLessThanOrEqual(900);
			}
		}
});

test("a screen too small for one line still ends, and slots count anew on each page", () => {
	const pages = pack([ticket(50, 50, 50), ticket(50)], 1, 40, roomy);
	expect(pages.length).toBe(4);
	expect(
		pages
			.flat(2)
			.filter((s) => s.head)
			.map((s) => s.slot),
	).toEqual([1, 1]);
});

test("what stands where it stood is the same again; what moved is not", () => {
	const [a, b, c] = [ticket(50, 50), ticket(50), ticket(50)];
	const before = pack([a, b, c], 2, 900, roomy);
	const same = keep(before, pack([a, b, c], 2, 900, roomy)).flat(2);
	expect(same.every((s, i) => s === before.flat(2)[i])).toBe(true);
	const after = keep(before, pack([a, c], 2, 900, roomy)).flat(2);
	expect(after[0]).toBe(before.flat(2)[0]);
	expect(after[1]).not.toBe(before.flat(2)[2]); // its slot is another
	expect(after[1]).toEqual(pack([a, c], 2, 900, roomy).flat(2)[1]);
});
