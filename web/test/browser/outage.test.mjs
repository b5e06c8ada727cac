// The network is cut, the node is killed: nothing lost, nothing doubled, nothing stale unmarked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false });
const place = async (table, dish) =>
	(await s.node.do("order.place", { type: "dine_in", table, guests: 1, lines: [{ dish, qty: 1 }] }, "waiter")).order;
const item = async (order) => (await s.node.rest(`/v1/stores/demo/orders/${order}`)).lines[0].items[0];

test("bumps while the network is cut are kept over a reload, and sent once, in order", async () => {
	const orders = [await place("T01", "mapo-tofu"), await place("T02", "kung-pao-chicken")];
	const p = await s.open("/kitchen", { role: "kitchen", size: sizes.wall });
	await until(async () => (await p.locator(".tk").count()) === 2, "two tickets");
	await p.context().setOffline(true);
	await p.waitForSelector(".banner");
	await p.click(".bump");
	await p.click(".bump");
	await until(async () => /2 waiting/.test(await p.locator(".banner").innerText()), "the banner counts what waits");
	assert.equal((await item(orders[0])).state, "queued", "nothing reached the server");
	const age = () => p.locator(".banner").innerText();
	const before = await age();
	await until(async () => (await age()) !== before, "the age of the data ticks on");
	await p.context().setOffline(false);
	for (const o of orders) await until(async () => (await item(o)).state === "ready", "bumped after the cut");
	await p.waitForSelector(".banner", { state: "detached" });
	for (const o of orders) {
		const bumps = (await s.node.rest(`/v1/stores/demo/orders/${o}/history`)).items.filter((x) => x.type === "moved" && x.d.to === "ready");
		assert.equal(bumps.length, 1, `bumped once: ${bumps.map((x) => x.type)}`);
	}
	await s.close();
});

test("the node is killed under an open board and a phone: both come back by themselves with what happened", async () => {
	await s.node.do("table.open", { table: "T05", guests: 1 }, "waiter");
	const phone = await s.phone("T05");
	const board = await s.open("/kitchen", { role: "kitchen", size: sizes.laptop });
	await board.waitForSelector(".empty h2, .tk");
	await phone.fill("input[type=search]", "Mapo Tofu");
	await phone.click(".plus");
	await phone.click("dialog .primary");
	await phone.click(".bar");
	await phone.waitForSelector("dialog .line:not(.pending)");
	await s.node.kill();
	await Promise.all([board.waitForSelector(".banner"), phone.waitForSelector(".banner", { state: "attached" })]);
	await phone.click("dialog .primary"); // ordered while the node is gone
	await phone.waitForSelector("text=the order is kept");
	await s.node.start();
	await board.waitForSelector(".banner", { state: "detached", timeout: 20_000 });
	await board.waitForSelector(".tk:has-text('T05')", { timeout: 20_000 });
	const orders = (await s.node.rest("/v1/stores/demo/orders?limit=200")).items.filter((o) => o.table === "T05");
	assert.equal(orders.length, 1, "one order");
	await phone.waitForSelector(".card ol");
	await s.close();
});

test("money never waits: paying without a network says so and sends nothing", async () => {
	await s.node.do("table.open", { table: "T06", guests: 1 }, "waiter");
	await place("T06", "mapo-tofu");
	const phone = await s.phone("T06");
	await phone.click("footer nav button:nth-child(3)");
	await phone.waitForSelector(".card .primary");
	await phone.context().setOffline(true);
	await phone.waitForSelector(".primary:disabled:has-text('Paying needs a connection')");
	await phone.context().setOffline(false);
	await phone.waitForSelector(".primary:not([disabled]):has-text('Pay')");
	assert.equal((await s.node.rest("/v1/stores/demo/tables/T06")).bill.payments.length, 0);
	await s.close();
});

/** Waits until the worker has kept the page and what it loaded. */
const kept = (p, page) =>
	until(
		() => p.evaluate(async (page) => !!(await caches.match(page)) && !!navigator.serviceWorker.controller, page),
		`${page} is kept`,
		30_000,
	);

test("each app's shell opens without a network after one visit, and says what it cannot do", async () => {
	await s.node.do("table.open", { table: "T07", guests: 1 }, "waiter");
	const pages = [
		[await s.open("/kitchen", { role: "kitchen" }), "/kitchen", "h1:has-text('Kitchen')"],
		[await s.open("/dispatch", { role: "expo" }), "/dispatch", "h1:has-text('Dispatch')"],
		[await s.open("/waiter", { role: "waiter" }), "/waiter", "h1:has-text('Floor')"],
		[await s.open("/ops", { role: "manager" }), "/ops", "nav a:has-text('Stock')"],
		[await s.phone("T07"), "/t", "article h3:has-text('Smashed Cucumber')"],
	];
	for (const [p, page, shows] of pages) {
		await kept(p, page);
		await p.context().setOffline(true);
		await p.reload();
		await p.waitForSelector(shows);
		await p.waitForSelector(".banner");
		assert.equal(await p.locator("text=All clear").count(), 0, "a board that knows nothing does not say that there is nothing");
		await p.context().setOffline(false);
		await p.waitForSelector(".banner", { state: "detached", timeout: 30_000 });
	}
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("what was refused meanwhile is shown by its name, though the page that gave it has gone", async () => {
	const order = await place("T08", "mapo-tofu");
	const p = await s.open("/kitchen", { role: "kitchen" });
	await kept(p, "/kitchen");
	await p.waitForSelector(".tk:has-text('T08')");
	await p.context().setOffline(true);
	await p.waitForSelector(".banner");
	await p.click(".tk:has-text('T08') .ln button"); // starts it
	await p.waitForSelector(".banner:has-text('1 waiting')");
	await p.reload();
	await p.waitForSelector(".banner:has-text('1 waiting')"); // counted before there is a connection
	await s.node.do("order.void", { order, reason: "mistake" });
	await p.context().setOffline(false);
	const told = p.locator(".banner:has-text('While you were away: T08 was refused')");
	await told.waitFor({ timeout: 30_000 });
	await told.locator("button").click();
	await told.waitFor({ state: "detached" });
	await p.waitForSelector(".tk:has-text('T08') .ln.voided"); // as it is
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a node that hangs is noticed within two pings: every screen says how old it is", async () => {
	const pages = [
		await s.open("/kitchen", { role: "kitchen" }),
		await s.open("/dispatch", { role: "expo" }),
		await s.open("/waiter", { role: "waiter" }),
	];
	const pings = pages.map(
		(p) =>
			new Promise((resolve) =>
				p.on("websocket", (ws) =>
					ws.on("framereceived", ({ payload }) => {
						const ping = /"ping":(\d+)/.exec(payload)?.[1];
						if (ping) resolve(Number(ping) * 1000);
					}),
				),
			),
	);
	await Promise.all(pages.map((p) => p.reload()));
	const within = 2 * Math.max(...(await Promise.all(pings)));
	await Promise.all(pages.map((p) => p.waitForSelector(".conn:not(.off)")));
	s.node.process.kill("SIGSTOP"); // its connections stay open and say nothing
	try {
		const began = Date.now();
		await Promise.all(pages.map((p) => p.waitForSelector(".banner:has-text('Last update')", { timeout: within })));
		assert.ok(Date.now() - began <= within);
	} finally {
		s.node.process.kill("SIGCONT");
	}
	await Promise.all(pages.map((p) => p.waitForSelector(".banner", { state: "detached", timeout: 30_000 })));
	await s.close();
	assert.deepEqual(s.errors, []);
});
