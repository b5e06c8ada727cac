// A lively evening in the demo store: what screens and measurements look at.

/** Seats tables and places orders of several kinds; returns the orders' ids by table. */
export async function evening(node, { kitchen = true } = {}) {
	const orders = {};
	const line = (dish, qty = 1, more = {}) => ({ dish, qty, ...more });
	const dine = async (table, guests, lines, more = {}) => {
		const r = await node.do("order.place", { type: "dine_in", table, guests, lines, ...more }, "waiter");
		(orders[table] ??= []).push(r.order);
		return r.order;
	};
	await dine("T12", 4, [
		line("kung-pao-chicken", 2, { seat: 1, options: [{ group: "spice", option: "spice-hot" }] }),
		line("boiled-fish-chilli", 1, { note: "Extra spicy", seat: 2 }),
		line("dry-fried-beans", 1, { seat: 3 }),
		line("steamed-rice", 4),
	]);
	await dine("T07", 2, [
		line("mapo-tofu", 1, { allergies: ["peanut"], options: [{ group: "extras", option: "extra-rice" }] }),
		line("cumin-lamb", 1, { note: "No chilli, for a child" }),
		line("hot-sour-soup"),
	]);
	await dine("T03", 3, [line("twice-cooked-pork"), line("garlic-greens"), line("dan-dan-noodles", 2), line("plum-juice", 3)], {
		note: "Birthday: dessert at the end",
	});
	await dine("T21", 8, [
		line("steamed-sea-bass", 1),
		line("chongqing-chicken", 1, { options: [{ group: "leave-out", option: "no-peanuts" }] }),
		line("mapo-tofu", 2),
		line("garlic-greens", 2),
		line("yangzhou-fried-rice", 2),
		line("lamb-skewers", 8),
		line("tsingtao-beer", 6),
	]);
	await dine("T15", 2, [line("beef-noodles", 2), line("smashed-cucumber"), line("cola", 2)]);
	await dine("T09", 2, [line("fish-fragrant-pork"), line("egg-fried-rice"), line("ice-jelly", 2, { course: 2 })]);
	await dine("T18", 4, [line("salt-pepper-squid"), line("tomato-egg"), line("steamed-rice", 3), line("jasmine-tea")]);
	for (const [contact, lines] of [
		["Chen", [line("kung-pao-chicken", 1), line("steamed-rice", 2)]],
		["Zhou", [line("dan-dan-noodles", 2), line("spring-rolls", 1)]],
		["Ada", [line("yangzhou-fried-rice", 1), line("lamb-skewers", 4), line("soy-milk", 2)]],
	]) {
		const r = await node.do(
			"order.place",
			{ type: "delivery", lines, contact: { name: contact, phone: "13800000000", address: "88 Renmin Road" } },
			"waiter",
		);
		await node.do("order.accept", { order: r.order }, "manager");
		(orders.delivery ??= []).push(r.order);
	}
	await node.do("table.open", { table: "T05", guests: 2 }, "waiter");
	await node.do("table.call", { table: "T07", kind: "waiter" }, "waiter");
	await node.do("table.call", { table: "T12", kind: "hurry" }, "waiter");
	await node.do("stock.out", { dish: "steamed-sea-bass", until: "end_of_day" }, "kitchen");
	await node.do("stock.count", { dish: "salt-pepper-squid", qty: 3, low_at: 5 }, "kitchen");
	await node.do("stock.count", { dish: "cumin-lamb", qty: 5, low_at: 5 }, "kitchen");
	if (!kitchen) return orders;
	await node.do("item.start", { order: orders.T12[0], items: ["1", "2"] }, "kitchen");
	await node.do("item.bump", { order: orders.T12[0], items: ["3"] }, "kitchen");
	await node.do("item.start", { order: orders.T07[0], items: ["1"] }, "kitchen");
	await node.do("order.rush", { order: orders.T15[0], on: true }, "expo");
	await node.do("item.bump", { order: orders.T18[0], items: ["1", "2", "3", "4"] }, "kitchen");
	await node.do("order.add", { order: orders.T03[0], lines: [line("pumpkin-cakes", 1)] }, "waiter");
	await node.do("item.void", { order: orders.T21[0], items: ["4"], reason: "guest_left" }, "manager");
	await node.do("item.bump", { order: orders.delivery[0], items: ["1", "2"] }, "kitchen");
	return orders;
}
