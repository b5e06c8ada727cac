// Printers, sensors, nodes and reports, with real ones behind them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes, uuid7 } from "./node.mjs";
import { Box, beside } from "./parts.mjs";
import { stage, until } from "./stage.mjs";

const at = beside({ providers: true });
const s = stage(at.settings);
const place = (table, dish = "mapo-tofu", qty = 1) =>
	s.node.do("order.place", { type: "dine_in", table, guests: 1, lines: [{ dish, qty }] }, "waiter");

test("a printer out of paper is seen; a double click prints one copy, and a wanted one is never swallowed", async () => {
	const p = await s.open("/ops#printers", { role: "manager" });
	at.paper.out = true;
	await place("T01");
	await p.waitForSelector("li.bad:has-text('p-wok'):has-text('failing')");
	assert.equal(at.paper.slips.length, 0);
	at.paper.out = false;
	await p.waitForSelector("li.ok:has-text('p-wok')", { timeout: 30_000 });
	await until(() => at.paper.slips.length === 1, "the ticket is on paper, once");
	const again = p.locator("button:has-text('Print it again')");
	await again.evaluate((b) => {
		b.click();
		b.click();
	});
	await until(() => at.paper.slips.length === 2, "a copy");
	await p.waitForSelector("text=copy 2");
	await again.click(); // asked for on purpose, it is printed again however alike it is
	await until(() => at.paper.slips.length === 3, "another copy");
	await p.waitForSelector("text=copy 3");
	assert.equal(at.paper.slips.length, 3, "two clicks at once were one");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("what is paid reaches the kitchen once, though the node is killed before it hears of the money", async () => {
	const order = uuid7();
	const payment = uuid7();
	const { total } = await s.node.do(
		"order.place",
		{ type: "pickup", lines: [{ dish: "kung-pao-chicken", qty: 1 }], contact: { name: "Ada", phone: "1" } },
		"waiter",
		order,
	);
	const board = await s.open("/kitchen", { role: "kitchen", size: sizes.laptop });
	await board.waitForSelector(".tk");
	const ticket = board.locator(".tk:has-text('Kung Pao Chicken')");
	await s.node.do("payment.create", { order, provider: "wechat", amount: total }, "waiter", payment);
	assert.equal(await ticket.count(), 0, "first paid, then cooked");
	await s.node.kill();
	await board.waitForSelector(".banner");
	assert.equal(await s.bank.ask({ provider: "wechat", payment, notify: "" }), "ok"); // charged; nobody heard of it
	await s.node.start();
	await ticket.waitFor({ timeout: 30_000 });
	const o = await s.node.rest(`/v1/stores/demo/orders/${order}`);
	assert.deepEqual([o.state, o.payment, o.paid], ["accepted", "paid", total], "charged, and there is an order for it");
	assert.equal(await ticket.count(), 1);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("stock goes down once for an order that is repeated over a cut", async () => {
	await s.node.do("stock.count", { dish: "twice-cooked-pork", qty: 10, low_at: 10 }, "kitchen");
	await s.node.do("table.open", { table: "T02", guests: 1 }, "waiter");
	const [phone, ops] = [await s.phone("T02"), await s.open("/ops#stock", { role: "manager" })];
	await ops.fill("input[type=search]", "twice-cooked");
	await ops.waitForSelector("li b:has-text('10')");
	await phone.fill("input[type=search]", "Twice-Cooked Pork");
	await phone.click(".plus");
	await phone.click("dialog .primary"); // how hot it is
	await phone.click(".bar");
	await phone.waitForSelector("dialog .line:not(.pending)");
	await phone.context().setOffline(true);
	await phone.evaluate(() => {
		const b = document.querySelector("dialog .primary");
		b.click();
		b.click();
	});
	await phone.waitForSelector("text=the order is kept");
	await phone.context().setOffline(false);
	await phone.waitForSelector(".card ol", { timeout: 20_000 });
	await ops.waitForSelector("li b:has-text('9')");
	const { items } = await s.node.rest("/v1/stores/demo/stock");
	const dish = items.find((x) => x.id === "dish/twice-cooked-pork");
	assert.deepEqual([dish.taken, dish.left], [1, 9]);
	await s.close();
});

test("a walk-in that fails: alert, held dish, work order, the food's fate, the inspector's record", async () => {
	await s.node.do("table.open", { table: "T03", guests: 1 }, "waiter");
	const phone = await s.phone("T03");
	await phone.fill("input[type=search]", "Mapo Tofu");
	await phone.waitForSelector("article:not(.out)");
	const p = await s.open("/ops#sensors", { role: "manager" });
	const box = await Box.open(s.node, at.hub);
	try {
		box.fail();
		await phone.waitForSelector("article.out", { timeout: 60_000 });
		const nodes = await s.open("/ops#nodes", { role: "admin" });
		await nodes.waitForSelector("li.ok:has-text('edge-1'):has-text('Linked'):has-text('fused-1.0.2'):has-text('Events to send')");
		await p.click("li.bad:has-text('Walk-in cooler') button:has-text('Acknowledge')");
		await p.waitForSelector("li.warn:has-text('Walk-in cooler'):has-text('Acknowledged')");
		await p.click("li:has-text('Walk-in cooler') button:has-text('Last 24 hours')");
		await p.waitForSelector("dialog canvas");
		await p.click("summary");
		assert.ok((await p.locator("dialog tbody tr").count()) > 10, "the chart is a table as well");
		await p.keyboard.press("Escape");
		await p.click("button:has-text('Take it')");
		await p.click("li:has-text('Held:') button:has-text('Done')");
		await p.fill("dialog textarea", "New refrigerant");
		await p.click("dialog button:has-text('Discard')");
		await p.click("dialog .primary");
		await until(async () => {
			const { items } = await s.node.rest("/v1/stores/demo/workorders");
			return items.some((w) => w.what === "New refrigerant" && w.decision === "discard");
		}, "what was done and what became of the food is on record");
		await until(async () => (await phone.locator("article.out").count()) === 1, "recovery never releases a hold by itself");
		const stock = await s.open("/ops#stock", { role: "manager" });
		await stock.fill("input[type=search]", "mapo");
		await stock.click("button:has-text('Release hold')");
		await phone.waitForSelector("article:not(.out)");
	} finally {
		await box.close();
	}
	const nodes = await s.open("/ops#nodes", { role: "admin" });
	await nodes.waitForSelector("li:has-text('edge-1'):has-text('runs alone')", { timeout: 30_000 });
	await nodes.waitForSelector("li.warn:has-text('edge-1'):has-text('suspect')", { timeout: 60_000 }); // lost
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("reports are of the store's business day, and the day is closed", async () => {
	const { order, total } = await place("T09", "garlic-greens", 2);
	await s.node.do("item.bump", { order, items: ["1"] }, "kitchen");
	await s.node.do("order.place", { type: "dine_in", table: "T10", guests: 1, lines: [{ dish: "cola", qty: 3 }] }, "waiter");
	const p = await s.open("/ops#reports", { role: "manager" });
	await p.waitForSelector("input[type=date]");
	const { date } = await p.evaluate(() => ({ date: document.querySelector("input[type=date]").value }));
	await until(async () => (await p.locator("input[type=date]").first().inputValue()) !== "", "the days are chosen");
	const day = await p.locator("input[type=date]").first().inputValue();
	const sales = await s.node.rest(`/v1/stores/demo/reports/sales?by=dish`);
	assert.ok(date === "" || date === day);
	assert.equal(await p.locator(".ops-mini[aria-pressed=true]:has-text('Today')").count(), 1);
	await p.click("button:has-text('By dish')");
	const greens = sales.items.find((x) => x.key === "garlic-greens");
	assert.ok(greens.amount > 0 && total > 0);
	await p.waitForSelector(`tr:has-text('Seasonal Greens'):has-text('${(greens.amount / 100).toFixed(2)}')`);
	await p.click("button:has-text('Times to make')");
	await p.waitForSelector("tr:has-text('Wok')");
	await p.click("button:has-text('Yesterday')");
	await p.waitForSelector("text=Nothing in these days.");
	const [file] = await Promise.all([p.waitForEvent("download"), p.click("button:has-text('CSV')")]);
	assert.match(file.suggestedFilename(), /^haccp-.*\.csv$/);
	const store = await s.open("/ops#store", { role: "manager" });
	await store.waitForSelector(`h3:has-text('${day}')`); // the day that today's reports are of
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a manager gives money back, for a reason, and never more than came in", async () => {
	await place("T12", "kung-pao-chicken");
	const { due } = (await s.node.rest("/v1/stores/demo/tables/T12")).bill;
	const payment = uuid7();
	await s.node.do("payment.create", { table: "T12", provider: "cash", amount: due }, "waiter", payment);
	await s.node.do("payment.confirm", { payment }, "waiter");
	const w = await s.open("/waiter#T12", { role: "waiter", size: sizes.tablet });
	await w.click("nav .bill");
	await w.waitForSelector("em.succeeded");
	assert.equal(await w.locator("button:has-text('Refund')").count(), 0, "a waiter may not");
	const m = await s.open("/waiter#T12", { role: "manager", size: sizes.tablet });
	await m.click("nav .bill");
	await m.click("li button:has-text('Refund')");
	await m.fill("dialog input", "10");
	await m.click("dialog button:has-text('Quality')");
	await m.waitForSelector("text=10.00 went back");
	const { bill } = await s.node.rest("/v1/stores/demo/tables/T12");
	assert.deepEqual([bill.refunded, bill.due], [1000, 0]);
	await s.close();
	assert.deepEqual(s.errors, []);
});
