// The page that a new node opens on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "./stage.mjs";

const s = stage({ lively: false });

test("the start page shows a table's code, and opens every app with one click", async () => {
	const p = await s.open("/");
	await p.waitForSelector("img.qr");
	await p.click('a:has-text("Open the guest\'s phone")');
	await p.waitForSelector("h1:has-text('Table T01')");
	await p.waitForSelector(".plus");
	for (const [app, role, shows] of [
		["waiter", "Waiter", ".tb"],
		["kitchen", "Kitchen", ".empty h2"],
		["dispatch", "Expo", "section.ready"],
		["ops", "Manager", ".ops-page li"],
		["ops", "Administrator", "nav a[href='#nodes']"],
	]) {
		await p.goto(s.node.url);
		await p.click(`section.app.${app} button:has-text('${role}')`);
		await p.waitForSelector(shows);
		assert.equal(new URL(p.url()).pathname, `/${app}`);
	}
	await s.close();
	assert.deepEqual(s.errors, []);
});
