import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { Box, beside } from "./parts.mjs";
import { stage, until } from "./stage.mjs";

const at = beside({
	prepare: async ({ node }) => {
		const store = await node.rest("/v1/stores/demo", { role: "admin" });
		store.sensors.push({ id: "pass-1", name: { en: "Pass", zh: "出餐台" }, kind: "thermal", asset: "pass", dishes: [] });
		await node.rest("/v1/stores/demo", { role: "admin", method: "PUT", body: store });
	},
});
const s = stage(at.settings);
const two = readFileSync(new URL("two-plates.jpg", import.meta.url)); // of the generator, none that the camera was trained on
const place = async (table, lines) => (await s.node.do("order.place", { type: "dine_in", table, guests: 2, lines }, "waiter")).order;
const items = async (order) => (await s.node.rest(`/v1/stores/demo/orders/${order}`)).lines.flatMap((l) => l.items);

test("a camera over the pass warns before the bump, of the ticket that is next, and stops nothing", async () => {
	const box = await Box.open(s.node, at.hub);
	try {
		const first = await place("T01", [{ dish: "mapo-tofu", qty: 3 }]);
		const second = await place("T02", [{ dish: "mapo-tofu", qty: 2 }]);
		const p = await s.open("/kitchen", { role: "expo", size: sizes.laptop });
		const warned = (table) => p.locator(`.tk:has(.label:text-is('${table}')) .pass`);
		await p.waitForSelector(".tk:has-text('T02')");
		assert.equal(await p.locator(".pass").count(), 0, "no camera, no warning");

		assert.equal(Math.round((await box.see(two)).dishes), 2);
		await warned("T01").waitFor();
		assert.match(await warned("T01").innerText(), /2\/3/);
		assert.match(await warned("T01").innerText(), /sees 2 of 3 dishes/);
		assert.equal(await warned("T02").count(), 0, "of the next ticket alone");
		await p.click(".tk:has-text('T02') .head");
		await until(async () => (await p.locator(".pass").count()) === 0, "two dishes, and two on the pass");
		// A camera goes on: nodes hear of it once a second, of the newest picture then.
		await until(async () => (await box.see(two, 48)).cold_c === 48 && (await warned("T02").count()) === 1, "the frame of heat is there");
		assert.match(await warned("T02").innerText(), /48 °C/);
		const [chip, bump] = [await warned("T02").boundingBox(), await p.locator(".tk:has-text('T02') .bump").boundingBox()];
		const card = await p.locator(".tk:has-text('T02')").boundingBox();
		assert.ok(chip.x + chip.width <= bump.x && bump.x + bump.width <= card.x + card.width, "both have room");

		await p.click(".tk:has-text('T02') .bump"); // warned or not
		await until(async () => (await items(second)).every((i) => i.state === "ready"), "what is warned of is bumped as well");
		await warned("T01").waitFor();
		await p.click(".tk:has-text('T01') .bump");
		await until(async () => (await items(first)).every((i) => i.state === "ready"), "and so is the next");
		await place("T03", [{ dish: "mapo-tofu", qty: 1 }]);
		await p.waitForSelector(".tk:has-text('T03')");
		await box.see(two);
		await warned("T03").waitFor();
		await until(async () => (await p.locator(".pass").count()) === 0, "what the camera saw is old", 25_000);
	} finally {
		await box.close();
	}
	await s.close();
	assert.deepEqual(s.errors, []);
});
