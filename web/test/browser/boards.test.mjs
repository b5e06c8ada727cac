// Dispatch and operations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false });
const order = (id) => s.node.rest(`/v1/stores/demo/orders/${id}`);
const deliver = async (lines) => {
	const r = await s.node.do(
		"order.place",
		{ type: "delivery", lines, contact: { name: "Zhou", phone: "1", address: "88 Renmin Road" } },
		"waiter",
	);
	await s.node.do("order.accept", { order: r.order });
	return r.order;
};
const card = (p, id) => p.locator(`article:has-text('#${id}')`);

test("expo waits until every station is done; a driver takes it through to the door", async () => {
	const id = await deliver([
		{ dish: "kung-pao-chicken", qty: 1 },
		{ dish: "dan-dan-noodles", qty: 1 },
	]);
	const p = await s.open("/dispatch", { role: "expo", size: sizes.wall });
	const { no } = await order(id);
	await card(p, no).waitFor();
	await card(p, no).locator(".blocked").click({ force: true });
	await p.waitForSelector(".toast.bad:has-text('Stations are still open')");
	assert.equal((await order(id)).delivery ?? "pending", "pending", "nothing left the pass");
	await s.node.do("item.bump", { order: id, items: ["1"] }, "kitchen");
	await until(async () => (await card(p, no).locator(".st .ok").count()) === 1, "one station is done");
	await s.node.do("item.bump", { order: id, items: ["2"] }, "kitchen");
	await p.locator(`.ready article:has-text('#${no}')`).waitFor();
	await card(p, no).locator(".go").click(); // no driver yet: it asks for one
	await p.fill("dialog input >> nth=0", "Li Wei");
	await p.click("dialog .primary");
	await until(async () => (await order(id)).driver?.name === "Li Wei", "the driver");
	await card(p, no).filter({ hasText: "Li Wei" }).locator(".go").click();
	await p.locator(`section.out article:has-text('#${no}')`).waitFor();
	for (const step of ["On the way", "Delivered"]) await card(p, no).locator(`.go:has-text('${step}')`).click();
	await until(async () => (await order(id)).delivery === "delivered", "it is at the door");
	assert.equal((await order(id)).delivery, "delivered");
	await card(p, no).waitFor({ state: "detached" });
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a manager lets an order go with a station open, and it is written who did", async () => {
	const r = await s.node.do("order.place", { type: "dine_in", table: "T01", guests: 1, lines: [{ dish: "mapo-tofu", qty: 1 }] }, "waiter");
	const p = await s.open("/dispatch", { role: "manager", size: sizes.laptop });
	const { no } = await order(r.order);
	const b = card(p, no).locator(".blocked");
	await b.waitFor();
	const box = await b.boundingBox();
	await p.mouse.move(box.x + 20, box.y + 20);
	await p.mouse.down();
	await p.waitForSelector("dialog");
	await p.mouse.up();
	await p.click("dialog .btn:has-text('Mistake')");
	await until(
		async () =>
			(await s.node.rest(`/v1/stores/demo/orders/${r.order}/history`)).items.some(
				(x) => x.type === "left_pass" && x.by.name === "Wang" && x.d.overridden,
			),
		"it is in the order's history",
	);
	await s.close();
});

test("the menu is edited, drafted and published, and phones follow", async () => {
	await s.node.do("table.open", { table: "T03", guests: 2 }, "waiter");
	const phone = await s.phone("T03");
	const p = await s.open("/ops#menu", { role: "manager", size: sizes.laptop });
	await p.click(".list li button:has-text('Smashed Cucumber')");
	await p.fill(".ed input >> nth=1", "Smacked Cucumber");
	await p.fill(".ed input[type=number] >> nth=0", "19.5");
	await p.click("button:has-text('Save draft')");
	await p.waitForSelector("text=Draft saved");
	assert.equal(await phone.locator("text=Smacked Cucumber").count(), 0, "guests do not see a draft");
	await p.click("button:has-text('Publish')");
	await phone.waitForSelector("article:has-text('Smacked Cucumber'):has-text('19.50')");
	const menu = await s.node.rest("/v1/stores/demo/menu");
	assert.equal(menu.dishes.find((d) => d.id === "smashed-cucumber").price, 1950);
	await s.close();
});

test("people: a new waiter logs in with a password, and is out when disabled", async () => {
	const p = await s.open("/ops#people", { role: "admin", size: sizes.laptop });
	await p.click("button:has-text('New user')");
	await p.fill("dialog input >> nth=0", "xiaomei");
	await p.fill("dialog input >> nth=1", "Xiao Mei");
	await p.fill("dialog input >> nth=2", "correct horse");
	await p.click("dialog .primary");
	await p.waitForSelector("td:has-text('Xiao Mei')");
	const w = await s.open("/waiter", { size: sizes.tablet });
	await w.fill("form input >> nth=0", "xiaomei");
	await w.fill("form input >> nth=1", "wrong horse!");
	await w.click("form .primary");
	await w.waitForSelector("text=do not match");
	await w.fill("form input >> nth=1", "correct horse");
	await w.click("form .primary");
	await w.waitForSelector(".tb");
	await p.click("td button:has-text('Xiao Mei')");
	await p.click("dialog input[type=checkbox]");
	await p.click("dialog .primary");
	await w.waitForSelector("form"); // its live session is closed and it stands before the log-in
	await s.close();
	assert.deepEqual(s.errors, []);
});
