import { expect, test } from "vitest";
import { warning } from "../../src/kitchen/pass";
import type { Pass, Ticket, TicketItem } from "../../src/lib/wire";

const saw = (dishes: number, more: Partial<Pass> = {}): Pass => ({ id: "pass-1", asset: "pass", dishes, at: "", ...more });
const ticket = { station: "wok" } as Ticket;
const item = (qty: number, void_qty = 0, state = "cooking") => ({ qty, void_qty, state }) as TicketItem;

test("warns where the number of dishes does not fit, or one is cold", () => {
	const items = [item(3, 1), item(1, 0, "voided"), item(1)]; // three that are to leave
	expect(warning([], ticket, items)).toBeUndefined();
	expect(warning([saw(3.2)], ticket, items)).toBeUndefined();
	expect(warning([saw(2)], ticket, items)).toEqual({ seen: 2, of: 3, cold: undefined });
	expect(warning([saw(4)], ticket, items)).toEqual({ seen: 4, of: 3, cold: undefined });
	expect(warning([saw(3, { cold_c: 48.4 })], ticket, items)).toEqual({ seen: 3, of: 3, cold: 48 });
	expect(warning([saw(3, { cold_c: 60 })], ticket, items)).toBeUndefined();
	expect(warning([saw(0, { cold_c: 20 })], ticket, [item(1)])).toEqual({ seen: 0, of: 1, cold: undefined });
});

test("goes by the camera of the ticket's station; of several others, by none", () => {
	const own = saw(1, { id: "pass-2", asset: "wok" });
	expect(warning([saw(2), own], ticket, [item(1)])).toBeUndefined();
	expect(warning([saw(2), own], { station: "bar" } as Ticket, [item(1)])).toBeUndefined();
	expect(warning([saw(2)], { station: "bar" } as Ticket, [item(1)])).toEqual({ seen: 2, of: 1, cold: undefined });
});
