// What each page must show beside its main story: ages, pages, shelf and code, portions, rounds, seats.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes, uuid7 } from "./node.mjs";
import { stage, until } from "./stage.mjs";

/** A kitchen where a ticket is a warning after one second and late after three. */
const s = stage({
	lively: false,
	prepare: async ({ node }) => {
		const store = await node.rest("/v1/stores/demo", { role: "admin" });
		for (const type of Object.keys(store.aging_ms)) store.aging_ms[type] = [1000, 3000];
		await node.rest("/v1/stores/demo", { role: "admin", method: "PUT", body: store });
	},
});
const place = (table, lines) => s.node.do("order.place", { type: "dine_in", table, guests: 2, lines }, "waiter");

test("a ticket's age turns yellow and then red, in a word too; tickets go by pages; keys turn sound and page", async () => {
	const p = await s.open("/kitchen", { role: "kitchen", size: sizes.tablet });
	await p.waitForSelector(".empty h2");
	await place("T01", [{ dish: "mapo-tofu", qty: 1 }]);
	await p.waitForSelector(".tk.warn");
	await p.waitForSelector(".tk.late:has-text('Late')");
	await until(async () => (await p.locator(".kpi .bad b").innerText()) === "1", "it is counted");
	const tables = Array.from({ length: 19 }, (_, n) => `T${String(n + 2).padStart(2, "0")}`);
	for (const t of tables) await place(t, [{ dish: "kung-pao-chicken", qty: 1 }]);
	await p.waitForSelector(".pg:has-text('Page 1 of')");
	await until(async () => /more tickets/.test(await p.locator(".more").innerText()), "how many stand on later pages");
	await p.keyboard.press("]");
	await p.waitForSelector(".pg:has-text('Page 2 of')");
	await p.keyboard.press("[");
	await p.waitForSelector(".pg:has-text('Page 1 of')");
	const sound = () => p.locator(".ib[aria-label='Sound']").getAttribute("aria-pressed");
	const was = await sound();
	await p.keyboard.press("m");
	assert.notEqual(await sound(), was);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("takeaway waits on its shelf under its code until a guest has it", async () => {
	const { order, no } = await s.node.do(
		"order.place",
		{ type: "pickup", lines: [{ dish: "mapo-tofu", qty: 1 }], contact: { name: "Ada", phone: "1" } },
		"waiter",
	);
	const { total } = await s.node.rest(`/v1/stores/demo/orders/${order}`);
	const payment = uuid7();
	await s.node.do("payment.create", { order, provider: "cash", amount: total }, "waiter", payment);
	await s.node.do("payment.confirm", { payment }, "waiter");
	await until(async () => (await s.node.rest(`/v1/stores/demo/orders/${order}`)).state === "accepted", "it is paid and accepted");
	await s.node.do("item.bump", { order, items: ["1"] }, "kitchen");
	const p = await s.open("/dispatch", { role: "expo", size: sizes.wall });
	const card = p.locator("article", { hasText: `#${no}` });
	await card.locator("form input").fill("B2");
	await card.locator("form button").click();
	await card.filter({ hasText: "B2" }).waitFor();
	assert.match(await card.locator("header b").innerText(), /\d{3}/, "the code that it is called by");
	await card.locator(".go").click();
	await card.waitFor({ state: "detached" });
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a phone shows how many are left, who added what, the round and when it comes", async () => {
	await s.node.do("stock.count", { dish: "cumin-lamb", qty: 3, low_at: 5 }, "kitchen");
	await s.node.do("table.open", { table: "T22", guests: 2 }, "waiter");
	const [a, b] = [await s.phone("T22"), await s.phone("T22")];
	for (const p of [a, b]) {
		await p.fill("input[type=search]", "cumin lamb");
		await p.waitForSelector("article:has-text('3 left')");
	}
	await a.click(".plus");
	await a.click("dialog .primary"); // how hot it is
	await b.click(".bar");
	await b.waitForSelector("dialog .line .av:not(:has-text('You'))");
	await a.click(".bar");
	await a.waitForSelector("dialog .line .av:has-text('Yo')");
	for (const round of [1, 2]) {
		await a.waitForSelector("dialog .line:not(.pending)");
		await a.click("dialog .primary");
		await a.waitForSelector(`h2:has-text('Round ${round}')`);
		if (round === 2) break;
		await a.click("footer nav button:nth-child(1)");
		await a.waitForSelector("article:has-text('2 left')");
		await a.click(".plus");
		await a.click("dialog .primary"); // how hot it is
		await a.click(".bar");
	}
	await a.waitForSelector(".eta");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a bill is split by seat", async () => {
	await place("T23", [
		{ dish: "mapo-tofu", qty: 1, seat: 1 },
		{ dish: "cola", qty: 1, seat: 2 },
	]);
	const p = await s.open("/waiter#T23", { role: "waiter", size: sizes.tablet });
	await p.click("nav .bill");
	await p.click(".seg button:has-text('By seat')");
	const bill = await until(async () => {
		const { bill } = await s.node.rest("/v1/stores/demo/tables/T23");
		return bill.mode === "seats" && bill;
	}, "split by seat");
	assert.equal(
		bill.parts.reduce((n, x) => n + x.amount, 0),
		bill.total,
	);
	assert.equal(bill.parts.length, 2);
	await s.close();
	assert.deepEqual(s.errors, []);
});
