import { expect, test } from "vitest";
import { Topic } from "../../src/lib/topic";

const topic = () => {
	let told = 0;
	const t = new Topic<string>("floor", () => told++);
	return { t, told: () => told };
};

test("asks for everything first, then for what changed since", () => {
	const { t, told } = topic();
	expect(t.ask()).toEqual({ t: "floor" });
	t.subscribed({
		t: "floor",
		e: "a",
		s: 7,
		mode: "snap",
		d: [{ k: "x", s: 7, v: 1, d: "one" }],
	});
	t.pushed({ t: "floor", k: "y", s: 9, v: 1, d: "two" });
	expect(t.ask()).toEqual({ t: "floor", e: "a", s: 9 });
	expect(told()).toBe(2);
	t.subscribed({
		t: "floor",
		e: "a",
		s: 12,
		mode: "delta",
		d: [
			{ k: "x", s: 11, del: true },
			{ k: "z", s: 12, v: 4, d: "three" },
		],
	});
	expect([...t.entries.keys()]).toEqual(["y", "z"]);
	expect(t.seq).toBe(12);
});

test("a snapshot replaces what is held, and an older version never does", () => {
	const { t } = topic();
	t.subscribed({
		t: "floor",
		e: "a",
		s: 1,
		mode: "snap",
		d: [{ k: "x", s: 1, v: 5, d: "new" }],
	});
	t.pushed({ t: "floor", k: "x", s: 2, v: 4, d: "old" });
	expect(t.entries.get("x")?.d).toBe("new");
	t.pushed({ t: "floor", k: "x", s: 3, v: 5, d: "same version, other view" });
	expect(t.entries.get("x")?.d).toBe("same version, other view");
	t.pushed({
		t: "floor",
		k: "",
		e: "b",
		s: 2,
		snap: [{ k: "q", s: 2, v: 1, d: "only" }],
	});
	expect([...t.entries.keys()]).toEqual(["q"]);
	expect(t.ask()).toEqual({ t: "floor", e: "b", s: 2 });
});
