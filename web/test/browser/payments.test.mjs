// Guests pay on their own phones, through stand-ins that sign as the providers do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes } from "./node.mjs";
import { stage, until } from "./stage.mjs";

const s = stage({ lively: false, providers: true });
const bill = async (table) => (await s.node.rest(`/v1/stores/demo/tables/${table}`)).bill;
const open = async (table, lines = [{ dish: "mapo-tofu", qty: 1 }]) => {
	await s.node.do("order.place", { type: "dine_in", table, guests: 2, lines }, "waiter");
	const p = await s.phone(table);
	await p.click("footer nav button:nth-child(3)");
	await p.waitForSelector(".card .primary");
	return p;
};
/** The payer pays in the provider's app, and the provider tells the node, or does not. */
const payAt = async (provider, table, { tell = true } = {}) => {
	const { id } = (await bill(table)).payments.find((x) => x.provider === provider && x.state === "pending");
	const notify = tell ? `${s.node.url}/v1/payments/${provider}/notify` : "";
	assert.equal(await s.bank.ask({ provider, payment: id, notify }), "ok");
};
const way = (p, name) => p.click(`.rows label:has-text("${name}")`);

test("WeChat Pay: a code that survives a reload, a tip, paid once however often it is tapped", async () => {
	const p = await open("T01");
	await way(p, "WeChat Pay");
	await p.click(".four label:has-text('10 %')");
	await p.evaluate(() => {
		const b = document.querySelector(".card .primary");
		b.click();
		b.click();
	});
	await p.waitForSelector("img[alt*='WeChat Pay']");
	assert.match(await p.locator("a.primary").getAttribute("href"), /^weixin:\/\//);
	const { payments, total } = await bill("T01");
	assert.equal(payments.length, 1, "two taps, one payment");
	assert.equal(payments[0].tip, Math.round(total / 10));
	await p.reload();
	await p.waitForSelector(".plus");
	await p.click("footer nav button:nth-child(3)");
	await p.waitForSelector("img[alt*='WeChat Pay']"); // the same code again, not another payment
	assert.equal((await bill("T01")).payments.length, 1);
	const other = await s.phone("T01"); // paid on one phone, it cannot be paid on another
	await other.click("footer nav button:nth-child(3)");
	await other.waitForSelector("text=is being paid by others");
	await payAt("wechat", "T01");
	for (const phone of [p, other]) await phone.waitForSelector("text=All paid");
	const paid = await bill("T01");
	assert.deepEqual([paid.due, paid.paid], [0, total]);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("Alipay for a part of it, cancelled and paid otherwise; what is left is for the next", async () => {
	const p = await open("T02", [{ dish: "mapo-tofu", qty: 2 }]);
	const { total } = await bill("T02");
	await p.click(".seg label:has-text('Other amount')");
	await p.fill(".n input", "10");
	await way(p, "Alipay");
	await p.click(".card .primary:has-text('10.00')");
	await p.waitForSelector("img[alt*='Alipay']");
	await p.click("button:has-text('Cancel this payment')");
	await until(async () => !(await bill("T02")).payments.length, "cancelled at the provider");
	assert.equal(await p.locator("text=did not go through").count(), 0, "who cancels needs no news of it");
	await p.click(".seg label:has-text('Evenly')");
	await way(p, "Alipay");
	await p.click(".card .primary:has-text('Pay')");
	await p.waitForSelector("img[alt*='Alipay']");
	await payAt("alipay", "T02", { tell: false });
	await p.click("button:has-text('I have paid')"); // the provider's word got lost: it is asked
	await until(async () => (await bill("T02")).paid === Math.ceil(total / 2), "half is paid", 20_000);
	await p.click(".seg label:has-text('Whole')");
	await way(p, "Cash");
	await p.waitForSelector(`.card .primary:has-text('${(total - Math.ceil(total / 2)) / 100}')`);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a provider that does not answer: being checked, never offered again, and known in the end", async () => {
	const p = await open("T03");
	await s.bank.ask({ provider: "wechat", next: "hang" });
	await way(p, "WeChat Pay");
	await p.click(".card .primary");
	await p.waitForSelector(".card.unknown:has-text('do not pay again')", { timeout: 20_000 });
	assert.equal(await p.locator(".card .primary:has-text('Pay ')").count(), 0, "nothing to pay twice");
	await until(async () => !(await p.locator(".card.unknown").count()), "asked again, it is known", 20_000);
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a split bill is paid by its parts", async () => {
	const p = await open("T04", [{ dish: "mapo-tofu", qty: 3 }]);
	await s.node.do("bill.split", { table: "T04", mode: "even", count: 3 }, "waiter");
	await p.waitForSelector("text=Which part is yours?");
	await p.click(".rows label:has-text('Part 2')");
	await way(p, "WeChat Pay");
	await p.click(".card .primary");
	await p.waitForSelector("img[alt*='WeChat Pay']");
	await payAt("wechat", "T04");
	await p.waitForSelector(".rows label.off:has-text('Part 2')");
	const { parts } = await bill("T04");
	assert.deepEqual(
		parts.map((x) => x.due === 0),
		[false, true, false],
	);
	await s.close();
});

test("a card is typed into Stripe's own form; a refusal can be tried again", async () => {
	const p = await open("T05");
	await p.route("https://js.stripe.com/**", (route) =>
		route.fulfill({
			contentType: "text/javascript",
			body: `globalThis.Stripe = (key) => ({
				elements: (o) => ({ create: () => ({ mount: (at) => (at.textContent = key + " " + o.clientSecret), on: (e, f) => e === "ready" && setTimeout(f), destroy() {} }) }),
				confirmPayment: async () => ({ error: globalThis.tried ? undefined : ((globalThis.tried = true), { message: "Your card was declined." }) }),
			});`,
		}),
	);
	await way(p, "Card online");
	await p.click(".card .primary");
	await p.waitForSelector(".box:has-text('pk_test_fake stripe_')");
	await p.click("form .primary");
	await p.waitForSelector("text=Your card was declined.");
	await p.click("form .primary");
	await payAt("stripe", "T05");
	await p.waitForSelector("text=All paid");
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("a payment that ends at the provider says so, and nothing is charged", async () => {
	const p = await open("T06");
	await way(p, "WeChat Pay");
	await p.click(".card .primary");
	await p.waitForSelector("img[alt*='WeChat Pay']");
	const [{ id }] = (await bill("T06")).payments;
	await s.node.do("payment.cancel", { payment: id }, "waiter"); // as when it expires: not the phone's doing
	await p.waitForSelector("text=did not go through");
	const { due, total } = await bill("T06");
	assert.equal(due, total);
	await p.waitForSelector(".card .primary:has-text('Pay')"); // it is offered again
	await s.close();
	assert.deepEqual(s.errors, []);
});

test("the waiter sees what guests pay by phone, and takes the rest", async () => {
	await s.node.do("order.place", { type: "dine_in", table: "T07", guests: 2, lines: [{ dish: "mapo-tofu", qty: 2 }] }, "waiter");
	const p = await s.phone("T07");
	await p.click("footer nav button:nth-child(3)");
	await p.click(".seg label:has-text('Evenly')");
	await way(p, "WeChat Pay");
	await p.click(".card .primary:has-text('Pay')");
	await p.waitForSelector("img[alt*='WeChat Pay']");
	const w = await s.open("/waiter#T07", { role: "waiter", size: sizes.tablet });
	await w.click("nav .bill");
	await w.waitForSelector("li:has-text('WeChat Pay'):has-text('waiting')");
	await payAt("wechat", "T07");
	await w.waitForSelector("li:has-text('WeChat Pay') em.succeeded");
	await w.click(".wide");
	await w.click(".pay .primary");
	await until(async () => (await bill("T07")).due === 0, "all is paid");
	await s.close();
	assert.deepEqual(s.errors, []);
});
