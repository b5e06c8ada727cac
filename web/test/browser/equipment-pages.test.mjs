// The pages of operations with something on them: a printer that fails, a cooler that fails,
// work to do, people, money that went back; and their dialogs.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inspect } from "./looks.mjs";
import { sizes, uuid7 } from "./node.mjs";
import { Box, beside } from "./parts.mjs";
import { stage } from "./stage.mjs";

let box;
const at = beside({
	prepare: async ({ node }) => {
		at.paper.out = true;
		await node.do("order.place", { type: "dine_in", table: "T12", guests: 2, lines: [{ dish: "mapo-tofu", qty: 1 }] }, "waiter");
		const { due } = (await node.rest("/v1/stores/demo/tables/T12")).bill;
		const payment = uuid7();
		await node.do("payment.create", { table: "T12", provider: "cash", amount: due }, "waiter", payment);
		await node.do("payment.confirm", { payment }, "waiter");
		await node.do("payment.refund", { payment, amount: 500, reason: "quality" });
		box = await Box.open(node, at.hub);
		box.fail();
	},
});
const s = stage(at.settings);
after(() => box?.close());

/** Pages, who sees them, what they must show, and what is opened on them. */
const pages = [
	["sensors", "manager", "li.bad", ["li.bad button:has-text('24')", "dialog canvas"], ["li .main >> nth=-1", "dialog textarea"]],
	["printers", "manager", "li.bad"],
	["nodes", "admin", "li:has-text('edge-1')"],
	["people", "admin", "tbody .who", ["tbody .who >> nth=0", "dialog .ops-form"], [".ops-bar .main", "dialog .ops-form"]],
	["payments", "manager", "tbody tr"],
	["orders", "manager", "tbody button"],
];
for (const [size, box] of Object.entries(sizes))
	for (const lang of ["en", "zh"])
		test(`what goes wrong, at ${box.join(" × ")} in ${lang}`, async () => {
			for (const [page, role, wait, ...dialogs] of pages) {
				const p = await s.open(`/ops#${page}`, { role, size: box, lang });
				await p.waitForSelector(`.ops-page ${wait}`);
				await inspect(p, `${page} ${size} ${lang}`);
				for (const [open, shows] of dialogs) {
					await p.click(`.ops-page ${open}`);
					await p.waitForSelector(shows);
					await inspect(p, `${page}: ${shows} ${size} ${lang}`);
					await p.keyboard.press("Escape");
					await p.waitForSelector("dialog", { state: "detached" });
				}
				await s.close();
			}
			assert.deepEqual(s.errors, []);
		});

test("a bill with a refund on it", async () => {
	for (const lang of ["en", "zh"]) {
		const p = await s.open("/waiter#T12", { role: "manager", size: sizes.tablet, lang });
		await p.click("nav .bill");
		await p.waitForSelector("em.succeeded");
		await inspect(p, `a bill with a refund ${lang}`);
		await s.close();
	}
	assert.deepEqual(s.errors, []);
});
