import assert from "node:assert/strict";
import { test } from "node:test";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false });
const find = async (p, dish) => {
	await p.fill("input[type=search]", dish);
	await until(async () => (await p.locator("article h3").first().innerText()) === dish, `${dish} is found`);
};
const add = async (p, dish, option) => {
	await find(p, dish);
	await p.click(".plus");
	await p.waitForSelector("dialog .primary");
	if (option) await p.click(`dialog label:has-text("${option}")`);
	await p.click("dialog .primary");
	await p.waitForSelector("dialog", { state: "detached" });
};
const orders = async (table) => (await s.node.rest("/v1/stores/demo/orders?limit=200")).items.filter((o) => o.table === table);

test("two phones share a cart, order once, watch it cook, and pay", async () => {
	await s.node.do("table.open", { table: "T03", guests: 2 }, "waiter");
	const a = await s.phone("T03");
	const b = await s.phone("T03");
	await add(a, "Kung Pao Chicken", "Hot");
	await add(b, "Mapo Tofu");
	await a.click(".bar");
	await until(async () => (await a.locator("dialog .line").count()) === 2, "both lines in A's cart");
	await b.click(".bar");
	await until(async () => (await b.locator("dialog .line").count()) === 2, "both lines in B's cart");
	assert.match(await b.locator("dialog").innerText(), /Kung Pao Chicken[\s\S]*Hot/);

	await Promise.all([a, b].map((p) => p.waitForSelector("dialog .primary:not([disabled])")));
	await Promise.all([a, b].map((p) => p.evaluate(() => document.querySelector("dialog .primary").click())));
	await until(async () => (await orders("T03")).filter((o) => o.state === "accepted").length === 1, "one order of the table");
	const placed = (await orders("T03")).filter((o) => o.state !== "refused");
	assert.equal(placed.length, 1, "two phones that order at once make one order");
	const order = placed[0];
	assert.deepEqual(order.lines.map((l) => l.dish).sort(), ["kung-pao-chicken", "mapo-tofu"]);

	for (const p of [a, b]) {
		await p.keyboard.press("Escape");
		await p.click("footer nav button:nth-child(2)");
	}
	const step = (p) => p.locator("[aria-current=step]").innerText();
	await until(async () => (await step(b)) === "Accepted", "accepted");
	const items = order.lines.flatMap((l) => l.items.map((i) => i.id));
	await s.node.do("item.start", { order: order.id, items: [items[0]] }, "kitchen");
	await until(async () => (await step(a)) === "Cooking", "A sees it cook");
	await s.node.do("item.bump", { order: order.id, items }, "kitchen");
	await until(async () => (await step(b)) === "Ready", "B sees it ready");
	await s.node.do("item.serve", { order: order.id, items }, "waiter");
	await until(async () => (await step(a)) === "Served", "served");

	await a.click("footer nav button:nth-child(3)");
	await b.click("footer nav button:nth-child(3)");
	await a.click("text=My dishes");
	await a.click(".card .primary");
	await a.waitForSelector("section.card[role=status]");
	await until(async () => /¥28\.00|¥38\.00/.test(await a.locator("section.card[role=status]").innerText()), "A pays only what A had");
	const floor = await s.open("/waiter#T03", { role: "waiter", size: [1024, 768] });
	await floor.click("nav .bill");
	await floor.click(".bill li button:has-text('Confirm')");
	await until(async () => /¥28\.00|¥38\.00/.test(await b.locator(".due").innerText()), "B sees what is left");
	await b.click(".card .primary");
	await floor.click(".bill li button:has-text('Confirm')");
	await b.waitForSelector("text=All paid");
	await a.waitForSelector("text=All paid");
	const bill = (await s.node.rest("/v1/stores/demo/tables/T03")).bill;
	assert.equal(bill?.due ?? 0, 0);
	assert.equal(bill?.paid ?? order.total, order.total, "nothing was charged twice");

	await s.node.do("table.clear", { table: "T03" }, "waiter");
	await a.waitForSelector("text=Thank you for your visit");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a double tap orders once, and the kitchen gets one ticket", async () => {
	await s.node.do("table.open", { table: "T04", guests: 1 }, "waiter");
	const p = await s.phone("T04");
	await add(p, "Twice-Cooked Pork");
	await p.click(".bar");
	await p.waitForSelector("dialog .line:not(.pending)");
	await p.evaluate(() => {
		const b = document.querySelector("dialog .primary");
		b.click();
		b.click();
	});
	await p.waitForSelector(".card ol");
	assert.equal((await orders("T04")).length, 1);
	await s.close();
});

test("the last portion goes to one phone; the other is told by the dish's name", async () => {
	await s.node.do("stock.count", { dish: "cumin-lamb", qty: 1, low_at: 3 }, "kitchen");
	await s.node.do("table.open", { table: "T06", guests: 1 }, "waiter");
	await s.node.do("table.open", { table: "T07", guests: 1 }, "waiter");
	const [a, b] = [await s.phone("T06"), await s.phone("T07")];
	for (const p of [a, b]) {
		await add(p, "Cumin Lamb");
		await p.click(".bar");
		await p.waitForSelector("dialog .line:not(.pending)");
	}
	await Promise.all([a.click("dialog .primary"), b.click("dialog .primary")]);
	await until(async () => (await a.locator(".toast.bad").count()) + (await b.locator(".toast.bad").count()) === 1, "one is refused");
	const refused = (await a.locator(".toast.bad").count()) ? a : b;
	assert.match(await refused.locator(".toast.bad").innerText(), /Cumin Lamb: only 0 left/);
	const placed = [...(await orders("T06")), ...(await orders("T07"))].filter((o) => o.state === "accepted");
	assert.equal(placed.length, 1, "never oversold");
	await s.close();
});

test("a manager's 86 is on every phone within a second", async () => {
	await s.node.do("table.open", { table: "T08", guests: 2 }, "waiter");
	const phones = [await s.phone("T08"), await s.phone("T08"), await s.phone("T08")];
	for (const p of phones) await find(p, "Fish-Fragrant Pork");
	const ops = await s.open("/ops#stock", { role: "manager" });
	await ops.fill("input[type=search]", "fish-fragrant pork");
	const began = Date.now();
	await ops.click(".ops-mini.bad");
	await Promise.all(phones.map((p) => p.waitForSelector("article.out", { timeout: 3000 })));
	assert.ok(Date.now() - began <= 1000, `it took ${Date.now() - began} ms`);
	await ops.click(".toast button:has-text('Undo')");
	await Promise.all(phones.map((p) => p.waitForSelector("article:not(.out)")));
	await s.close();
});

test("a table that is not open, and a code that was replaced", async () => {
	const link = async (rotate) => {
		const r = await fetch(`${s.node.url}/v1/stores/demo/tables/T10/qr${rotate ? "?rotate=true" : ""}`, {
			method: "POST",
			headers: { Authorization: `Bearer ${await s.node.token("manager")}` },
		});
		return new URL(/<([^>]+)>/.exec(r.headers.get("Link"))[1]).pathname;
	};
	const old = await link();
	const p = await s.open(old);
	await p.waitForSelector("text=This table is not open yet");
	await s.node.do("table.open", { table: "T10", guests: 2 }, "waiter");
	await p.waitForSelector(".plus"); // it goes on by itself
	await link(true);
	const q = await s.open(old);
	await q.waitForSelector("text=This code is not valid any more");
	await s.close();
});
