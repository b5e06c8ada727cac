import { expect, test } from "vitest";
import { newID } from "../../src/lib/id";

test("ids are UUIDv7, ascend, and never repeat, also within one millisecond and when the clock goes back", () => {
	const ids = Array.from({ length: 10_000 }, (_, i) => newID(1_800_000_000_000 - (i % 3)));
	for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
	expect(new Set(ids).size).toBe(ids.length);
	expect(ids.map((x) => x.slice(0, 18))).toEqual(ids.map((x) => x.slice(0, 18)).sort());
});
