import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false });
const table = (id) => s.node.rest(`/v1/stores/demo/tables/${id}`);
const order = async (t) =>
	(await s.node.rest("/v1/stores/demo/orders?limit=200")).items.find((o) => o.table === t && o.state === "accepted");
const floor = async (hash = "") => {
	const p = await s.open(`/waiter${hash}`, { role: "waiter", size: sizes.tablet });
	await p.waitForSelector(hash ? ".view" : ".tb");
	return p;
};
const dish = async (p, name) => {
	await p.fill(".for input", name);
	await p.click(`.pane li button:has-text("${name}")`);
	if (await p.locator("dialog .primary").count()) await p.click("dialog .primary");
};

test("seats, orders in courses, fires the second, moves, merges, splits, is paid", async () => {
	const p = await floor();
	await p.click(".tb:has-text('T02')");
	await p.click(".open .primary");
	await p.waitForSelector(".panes");
	await dish(p, "Smashed Cucumber");
	await p.selectOption(".for select >> nth=1", "2");
	await dish(p, "Ice Jelly");
	await p.waitForSelector(".draft li >> nth=1");
	await p.reload(); // what is not sent survives
	await p.waitForSelector(".draft li >> nth=1");
	await p.click(".draft .primary");
	await p.waitForSelector(".fire");
	const o = await until(() => order("T02"), "the order");
	assert.deepEqual(
		o.lines.map((l) => l.items[0].state),
		["queued", "held"],
	);
	await p.click(".fire");
	await until(async () => (await s.node.rest(`/v1/stores/demo/orders/${o.id}`)).lines[1].items[0].state === "queued", "course 2 is fired");
	const fired = (await s.node.rest(`/v1/stores/demo/orders/${o.id}`)).lines.map((l) => l.items[0].fire_seq);

	await p.click(".acts button:has-text('Move')");
	await p.click("dialog .btn:has-text('T05')");
	await p.waitForSelector("h1:has-text('T05')");
	await s.node.do("order.place", { type: "dine_in", table: "T06", guests: 2, lines: [{ dish: "mapo-tofu", qty: 2 }] }, "waiter");
	await p.click(".acts button:has-text('Merge')");
	await p.click("dialog .btn:has-text('T06')");
	await p.waitForSelector("h1:has-text('T06')");
	const both = await table("T06");
	assert.equal(both.bill.orders.length, 2, "the orders of both sit at one table");
	assert.equal((await table("T02")).state, "free");
	assert.deepEqual(
		(await s.node.rest(`/v1/stores/demo/orders/${o.id}`)).lines.map((l) => l.items[0].fire_seq),
		fired,
		"nothing was fired again",
	);

	await p.click("nav .bill");
	await p.click(".seg button:has-text('By item')");
	await p.waitForSelector(".parts");
	await p.locator("li[draggable]").nth(0).dragTo(p.locator(".part").nth(0));
	for (const n of [1, 2]) await p.locator("li[draggable]").nth(n).locator("button").nth(1).click();
	await p.click("section .primary:has-text('Split so')");
	await until(async () => (await table("T06")).bill.mode === "items", "split by item");
	const { bill } = await table("T06");
	assert.equal(
		bill.parts.reduce((n, x) => n + x.amount, 0),
		bill.total,
	);
	assert.ok(bill.parts.length >= 2);
	await p.click(".seg button:has-text('Evenly')");
	await p.click("section .primary:has-text('Split so')");
	await until(async () => (await table("T06")).bill.mode === "even", "split evenly");

	for (let n = 0; n < 2; n++) {
		await p.click("li .primary:has-text('Take')");
		if (n === 0) await p.click(".pay .seg >> nth=1 >> button >> nth=1");
		await p.click(".pay .primary");
		await p.waitForSelector(".pay", { state: "detached" });
	}
	await until(async () => (await table("T06")).bill.due === 0, "paid");
	const done = (await table("T06")).bill;
	assert.equal(done.paid, done.total);
	assert.equal(done.payments.filter((x) => x.state === "succeeded").length, 2);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a call is seen at once, timed, and acknowledged", async () => {
	await s.node.do("table.open", { table: "T09", guests: 2 }, "waiter");
	const p = await floor();
	const phone = await s.phone("T09");
	await phone.click("footer nav button:nth-child(2)");
	await phone.click(".calls button");
	const need = p.locator("aside li:has-text('T09')");
	await need.waitFor();
	assert.match(await need.innerText(), /calls a waiter[\s\S]*0:0\d/);
	await need.locator(".ack").click();
	await need.waitFor({ state: "detached" });
	await phone.waitForSelector(".calls button:not([disabled])");
	await s.close();
});
