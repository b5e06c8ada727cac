import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Ok } from "../../src/lib/frames";
import { offline, Refused } from "../../src/lib/frames";
import { Outbox, type Queued, tooOld } from "../../src/lib/outbox";

/** A database that several outboxes, one after the other, share. */
class Disk {
	rows = new Map<string, Queued>();
	open = async () => ({
		getAll: async () => [...this.rows.values()],
		put: async (_: string, q: Queued) => (this.rows.set(q.cid, q), q.cid),
		delete: async (_: string, k: string) => void this.rows.delete(k),
	});
}

const refusal = (code: "sold_out" | "overloaded", after_ms = 0) =>
	new Refused({
		code,
		message: "",
		fields: {},
		retry: code === "overloaded",
		after_ms,
	});
let disk: Disk, sent: Queued[], live: boolean, late: Queued[], answer: (q: Queued) => Promise<Ok<unknown>>;

beforeEach(() => {
	vi.useFakeTimers();
	disk = new Disk();
	sent = [];
	late = [];
	live = true;
	answer = async () => ({ v: 1, d: {} });
});
afterEach(() => vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(0);
async function make(owner = "demo/chen") {
	const o = new Outbox({
		send: (q) => (sent.push(q), answer(q)),
		live: () => live,
		changed: () => {},
		refused: (q) => late.push(q),
		open: disk.open as never,
	});
	await o.load(owner);
	return o;
}
const hold = (o: Outbox, order: string) => o.add("item.hold", { order });

test("sends in order, and forgets what is answered", async () => {
	const o = await make();
	await Promise.all([hold(o, "a"), hold(o, "b"), hold(o, "c")]);
	expect(sent.map((q) => (q.d as { order: string }).order)).toEqual(["a", "b", "c"]);
	await settle();
	expect([o.size, disk.rows.size]).toEqual([0, 0]);
});

test("keeps its commands over a cut and a reload, with the same ids, in order", async () => {
	const before = await make();
	live = false;
	for (const x of ["a", "b", "c"]) void hold(before, x).catch(() => {});
	await settle();
	expect([before.size, sent.length, disk.rows.size]).toEqual([3, 0, 3]);
	const ids = [...disk.rows.keys()];
	live = true;
	await make();
	await settle();
	expect(sent.map((q) => q.cid)).toEqual(ids);
	expect(disk.rows.size).toBe(0);
});

test("keeps what was given before it was known whose it is, behind what an earlier page left", async () => {
	live = false;
	const before = await make();
	void hold(before, "a").catch(() => {});
	await settle();
	const o = new Outbox({
		send: (q) => (sent.push(q), answer(q)),
		live: () => live,
		changed: () => {},
		refused: () => {},
		open: disk.open as never,
	});
	void hold(o, "b");
	live = true;
	const loaded = o.load("demo/chen");
	void hold(o, "c");
	expect(sent).toEqual([]);
	await loaded;
	expect(sent.map((q) => [(q.d as { order: string }).order, q.owner])).toEqual(["a", "b", "c"].map((x) => [x, "demo/chen"]));
	await settle();
	expect(disk.rows.size).toBe(0);
});

test("counts, while there is no connection, what an earlier page left", async () => {
	live = false;
	void hold(await make(), "a").catch(() => {});
	await settle();
	expect((await make()).size).toBe(1);
});

test("repeats the same id after a cut or when told to try again, and only then", async () => {
	const o = await make();
	answer = async () => {
		throw sent.length < 3 ? (sent.length === 1 ? offline() : refusal("overloaded", 700)) : refusal("sold_out");
	};
	const asked = hold(o, "a").catch((e) => e.code);
	await vi.advanceTimersByTimeAsync(2000);
	expect(await asked).toBe("sold_out");
	expect(sent.length).toBe(3);
	expect(new Set(sent.map((q) => q.cid)).size).toBe(1);
	expect([o.size, disk.rows.size]).toEqual([0, 0]);
});

test("names what was refused after its page had gone", async () => {
	const before = await make();
	live = false;
	void before.add("item.hold", { order: "a" }, "T03");
	await settle();
	live = true;
	answer = async () => {
		throw refusal("sold_out");
	};
	await make();
	await settle();
	expect(late.map((q) => q.about)).toEqual(["T03"]);
});

test("never sends what another principal left, nor what is too old", async () => {
	const before = await make();
	live = false;
	void hold(before, "a");
	await settle();
	live = true;
	await make("demo/wang");
	await settle();
	expect(sent).toEqual([]);
	vi.setSystemTime(Date.now() + tooOld + 1);
	await make();
	await settle();
	expect([sent.length, disk.rows.size]).toEqual([0, 0]);
});
