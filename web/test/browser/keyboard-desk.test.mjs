// Operations, refunds and overrides by keyboard alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tabTo } from "./keys.mjs";
import { sizes, uuid7 } from "./node.mjs";
import { Box, beside } from "./parts.mjs";
import { stage, until } from "./stage.mjs";

const at = beside();
const s = stage(at.settings);
const place = (table, dish = "mapo-tofu") =>
	s.node.do("order.place", { type: "dine_in", table, guests: 1, lines: [{ dish, qty: 1 }] }, "waiter");
/** Waits for what can be pressed, tabs to it and presses Enter. */
const pressOn = (p) => async (selector, text) => {
	await p.locator(selector, { hasText: text }).first().waitFor();
	await tabTo(p, selector, 250, text);
	await p.keyboard.press("Enter");
};

test("a manager prints a ticket again", async () => {
	await place("T01");
	const p = await s.open("/ops#printers", { role: "manager" });
	await until(() => at.paper.slips.length === 1, "the ticket is on paper");
	await pressOn(p)("button", "Print it again");
	await until(() => at.paper.slips.length === 2, "a copy");
	await p.waitForSelector("text=copy 2");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("an administrator makes a user and sends her home", async () => {
	const p = await s.open("/ops#people", { role: "admin" });
	const press = pressOn(p);
	await press(".ops-bar .main");
	for (const [n, text] of ["xiaomei", "Xiao Mei", "correct horse"].entries()) {
		await tabTo(p, `dialog .ops-form label:nth-child(${n + 1}) input`);
		await p.keyboard.type(text);
	}
	await tabTo(p, "dialog .ops-mini", 60, "Expo");
	await p.keyboard.press("Space");
	await press("dialog .primary");
	await press(".who", "Xiao Mei");
	await tabTo(p, "dialog input[type=checkbox]");
	await p.keyboard.press("Space");
	await press("dialog .primary");
	await p.waitForSelector("tr:has-text('Xiao Mei') .bad");
	const { items } = await s.node.rest("/v1/users?limit=200", { role: "admin" });
	const { roles, disabled } = items.find((u) => u.id === "xiaomei");
	assert.deepEqual([roles.sort(), disabled], [["expo", "waiter"], true]);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a manager gives money back", async () => {
	await place("T12", "kung-pao-chicken");
	const { due } = (await s.node.rest("/v1/stores/demo/tables/T12")).bill;
	const payment = uuid7();
	await s.node.do("payment.create", { table: "T12", provider: "cash", amount: due }, "waiter", payment);
	await s.node.do("payment.confirm", { payment }, "waiter");
	const p = await s.open("/waiter#T12", { role: "manager", size: sizes.tablet });
	const press = pressOn(p);
	await press("nav .bill");
	await press("li button", "Refund");
	await tabTo(p, "dialog input");
	await p.keyboard.press("ControlOrMeta+a");
	await p.keyboard.type("10");
	await press("dialog button", "Quality");
	await p.waitForSelector("text=10.00 went back");
	assert.equal((await s.node.rest("/v1/stores/demo/tables/T12")).bill.refunded, 1000);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a manager lets an order go with a station open", async () => {
	const { order } = await place("T13");
	const p = await s.open("/dispatch", { role: "manager", size: sizes.laptop });
	await p.locator("article", { hasText: "T13" }).waitFor();
	await tabTo(p, ".blocked", 120, "T13");
	await p.keyboard.press("Shift+Enter");
	await pressOn(p)("dialog .btn", "Mistake");
	await until(
		async () => (await s.node.rest(`/v1/stores/demo/orders/${order}/history`)).items.some((x) => x.type === "left_pass" && x.d.overridden),
		"it is in the order's history",
	);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("an alert is acknowledged, its day looked at, the work taken and done", async () => {
	const p = await s.open("/ops#sensors", { role: "manager" });
	const press = pressOn(p);
	const box = await Box.open(s.node, at.hub);
	try {
		box.fail();
		await p.waitForSelector("li.bad", { timeout: 60_000 });
		await press(".main", "Acknowledge");
		await p.waitForSelector("li.warn:has-text('Walk-in cooler'):has-text('Acknowledged')");
		await press(".ops-mini", "Last 24 hours");
		await p.waitForSelector("dialog canvas");
		await press("summary");
		await p.waitForSelector("dialog tbody tr");
		await p.keyboard.press("Escape");
		await p.waitForSelector("dialog", { state: "detached" });
		await press("button", "Take it");
		await press("button", "Done");
		await tabTo(p, "dialog textarea");
		await p.keyboard.type("New refrigerant");
		if (await p.locator("dialog .ops-mini", { hasText: "Discard" }).count()) await press("dialog .ops-mini", "Discard");
		await press("dialog .primary");
		await until(
			async () => (await s.node.rest("/v1/stores/demo/workorders")).items.some((w) => w.what === "New refrigerant" && w.state === "done"),
			"it is on record",
		);
	} finally {
		await box.close();
	}
	await s.close();
	assert.deepEqual(s.errors, []);
});
