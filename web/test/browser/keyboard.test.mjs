// Everything by keyboard alone: no mouse, no touch.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tabTo } from "./keys.mjs";
import { sizes } from "./node.mjs";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false });

test("a guest orders, calls the waiter and asks to pay", async () => {
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
	await tabTo(p, ".calls .btn");
	await p.keyboard.press("Enter");
	await until(async () => (await s.node.rest("/v1/stores/demo/tables/T03")).calls.some((c) => c.kind === "waiter"), "the call");
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
	await tabTo(p, ".mini.ok", 200);
	await p.keyboard.press("Space");
	await until(async () => (await s.node.rest(`/v1/stores/demo/orders/${order.id}`)).lines[0].items[0].state === "served", "served");
	await s.close();
});

test("a waiter fires a course, moves, merges, splits and is paid", async () => {
	await s.node.do(
		"order.place",
		{
			type: "dine_in",
			table: "T05",
			guests: 2,
			lines: [
				{ dish: "mapo-tofu", qty: 1 },
				{ dish: "ice-jelly", qty: 1, course: 2 },
			],
		},
		"waiter",
	);
	await s.node.do("order.place", { type: "dine_in", table: "T06", guests: 2, lines: [{ dish: "cola", qty: 2 }] }, "waiter");
	const p = await s.open("/waiter#T05", { role: "waiter", size: sizes.tablet });
	const table = (id) => s.node.rest(`/v1/stores/demo/tables/${id}`);
	const press = async (selector, text) => {
		await p.waitForSelector(selector);
		await tabTo(p, selector, 250, text);
		await p.keyboard.press("Enter");
	};
	await press(".fire");
	await p.waitForSelector(".fire", { state: "detached" });
	await press(".acts button:nth-child(1)");
	await press("dialog .btn", "T07");
	await p.waitForSelector("h1:has-text('T07')");
	assert.equal((await table("T05")).state, "free");
	await press(".acts button:nth-child(2)");
	await press("dialog .btn", "T06");
	await p.waitForSelector("h1:has-text('T06')");
	assert.equal((await table("T06")).bill.orders.length, 2);
	await press("nav .bill");
	await press(".seg button:nth-child(2)");
	await press("section > .primary");
	for (let n = 0; n < 2; n++) {
		await press("li .primary:not([disabled])");
		await press(".pay .row .primary:not([disabled])");
		await p.waitForSelector(".pay", { state: "detached" });
		await until(async () => (await p.locator("em.succeeded").count()) > n, "it is taken");
	}
	await until(async () => (await table("T06")).bill?.due === 0, "all is paid");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("expo selects by digit and hands over by the same, names a driver, and keys can be switched off", async () => {
	const { order } = await s.node.do(
		"order.place",
		{ type: "dine_in", table: "T11", guests: 1, lines: [{ dish: "mapo-tofu", qty: 1 }] },
		"waiter",
	);
	const away = await s.node.do(
		"order.place",
		{ type: "delivery", lines: [{ dish: "kung-pao-chicken", qty: 1 }], contact: { name: "Zhou", phone: "1", address: "88 Renmin Road" } },
		"waiter",
	);
	await s.node.do("order.accept", { order: away.order });
	await s.node.do("item.bump", { order, items: ["1"] }, "kitchen");
	const p = await s.open("/dispatch", { role: "expo", size: sizes.laptop });
	await p.waitForSelector("[data-slot='1'] .go");
	const keys = "header .ib";
	await tabTo(p, keys);
	await p.keyboard.press("Enter");
	await p.keyboard.press("1");
	assert.equal(await p.evaluate(() => !!document.activeElement.closest("article")), false, "keys are off");
	await p.keyboard.press("Enter");
	await p.keyboard.press("1");
	assert.equal(await p.evaluate(() => document.activeElement.closest("article").dataset.slot), "1");
	await p.keyboard.press("1");
	await until(async () => (await s.node.rest(`/v1/stores/demo/orders/${order}`)).lines[0].items[0].state === "served", "served");
	await s.node.do("item.bump", { order: away.order, items: ["1"] }, "kitchen");
	await p.waitForSelector("section.ready [data-slot='1']:has-text('Zhou') .go");
	await p.keyboard.press("1");
	await p.keyboard.press("Enter"); // no driver yet: it asks
	await p.waitForSelector("dialog input");
	await tabTo(p, "dialog label:first-child input");
	await p.keyboard.type("Li Wei");
	await p.keyboard.press("Enter");
	await p.waitForSelector("article:has-text('Li Wei')");
	await p.keyboard.press("1");
	await p.keyboard.press("Enter");
	await until(async () => (await s.node.rest(`/v1/stores/demo/orders/${away.order}`)).delivery === "picked_up", "it is on its way");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a cook starts a line, bumps, undoes, recalls a chosen ticket and turns to a station", async () => {
	const { order } = await s.node.do(
		"order.place",
		{ type: "dine_in", table: "T12", guests: 1, lines: [{ dish: "mapo-tofu", qty: 1 }] },
		"waiter",
	);
	const state = async () => (await s.node.rest(`/v1/stores/demo/orders/${order}`)).lines[0].items[0].state;
	const p = await s.open("/kitchen", { role: "kitchen", size: sizes.wall });
	await p.waitForSelector(".tk:has-text('T12')");
	await tabTo(p, ".ln button", 250, "T12");
	await p.keyboard.press("Enter");
	await until(async () => (await state()) === "cooking", "it cooks");
	const slot = () => p.locator(".tk:has-text('T12') .slot").innerText();
	const digit = await slot();
	await p.keyboard.press(digit);
	await p.waitForSelector(".tk.selected:has-text('T12')");
	await p.keyboard.press(digit);
	await until(async () => (await state()) === "ready", "it is bumped");
	await tabTo(p, ".undo button");
	await p.keyboard.press("Enter");
	await until(async () => (await state()) === "cooking", "undone");
	await p.waitForSelector(".tk.selected:has-text('T12')"); // what came back is selected
	await p.keyboard.press("Enter");
	await until(async () => (await state()) === "ready", "bumped by Enter");
	await tabTo(p, ".rec");
	await p.keyboard.press("Enter");
	await p.waitForSelector("dialog li button");
	await tabTo(p, "dialog li button", 60, "T12");
	await p.keyboard.press("Enter");
	await until(async () => (await state()) === "cooking", "a chosen one is back");
	await tabTo(p, "nav .tab:last-child");
	await p.keyboard.press("Enter");
	await p.waitForSelector("nav .tab:last-child[aria-current=page]");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a manager takes a dish off sale and back, edits the menu and publishes it", async () => {
	const o = await s.open("/ops", { role: "manager", size: sizes.laptop });
	await o.waitForSelector(".ops-page li");
	await tabTo(o, ".ops-mini.bad");
	await o.keyboard.press("Enter");
	await o.waitForSelector(".toast");
	await o.waitForSelector("li.bad, li:has-text('Out (86)')");
	await o.keyboard.press("Control+z");
	await until(async () => !(await s.node.rest("/v1/stores/demo/stock")).items.some((x) => x.mode === "out"), "it is back on sale");
	await tabTo(o, "nav a[href='#menu']", 400);
	await o.keyboard.press("Enter");
	await o.waitForSelector(".list li button");
	await tabTo(o, ".list input");
	await o.keyboard.type("smashed cucumber");
	await o.waitForFunction(() => document.querySelectorAll(".list li button").length === 1);
	await tabTo(o, ".list li button");
	await o.keyboard.press("Enter");
	await o.waitForSelector(".ed");
	await tabTo(o, ".ed .numbers input");
	await o.keyboard.press("ControlOrMeta+a");
	await o.keyboard.type("21");
	await tabTo(o, ".ops-bar .main", 250);
	await o.keyboard.press("Enter");
	await until(
		async () => (await s.node.rest("/v1/stores/demo/menu")).dishes.find((d) => d.id === "smashed-cucumber").price === 2100,
		"published",
	);
	await s.close();
	assert.deepEqual(s.errors, []);
});
