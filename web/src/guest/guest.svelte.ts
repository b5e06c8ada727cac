import type { Client, View } from "../lib/client.svelte";
import { Refused } from "../lib/frames";
import { say } from "../lib/i18n.svelte";
import { newID } from "../lib/id";
import { Menus } from "../lib/menus.svelte";
import { why } from "../lib/refusals";
import { tell } from "../lib/toast.svelte";
import type { CartLine, Dish, Line, Order, OrderPlaceReply, Store, Table } from "../lib/wire";
import { t } from "./words";

/** A change of the cart that no view shows yet; until is the table's version that will. */
interface Tap {
	line: CartLine | undefined;
	until: number;
}

/** Visit is what one phone knows of its table, and what it can do there. */
export class Visit {
	readonly client: Client;
	readonly menus: Menus;
	readonly me: string;
	tableID = $state("");
	/** The table was cleared: nothing can be done any more. */
	over = $state(false);
	placing = $state(false);
	private taps = $state.raw<ReadonlyMap<string, Tap>>(new Map());
	private waits: Promise<unknown>[] = [];
	private store: View<Store>;
	private storeID: string;

	constructor(client: Client, store: string, table: string, me: string) {
		this.client = client;
		this.storeID = store;
		this.me = me;
		this.tableID = table;
		this.menus = new Menus(client, store, "guest");
		this.store = client.topic<Store>("store");
		client.topic(`table.${table}`);
		client.socket.onEnd = (topic, end) => this.ended(topic, end);
	}

	private ended(topic: string, end: { code: string; table?: string }) {
		if (topic !== `table.${this.tableID}`) return;
		if (end.code !== "moved" || !end.table) {
			this.over = true;
			return;
		}
		this.client.leave(topic);
		this.tableID = end.table;
		tell(t("moved", { n: end.table }));
	}

	private get view(): View<Table | Order> {
		return this.client.topic<Table | Order>(`table.${this.tableID}`);
	}

	get loaded() {
		return this.view.loaded;
	}

	get table(): Table | undefined {
		return this.view.get(`table/${this.tableID}`) as Table | undefined;
	}

	get orders(): Order[] {
		const all = [...this.view.entries].filter(([k]) => k.startsWith("order/")).map(([, h]) => h.d as Order);
		return all.sort((a, b) => (b.placed_at ?? "").localeCompare(a.placed_at ?? ""));
	}

	get storeView(): Store | undefined {
		return this.store.get(`store/${this.storeID}`);
	}

	get currency(): string {
		return this.menus.index?.menu.currency ?? this.storeView?.currency ?? "CNY";
	}

	get bill() {
		return this.table?.bill;
	}

	/** The shared cart with what was just tapped in it. */
	cart = $derived.by((): (CartLine & { pending?: boolean })[] => {
		const v = this.view.entries.get(`table/${this.tableID}`)?.v ?? 0;
		const lines = this.table?.cart.lines ?? [];
		const taps = new Map([...this.taps].filter(([, x]) => x.until > v));
		const known = lines.flatMap((l) => {
			const tap = taps.get(l.id);
			if (!tap) return [l];
			return tap.line ? [{ ...tap.line, pending: true }] : [];
		});
		const fresh = [...taps.values()].flatMap(({ line }) =>
			line && !lines.some((l) => l.id === line.id) ? [{ ...line, pending: true }] : [],
		);
		return [...known, ...fresh];
	});
	count = $derived(this.cart.reduce((n, l) => n + l.qty, 0));
	sum = $derived(this.cart.reduce((n, l) => n + l.amount, 0));

	inCart(dish: string): number {
		return this.cart.reduce((n, l) => n + (l.dish === dish ? l.qty : 0), 0);
	}

	person(id: string | undefined) {
		return this.table?.people.find((p) => p.guest === id);
	}

	add(dish: Dish, line: Line, unit: number) {
		const id = newID();
		const shown: CartLine = {
			...line,
			id,
			guest: this.me,
			name: dish.name,
			unit_price: unit,
			amount: unit * line.qty,
			options: [],
			parts: [],
			allergies: line.allergies ?? [],
		};
		this.set(id, line, shown);
	}

	/** Changes how many of a line; none takes it out. */
	change(l: CartLine, qty: number) {
		const { id, dish, name, unit_price, amount, guest, options, parts, ...more } = l;
		const asked: Line = {
			...more,
			dish,
			qty,
			options: options.map((o) => ({ option: o.option, group: o.group, qty: o.qty })),
			parts: parts.map((p) => ({
				part: p.part,
				dish: p.dish,
				options: p.options.map((o) => ({ option: o.option, group: o.group, qty: o.qty })),
			})),
		};
		this.set(id, asked, qty > 0 ? { ...l, qty, amount: unit_price * qty } : undefined);
	}

	private set(id: string, line: Line, shown: CartLine | undefined) {
		this.taps = new Map(this.taps).set(id, { line: shown, until: Number.POSITIVE_INFINITY });
		const asked = this.client
			.do("cart.set", { ...line, id: undefined, table: this.tableID, line: id } as never, say(shown?.name))
			.then((ok) => {
				this.taps = new Map(this.taps).set(id, { line: shown, until: ok.v });
			})
			.catch((e) => {
				const back = new Map(this.taps);
				back.delete(id);
				this.taps = back;
				tell(`${say(shown?.name)} ${why(e)}`, "bad");
			});
		this.waits.push(asked);
	}

	/** What the cart costs with everything; undefined while it cannot be asked. */
	async quote(): Promise<OrderPlaceReply | undefined> {
		await Promise.allSettled(this.waits);
		const cart = this.table?.cart;
		if (!cart?.lines.length) return undefined;
		try {
			return (await this.client.dry("order.place", { type: "dine_in", table: this.tableID, cart: cart.cart_v })).d;
		} catch {
			return undefined;
		}
	}

	/** Sends the whole cart, once all that was tapped has reached the server. */
	async place(total: number | undefined): Promise<boolean> {
		this.placing = true;
		try {
			await Promise.allSettled(this.waits.splice(0));
			const d = {
				type: "dine_in",
				table: this.tableID,
				cart: this.table?.cart.cart_v,
				total,
				menu_version: this.menus.index?.menu.version,
			};
			const ok = await this.client.do("order.place", d, t("place"));
			tell(t("placed", { n: ok.d.no }));
			return true;
		} catch (e) {
			tell(this.refusal(e), "bad");
			return false;
		} finally {
			this.placing = false;
		}
	}

	private refusal(e: unknown): string {
		if (!(e instanceof Refused)) return why(e);
		const { code, fields } = e.refusal;
		if (code === "stale_price") return t("priceChanged");
		if (code === "conflict" && fields.reason === "version") return t("cartChanged");
		if (code !== "sold_out") return why(e);
		const name = fields.dish ? this.menus.index?.dishes.get(fields.dish)?.name : undefined;
		return t("soldOutX", { x: name ? say(name) : (fields.dish ?? fields.option ?? ""), n: fields.left ?? 0 });
	}

	async call(kind: "waiter" | "hurry") {
		try {
			await this.client.do("table.call", { table: this.tableID, kind }, t(kind === "waiter" ? "call" : "hurry"));
			tell(t(kind === "waiter" ? "called" : "hurried"));
		} catch (e) {
			tell(why(e), "bad");
		}
	}
}
