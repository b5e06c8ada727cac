import { Refused } from "../lib/frames";
import { newID } from "../lib/id";
import { why } from "../lib/refusals";
import { tell } from "../lib/toast.svelte";
import type { BillPayment, Payment, PaymentCreate } from "../lib/wire";
import type { Visit } from "./guest.svelte";

const kept = "brigata.pay";
const keptMax = 20;
/** How long after it was asked a payment that is not known is asked for again, ms. */
const askEvery = 4000;
const provided = (p: BillPayment) => p.provider !== "cash" && p.provider !== "terminal";
const isOpen = (p: BillPayment) => ["created", "pending", "unknown"].includes(p.state);

interface Attempt {
	id: string;
	d: PaymentCreate;
}

/** One of this phone's payments: how it stands on the bill, and what its payer has to do. */
export interface Mine extends BillPayment {
	action?: Payment["action"];
	expires_at?: Payment["expires_at"];
}

/**
 * Payer is how one phone pays. It keeps the id and the body of what it asked for, so that
 * neither a second tap nor a reload asks for it as something new: the bill says what
 * became of it, and the same id brings back what is to be scanned.
 */
export class Payer {
	busy = $state(false);
	private visit: Visit;
	private attempts = $state.raw<Attempt[]>([]);
	private answers = $state.raw<ReadonlyMap<string, Payment>>(new Map());
	private unanswered?: Attempt;
	private seen = $state.raw<ReadonlySet<string>>(new Set());
	private dropped = $state.raw<ReadonlySet<string>>(new Set());
	private next = new Map<string, number>();

	constructor(visit: Visit) {
		this.visit = visit;
		try {
			const had = JSON.parse(localStorage.getItem(kept) ?? "null") as { session: string; attempts: Attempt[] } | null;
			if (had?.session === visit.table?.session) this.attempts = had?.attempts ?? [];
		} catch {
			// what cannot be read was never paid by this phone
		}
	}

	/** This phone's payments that are on the bill, the newest first. */
	mine = $derived.by((): Mine[] => {
		const ids = new Set(this.attempts.map((a) => a.id));
		return (this.visit.bill?.payments ?? [])
			.filter((p) => ids.has(p.id))
			.map((p) => {
				const told = this.answers.get(p.id);
				// The bill says what is set aside and what is paid; what the provider said is the payment's.
				const state = p.state === "pending" && told?.state === "unknown" ? told.state : p.state;
				return { ...p, state, action: told?.action, expires_at: told?.expires_at };
			})
			.reverse();
	});
	open = $derived(this.mine.filter((p) => isOpen(p)));
	/** What of the bill this phone has paid or is paying. */
	sum = $derived(this.mine.reduce((n, p) => n + p.amount - p.refunded, 0));
	/** Whether the last one came to nothing, though nobody cancelled it: it has left the bill. */
	failed = $derived.by(() => {
		const last = this.attempts.at(-1);
		if (!last || this.dropped.has(last.id) || this.mine.some((p) => p.id === last.id)) return false;
		return this.seen.has(last.id) || this.answers.get(last.id)?.state === "failed";
	});

	/** Follows the bill: asks for what an open payment's payer has to do, and of what is not known. now in ms. */
	follow(now: number) {
		for (const p of this.open) {
			if (!this.seen.has(p.id)) this.seen = new Set(this.seen).add(p.id);
			if (!this.visit.client.live || !provided(p) || (p.action && p.state !== "unknown") || now < (this.next.get(p.id) ?? 0)) continue;
			this.next.set(p.id, now + askEvery);
			const a = this.attempts.find((x) => x.id === p.id)!;
			// What cannot be asked for now stands on the bill all the same, and is asked for again.
			void (this.answers.has(p.id) ? this.check(p.id) : this.ask(a)).catch(() => undefined);
		}
	}

	/** Has the provider asked how a payment stands. */
	async check(id: string) {
		const ok = await this.visit.client.at("payment.confirm", { payment: id });
		this.answers = new Map(this.answers).set(id, ok.d);
	}

	async pay(d: PaymentCreate) {
		const same = this.unanswered && JSON.stringify(this.unanswered.d) === JSON.stringify(d);
		const a = same ? this.unanswered! : { id: newID(), d };
		this.unanswered = a;
		this.attempts = [...this.attempts.filter((x) => x.id !== a.id), a].slice(-keptMax);
		localStorage.setItem(kept, JSON.stringify({ session: this.visit.table?.session, attempts: this.attempts }));
		this.busy = true;
		try {
			await this.ask(a);
			this.unanswered = undefined;
		} catch (e) {
			if (e instanceof Refused && !e.refusal.retry) this.unanswered = undefined;
			tell(why(e), "bad");
		} finally {
			this.busy = false;
		}
	}

	async cancel(id: string) {
		this.dropped = new Set(this.dropped).add(id);
		try {
			await this.visit.client.at("payment.cancel", { payment: id });
		} catch (e) {
			tell(why(e), "bad");
		}
	}

	private async ask(a: Attempt) {
		const ok = await this.visit.client.at("payment.create", a.d, a.id);
		this.answers = new Map(this.answers).set(a.id, ok.d);
	}
}
