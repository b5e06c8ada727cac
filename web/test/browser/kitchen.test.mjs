import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false });
const place = async (table, lines, more = {}) =>
	(await s.node.do("order.place", { type: "dine_in", table, guests: 2, lines, ...more }, "waiter")).order;
const item = async (order, id) =>
	(await s.node.rest(`/v1/stores/demo/orders/${order}`)).lines.flatMap((l) => l.items).find((i) => i.id === id);
const board = async (more = {}) => {
	const p = await s.open("/kitchen", { role: "kitchen", size: sizes.wall, ...more });
	await p.waitForSelector(".tk, .empty h2");
	return p;
};
const labels = (p) => p.locator(".tk .label").allInnerTexts();

test("a new order rings up on the board; touch starts, bumps, undoes", async () => {
	const p = await board();
	const order = await place("T01", [
		{ dish: "kung-pao-chicken", qty: 2 },
		{ dish: "mapo-tofu", qty: 1, allergies: ["peanut"] },
	]);
	await p.waitForSelector(".tk:has-text('T01')");
	assert.match(await p.locator(".tk").innerText(), /ALLERGY · Peanut/i);
	await p.click(".ln button >> nth=0");
	await until(async () => (await item(order, "1")).state === "cooking", "the first line cooks");
	assert.match(await p.locator("aside").innerText(), /2[\s\S]*Kung Pao Chicken/);
	await p.click(".bump");
	await p.waitForSelector(".tk", { state: "detached" });
	await until(async () => (await item(order, "2")).state === "ready", "all is ready");
	await p.click(".undo button");
	await p.waitForSelector(".tk:has-text('T01')");
	await until(async () => (await item(order, "2")).state === "cooking", "it is back");
	await p.click(".bump");
	await until(async () => (await item(order, "2")).state === "ready", "ready again");
	await s.close();
});

test("keys alone: select, bump by digit and by Enter, recall, page, rail, switch the keys off", async () => {
	const made = [];
	for (const t of ["T11", "T12", "T13"]) made.push(await place(t, [{ dish: "mapo-tofu", qty: 1 }]));
	const p = await board();
	await until(async () => (await labels(p)).length === 3, "three tickets");
	const first = (await labels(p))[0];
	await p.keyboard.press("1");
	assert.equal(await p.locator(".tk.selected .label").innerText(), first);
	await p.keyboard.press("1");
	await until(async () => !(await labels(p)).includes(first), "the same digit bumps");
	await p.keyboard.press("ArrowRight");
	const second = await p.locator(".tk.selected .label").innerText();
	await p.keyboard.press("Enter");
	await until(async () => !(await labels(p)).includes(second), "Enter bumps");
	await p.keyboard.press("r");
	await until(async () => (await labels(p)).includes(second), "R recalls the last");
	await p.keyboard.press("a");
	await p.waitForSelector("aside", { state: "detached" });
	await p.keyboard.press("a");
	await p.waitForSelector("aside");
	await p.click(".sk");
	await p.evaluate(() => document.activeElement?.blur());
	await p.keyboard.press("a");
	assert.equal(await p.locator("aside").count(), 1, "keys are off");
	await p.click(".rec");
	await p.click(`dialog li button:has-text('${first}')`);
	await until(async () => (await labels(p)).includes(first), "a chosen one is recalled");
	for (const o of made) await s.node.do("order.void", { order: o, reason: "mistake" });
	await s.close();
});

test("stations, what was added and what was taken off, and two screens that agree", async () => {
	const order = await place("T14", [
		{ dish: "kung-pao-chicken", qty: 1 },
		{ dish: "cola", qty: 2 },
		{ dish: "mapo-tofu", qty: 1 },
	]);
	const [p, q] = [await board(), await board({ lang: "zh" })];
	await p.click("nav .tab:has-text('Bar')");
	await until(async () => (await p.locator(".tk:has-text('T14')").count()) === 1, "the bar's ticket alone");
	assert.match(await p.locator(".tk:has-text('T14')").innerText(), /Cola/);
	await p.click("nav .tab:has-text('Wok')");
	await s.node.do("order.add", { order, lines: [{ dish: "twice-cooked-pork", qty: 1 }] }, "waiter");
	await p.waitForSelector(".ln:has-text('Twice-Cooked Pork') em.add");
	await s.node.do("item.void", { order, items: ["3"], reason: "quality" });
	await p.waitForSelector(".ln.voided:has-text('Mapo Tofu')");
	const wok = q.locator(".tk:has-text('T14'):has-text('宫保鸡丁')");
	await wok.waitFor();
	await p.click(".tk:has-text('T14') .bump");
	await wok.waitFor({ state: "detached" });
	assert.equal((await item(order, "1")).state, "ready");
	await s.close();
	assert.deepEqual(s.errors, []);
});
