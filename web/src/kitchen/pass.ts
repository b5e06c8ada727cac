import type { Pass, Ticket, TicketItem } from "../lib/wire";

/** What does not fit a ticket that is about to be bumped. It is shown, and stops nothing. */
export interface Warning {
	/** Dishes on the pass, of those on the ticket; the same: their number fits. */
	seen: number;
	of: number;
	/** The coldest dish, °C, where it is colder than hot food is held. */
	cold?: number;
}

/** Where hot food is held, °C (FDA Food Code 3-501.16); the box has the same. */
const hold = 57;

/** What cameras say against a ticket: that of its station's own pass, or the only one there is. */
export function warning(all: Pass[], t: Ticket, items: TicketItem[]): Warning | undefined {
	const p = all.find((x) => x.asset === t.station) ?? (all.length === 1 ? all[0] : undefined);
	if (!p) return undefined;
	const of = items.reduce((n, i) => n + (i.state === "voided" ? 0 : i.qty - i.void_qty), 0);
	const seen = Math.round(p.dishes);
	const cold = seen > 0 && p.cold_c !== undefined && p.cold_c < hold ? Math.round(p.cold_c) : undefined;
	return seen === of && cold === undefined ? undefined : { seen, of, cold };
}
