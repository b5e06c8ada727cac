// Everything by keyboard alone: no mouse, no touch.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false });

/** Presses Tab until what has the focus matches; what is focused must be seen to be. */
async function tabTo(p, selector, most = 120) {
	for (let n = 0; n < most; n++) {
		await p.keyboard.press("Tab");
		const at = await p.evaluate((q) => {
			const e = document.activeElement;
			return e?.matches(q) ? { outline: getComputedStyle(e).outlineStyle, width: getComputedStyle(e).outlineWidth } : null;
		}, selector);
		if (!at) continue;
		assert.ok(at.outline !== "none" && Number.parseFloat(at.width) >= 2.5, `${selector} shows its focus`);
		return;
	}
	throw new Error(`Tab never reached ${selector}`);
}

test("a guest orders and asks to pay", async () => {
	await s.node.do("table.open", { table: "T03", guests: 1 }, "waiter");
	const p = await s.phone("T03", { hasTouch: false, isMobile: false });
	await tabTo(p, "input[type=search]");
	await p.keyboard.type("kung pao chicken");
	await p.waitForFunction(() => document.querySelectorAll("article").length === 1);
	await tabTo(p, ".plus");
	await p.keyboard.press("Enter");
	await p.waitForSelector("dialog .primary");
	await tabTo(p, "dialog input[type=radio]");
	await p.keyboard.press("ArrowDown");
	await tabTo(p, "dialog .primary");
	await p.keyboard.press("Enter");
	await p.waitForSelector("dialog", { state: "detached" });
	await tabTo(p, ".bar");
	await p.keyboard.press("Enter");
	await p.waitForSelector("dialog .line:not(.pending)");
	assert.match(await p.locator("dialog").innerText(), /Medium/, "the arrow chose the next option");
	await tabTo(p, "dialog .primary");
	await p.keyboard.press("Enter");
	await p.waitForSelector(".card ol");
	await tabTo(p, "footer nav button:last-child");
	await p.keyboard.press("Enter");
	await p.waitForSelector(".due");
	await tabTo(p, ".card .primary");
	await p.keyboard.press("Enter");
	await p.waitForSelector("section.card[role=status]");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a waiter seats a table, orders and serves", async () => {
	const p = await s.open("/waiter", { role: "waiter", size: sizes.tablet });
	await p.waitForSelector(".tb");
	await tabTo(p, ".tb.free");
	const id = await p.evaluate(() => document.activeElement.querySelector("b").textContent);
	await p.keyboard.press("Enter");
	await tabTo(p, ".open .primary");
	await p.keyboard.press("Enter");
	await p.waitForSelector(".pane li button");
	await tabTo(p, ".for input");
	await p.keyboard.type("steamed rice");
	await p.waitForFunction(() => document.querySelectorAll(".pane li button").length === 1);
	await tabTo(p, ".pane li button");
	await p.keyboard.press("Enter");
	await tabTo(p, ".draft .primary");
	await p.keyboard.press("Enter");
	const order = await until(
		async () => (await s.node.rest("/v1/stores/demo/orders?limit=50")).items.find((o) => o.table === id && o.state === "accepted"),
		"the order",
	);
	await s.node.do("item.bump", { order: order.id, items: [order.lines[0].items[0].id] }, "kitchen");
	await p.waitForSelector(".mini.ok");
	await tabTo(p, ".mini.ok");
	await p.keyboard.press("Space");
	await until(async () => (await s.node.rest(`/v1/stores/demo/orders/${order.id}`)).lines[0].items[0].state === "served", "served");
	await s.close();
});

test("expo hands off, and a manager takes a dish off sale", async () => {
	const { order } = await s.node.do(
		"order.place",
		{ type: "dine_in", table: "T11", guests: 1, lines: [{ dish: "mapo-tofu", qty: 1 }] },
		"waiter",
	);
	await s.node.do("item.bump", { order, items: ["1"] }, "kitchen");
	const p = await s.open("/dispatch", { role: "expo", size: sizes.laptop });
	await p.waitForSelector("section.ready article");
	await tabTo(p, "section.ready .go");
	await p.keyboard.press("Enter");
	await until(async () => (await s.node.rest(`/v1/stores/demo/orders/${order}`)).lines[0].items[0].state === "served", "served");
	const o = await s.open("/ops", { role: "manager", size: sizes.laptop });
	await o.waitForSelector(".ops-page li");
	await tabTo(o, ".ops-mini.bad");
	await o.keyboard.press("Enter");
	await o.waitForSelector(".toast");
	await s.close();
});
